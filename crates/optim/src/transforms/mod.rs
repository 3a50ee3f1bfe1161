//! The registry of gradient transformations: one file each, a few lines here.

mod l2;
mod l1;
mod momentum;
mod nesterov;
mod clip_norm;
mod clip_value;

use std::fmt;

use gradus_core::{Mistake, ParameterRange, Role, Scalar};
use serde::{Deserialize, Serialize};

/// One link of an optimizer's chain. Each works on the update `u`, which begins as the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Transform {
    /// `u += λ w` for weights: the gradient of the penalty `½ λ ‖w‖²`.
    L2(f64),
    /// `u += λ sign(w)` for weights: the gradient of the penalty `λ ‖w‖₁`.
    L1(f64),
    /// `v = β v + u; u = v`: heavy-ball momentum.
    Momentum(f64),
    /// `v = β v + u; u = u + β v`: Nesterov's momentum.
    Nesterov(f64),
    /// `u *= min(1, c/‖u‖)` over all parameters together.
    ClipNorm(f64),
    /// Each number of `u` to `[-c, c]`.
    ClipValue(f64),
}

/// A transformation with its state.
pub(crate) trait Apply<T>: fmt::Debug + Send {
    /// Changes `update` in place; `values` are the parameters before the step.
    fn apply(&mut self, values: &[T], ranges: &[ParameterRange], update: &mut [T]);
}

impl Transform {
    /// The name of its kind, as files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Transform::L2(_) => "L2",
            Transform::L1(_) => "L1",
            Transform::Momentum(_) => "Momentum",
            Transform::Nesterov(_) => "Nesterov",
            Transform::ClipNorm(_) => "ClipNorm",
            Transform::ClipValue(_) => "ClipValue",
        }
    }

    /// Its one number.
    pub fn number(&self) -> f64 {
        match *self {
            Transform::L2(number)
            | Transform::L1(number)
            | Transform::Momentum(number)
            | Transform::Nesterov(number)
            | Transform::ClipNorm(number)
            | Transform::ClipValue(number) => number,
        }
    }

    /// What is wrong with its number, if anything.
    pub fn mistake(&self) -> Option<Mistake> {
        let number = self.number();
        let (holds, allowed) = match self {
            Transform::L2(_) | Transform::L1(_) => {
                (number.is_finite() && number >= 0.0, "a finite number from 0")
            }
            Transform::Momentum(_) | Transform::Nesterov(_) => {
                ((0.0..1.0).contains(&number), "from 0 to below 1")
            }
            Transform::ClipNorm(_) | Transform::ClipValue(_) => {
                (number.is_finite() && number > 0.0, "a finite number above 0")
            }
        };
        Mistake::unless(holds, "[0]", self.kind(), number, allowed)
    }

    /// Whether it adds the gradient of a penalty.
    pub fn is_penalty(&self) -> bool {
        matches!(self, Transform::L2(_) | Transform::L1(_))
    }

    /// The value of the penalty whose gradient it adds; 0 for the others.
    pub fn penalty<T: Scalar>(&self, values: &[T], ranges: &[ParameterRange]) -> f64 {
        match *self {
            Transform::L2(lambda) => l2::penalty(lambda, values, ranges),
            Transform::L1(lambda) => l1::penalty(lambda, values, ranges),
            _ => 0.0,
        }
    }

    /// The state at the first step for `len` parameters.
    pub(crate) fn start<T: Scalar>(&self, len: usize) -> Box<dyn Apply<T>> {
        match *self {
            Transform::L2(lambda) => Box::new(l2::L2 { lambda: T::from_f64(lambda) }),
            Transform::L1(lambda) => Box::new(l1::L1 { lambda: T::from_f64(lambda) }),
            Transform::Momentum(beta) => Box::new(momentum::Momentum::new(beta, len)),
            Transform::Nesterov(beta) => Box::new(nesterov::Nesterov::new(beta, len)),
            Transform::ClipNorm(bound) => Box::new(clip_norm::ClipNorm { bound }),
            Transform::ClipValue(bound) => {
                Box::new(clip_value::ClipValue { bound: T::from_f64(bound) })
            }
        }
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Penalties apply to weights, not to biases.
fn weights(ranges: &[ParameterRange]) -> impl Iterator<Item = &ParameterRange> {
    ranges.iter().filter(|parameter| parameter.role == Role::Weight)
}
