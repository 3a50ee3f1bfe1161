//! The gradient over the root of a running mean of its square.

use gradus_core::Scalar;
use serde::{Deserialize, Serialize};

use super::options::{Allowed, Options};
use super::{Apply, Step, Walk};

/// `v = ρ v + (1 - ρ) u²; u = u/(√v + ε)`, with `v = 0` before the first step.
///
/// `centered` divides by the root of the variance: `m = ρ m + (1 - ρ) u; u = u/(√(v - m²) + ε)`.
/// `epsilon_inside` divides by `√(v + ε)`. The defaults are those of PyTorch, whose `momentum` is
/// a `Momentum` behind this in the chain. Keras 2 has `decay: 0.9, epsilon: 1e-7`, and Keras 3 the
/// same with `epsilon_inside: true`.
/// Source: Tieleman and Hinton, *Neural Networks for Machine Learning*, lecture 6.5 (2012);
/// centered: Graves, arXiv 1308.0850 (2013), equations 38 to 40.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RmsProp {
    /// `ρ`: what is kept of the mean at each step.
    pub decay: f64,
    /// `ε`.
    pub epsilon: f64,
    /// Whether the square of the mean is taken off the mean of the squares.
    pub centered: bool,
    /// Whether `ε` stands inside of the root.
    pub epsilon_inside: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { decay: 0.99, epsilon: 1e-8, centered: false, epsilon_inside: false }
    }
}

impl Options for RmsProp {
    fn numbers(&self) -> Vec<(&'static str, f64, Allowed)> {
        vec![
            ("decay", self.decay, Allowed::ZeroToBelowOne),
            ("epsilon", self.epsilon, Allowed::AboveZero),
        ]
    }

    fn switches(&self) -> Vec<(&'static str, bool)> {
        vec![("centered", self.centered), ("epsilon_inside", self.epsilon_inside)]
    }
}

#[derive(Debug)]
pub(super) struct RmsPropState<T> {
    decay: T,
    rest: T,
    /// `ε` in the one place, zero in the other.
    inside: T,
    outside: T,
    square: Vec<T>,
    /// Empty unless centered.
    mean: Vec<T>,
}

impl RmsProp {
    pub(super) fn start<T: Scalar>(&self, len: usize) -> RmsPropState<T> {
        let epsilon = T::from_f64(self.epsilon);
        let (inside, outside) =
            if self.epsilon_inside { (epsilon, T::ZERO) } else { (T::ZERO, epsilon) };
        RmsPropState {
            decay: T::from_f64(self.decay),
            rest: T::from_f64(1.0 - self.decay),
            inside,
            outside,
            square: vec![T::ZERO; len],
            mean: vec![T::ZERO; if self.centered { len } else { 0 }],
        }
    }
}

impl<T: Scalar> Apply<T> for RmsPropState<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        let Self { decay, rest, inside, outside, .. } = *self;
        if self.mean.is_empty() {
            for (v, u) in self.square.iter_mut().zip(update) {
                *v = decay * *v + rest * *u * *u;
                *u = *u / ((*v + inside).sqrt() + outside);
            }
            return;
        }
        for ((v, m), u) in self.square.iter_mut().zip(&mut self.mean).zip(update) {
            *v = decay * *v + rest * *u * *u;
            *m = decay * *m + rest * *u;
            let variance = *v - *m * *m;
            // Rounding may take the variance of a steady gradient below zero; NaN stays NaN.
            let variance = if variance < T::ZERO { T::ZERO } else { variance };
            *u = *u / ((variance + inside).sqrt() + outside);
        }
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.numbers(&format!("{place}.square"), &mut self.square);
        walk.numbers(&format!("{place}.mean"), &mut self.mean);
    }
}
