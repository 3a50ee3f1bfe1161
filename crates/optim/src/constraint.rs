//! What is done to the weights after a step.

use gradus_core::{Mistake, ParameterRange, Parameters, Role, Scalar};
use serde::{Deserialize, Serialize};

/// A bound that weights (not biases) are brought back to after each step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Constraint {
    /// Each weight to `[-bound, bound]`. Source: the article's last trick; Arjovsky et al. (2017).
    ClipWeights(f64),
    /// The weights into each unit, `w`, to `w min(1, c/‖w‖)`.
    /// Source: Srivastava et al., JMLR 15 (2014), section 5.1.
    MaxNorm(f64),
}

impl Constraint {
    /// The name of its kind, as files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Constraint::ClipWeights(_) => "ClipWeights",
            Constraint::MaxNorm(_) => "MaxNorm",
        }
    }

    /// Its one number.
    pub fn bound(&self) -> f64 {
        match *self {
            Constraint::ClipWeights(bound) | Constraint::MaxNorm(bound) => bound,
        }
    }

    /// What is wrong with its number, if anything.
    pub fn mistake(&self) -> Option<Mistake> {
        let bound = self.bound();
        let holds = bound.is_finite() && bound > 0.0;
        Mistake::unless(holds, "[0]", self.kind(), bound, "a finite number above 0")
    }
}

/// A constraint with room for the norm of each unit.
#[derive(Debug)]
pub(crate) struct Constrain {
    constraint: Constraint,
    squares: Vec<f64>,
}

impl Constrain {
    pub(crate) fn new<T>(constraint: Constraint, parameters: &Parameters<T>) -> Self {
        let most_units = parameters.ranges.iter().map(|p| p.shape[p.unit_axis]).max();
        Self { constraint, squares: vec![0.0; most_units.unwrap_or(0)] }
    }

    pub(crate) fn apply<T: Scalar>(&mut self, values: &mut [T], ranges: &[ParameterRange]) {
        for parameter in ranges.iter().filter(|parameter| parameter.role == Role::Weight) {
            match self.constraint {
                Constraint::ClipWeights(bound) => {
                    clip(T::from_f64(bound), &mut values[parameter.range.clone()]);
                }
                Constraint::MaxNorm(bound) => self.limit_norms(bound, values, parameter),
            }
        }
    }

    /// Row by row, as the numbers lie in memory; each unit is a column.
    fn limit_norms<T: Scalar>(&mut self, bound: f64, values: &mut [T], parameter: &ParameterRange) {
        let mut weights = parameter.view_mut(values);
        let squares = &mut self.squares[..weights.ncols()];
        squares.fill(0.0);
        for row in weights.rows() {
            for (square, w) in squares.iter_mut().zip(row) {
                *square += w.to_f64().powi(2);
            }
        }
        for mut row in weights.rows_mut() {
            for (square, w) in squares.iter().zip(&mut row) {
                let norm = square.sqrt();
                if norm > bound {
                    *w *= T::from_f64(bound / norm);
                }
            }
        }
    }
}

/// NaN stays NaN.
fn clip<T: Scalar>(bound: T, weights: &mut [T]) {
    for w in weights {
        if *w > bound {
            *w = bound;
        } else if *w < -bound {
            *w = -bound;
        }
    }
}
