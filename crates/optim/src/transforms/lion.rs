//! The sign of a mean of gradients.

use gradus_core::Scalar;
use serde::{Deserialize, Serialize};

use super::options::{Allowed, Options};
use super::{Apply, Step, Walk};

/// `c = β₁ m + (1 - β₁) u; m = β₂ m + (1 - β₂) u; u = sign(c)`, with `sign(0) = 0` and `m = 0`
/// before the first step. Its weight decay is a `DecoupledDecay` behind it in the chain.
///
/// Source: Chen et al., *Symbolic Discovery of Optimization Algorithms*, NeurIPS 2023,
/// algorithm 2; the defaults are the paper's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lion {
    /// `β₁`: the share of the mean in the step.
    pub beta1: f64,
    /// `β₂`: what is kept of the mean at each step.
    pub beta2: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.99 }
    }
}

impl Options for Lion {
    fn numbers(&self) -> Vec<(&'static str, f64, Allowed)> {
        vec![
            ("beta1", self.beta1, Allowed::ZeroToBelowOne),
            ("beta2", self.beta2, Allowed::ZeroToBelowOne),
        ]
    }
}

#[derive(Debug)]
pub(super) struct LionState<T> {
    lion: Lion,
    mean: Vec<T>,
}

impl Lion {
    pub(super) fn start<T: Scalar>(&self, len: usize) -> LionState<T> {
        LionState { lion: *self, mean: vec![T::ZERO; len] }
    }
}

impl<T: Scalar> Apply<T> for LionState<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        let [beta1, beta2] = [self.lion.beta1, self.lion.beta2].map(T::from_f64);
        let [rest1, rest2] = [1.0 - self.lion.beta1, 1.0 - self.lion.beta2].map(T::from_f64);
        for (m, u) in self.mean.iter_mut().zip(update) {
            let c = beta1 * *m + rest1 * *u;
            *m = beta2 * *m + rest2 * *u;
            *u = sign(c);
        }
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.numbers(&format!("{place}.mean"), &mut self.mean);
    }
}

/// 1, -1, or the number itself: zero, and NaN, which must not be hidden.
fn sign<T: Scalar>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}
