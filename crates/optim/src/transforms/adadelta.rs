//! Steps in the units of the parameters themselves.

use gradus_core::Scalar;
use serde::{Deserialize, Serialize};

use super::options::{Allowed, Options};
use super::{Apply, Step, Walk};

/// `v = ρ v + (1 - ρ) u²; u = √(d + ε)/√(v + ε) u; d = ρ d + (1 - ρ) u²`, with `v = d = 0` before
/// the first step; the learning rate is usually 1.
///
/// The defaults are PyTorch's; the paper's are `decay: 0.95, epsilon: 1e-6`, Keras has
/// `decay: 0.95, epsilon: 1e-7`. Source: Zeiler, arXiv 1212.5701 (2012), algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adadelta {
    /// `ρ`: what is kept of both means at each step.
    pub decay: f64,
    /// `ε`, inside of both roots.
    pub epsilon: f64,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self { decay: 0.9, epsilon: 1e-6 }
    }
}

impl Options for Adadelta {
    fn numbers(&self) -> Vec<(&'static str, f64, Allowed)> {
        vec![
            ("decay", self.decay, Allowed::ZeroToBelowOne),
            ("epsilon", self.epsilon, Allowed::AboveZero),
        ]
    }
}

#[derive(Debug)]
pub(super) struct AdadeltaState<T> {
    decay: T,
    rest: T,
    epsilon: T,
    square: Vec<T>,
    /// Of the steps before the learning rate.
    square_of_steps: Vec<T>,
}

impl Adadelta {
    pub(super) fn start<T: Scalar>(&self, len: usize) -> AdadeltaState<T> {
        AdadeltaState {
            decay: T::from_f64(self.decay),
            rest: T::from_f64(1.0 - self.decay),
            epsilon: T::from_f64(self.epsilon),
            square: vec![T::ZERO; len],
            square_of_steps: vec![T::ZERO; len],
        }
    }
}

impl<T: Scalar> Apply<T> for AdadeltaState<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        let Self { decay, rest, epsilon, .. } = *self;
        for ((v, d), u) in self.square.iter_mut().zip(&mut self.square_of_steps).zip(update) {
            *v = decay * *v + rest * *u * *u;
            *u = (*d + epsilon).sqrt() / (*v + epsilon).sqrt() * *u;
            *d = decay * *d + rest * *u * *u;
        }
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.numbers(&format!("{place}.square"), &mut self.square);
        walk.numbers(&format!("{place}.square_of_steps"), &mut self.square_of_steps);
    }
}
