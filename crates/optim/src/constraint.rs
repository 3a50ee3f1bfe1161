//! What is done to the weights after a step.

use gradus_core::{Mistake, ParameterRange, Parameters, Role, Scalar};
use serde::{Deserialize, Serialize};

use crate::units;

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

/// A constraint with room for one number of each unit.
#[derive(Debug)]
pub(crate) struct Constrain {
    constraint: Constraint,
    factors: Vec<f64>,
}

impl Constrain {
    pub(crate) fn new<T>(constraint: Constraint, parameters: &Parameters<T>) -> Self {
        Self { constraint, factors: vec![0.0; units::most_units(&parameters.ranges)] }
    }

    pub(crate) fn apply<T: Scalar>(&mut self, values: &mut [T], ranges: &[ParameterRange]) {
        let is_bound = |parameter: &&ParameterRange| {
            parameter.role == Role::Weight && parameter.rate_multiplier != 0.0
        };
        for parameter in ranges.iter().filter(is_bound) {
            match self.constraint {
                Constraint::ClipWeights(bound) => {
                    clip(T::from_f64(bound), &mut values[parameter.range.clone()]);
                }
                Constraint::MaxNorm(bound) => self.limit_norms(bound, values, parameter),
            }
        }
    }

    fn limit_norms<T: Scalar>(&mut self, bound: f64, values: &mut [T], parameter: &ParameterRange) {
        units::squares(parameter, values, &mut self.factors);
        for factor in &mut self.factors[..parameter.shape[parameter.unit_axis]] {
            let norm = factor.sqrt();
            *factor = if norm > bound { bound / norm } else { 1.0 };
        }
        units::scale(parameter, values, &self.factors);
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
