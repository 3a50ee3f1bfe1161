//! Momentum over the root of a running mean of squares, both corrected for their beginning.

use gradus_core::Scalar;
use serde::{Deserialize, Serialize};

use super::options::{Allowed, Options};
use super::{Apply, Step, Walk};

/// `m = β₁ m + (1 - β₁) u; v = β₂ v + (1 - β₂) u²`, and at step `t`, from 1,
/// `u = m/(1 - β₁ᵗ) / (√(v/(1 - β₂ᵗ)) + ε)`; `m = v = 0` before the first step.
///
/// The defaults are the paper's and PyTorch's. With `epsilon_hat`, `ε` is added to the root of the
/// `v` that is not corrected: `u = √(1 - β₂ᵗ)/(1 - β₁ᵗ) m/(√v + ε)`, the form at the end of the
/// paper's section 2, which Keras (`epsilon: 1e-7`) and scikit-learn (`epsilon: 1e-8`) have.
/// Source: Kingma and Ba, ICLR 2015, algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// `β₁`: what is kept of the mean at each step.
    pub beta1: f64,
    /// `β₂`: what is kept of the mean of squares at each step.
    pub beta2: f64,
    /// `ε`, outside of the root.
    pub epsilon: f64,
    /// Whether `ε` is the paper's `ε̂`, added before the correction.
    pub epsilon_hat: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilon_hat: false }
    }
}

impl Options for Adam {
    fn numbers(&self) -> Vec<(&'static str, f64, Allowed)> {
        vec![
            ("beta1", self.beta1, Allowed::ZeroToBelowOne),
            ("beta2", self.beta2, Allowed::ZeroToBelowOne),
            ("epsilon", self.epsilon, Allowed::AboveZero),
        ]
    }

    fn switches(&self) -> Vec<(&'static str, bool)> {
        vec![("epsilon_hat", self.epsilon_hat)]
    }
}

impl Adam {
    /// Factors `(a, b)` at step `t`, from 1, with which the update is `a m/(b √v + ε)`.
    pub(super) fn corrections(&self, t: u64) -> (f64, f64) {
        let of_mean = 1.0 - libm::pow(self.beta1, t as f64);
        let root = (1.0 - libm::pow(self.beta2, t as f64)).sqrt();
        if self.epsilon_hat { (root / of_mean, 1.0) } else { (1.0 / of_mean, 1.0 / root) }
    }

    pub(super) fn start<T: Scalar>(&self, len: usize) -> AdamState<T> {
        AdamState { adam: *self, t: 0, mean: vec![T::ZERO; len], square: vec![T::ZERO; len] }
    }
}

#[derive(Debug)]
pub(super) struct AdamState<T> {
    adam: Adam,
    /// Steps so far.
    t: u64,
    mean: Vec<T>,
    square: Vec<T>,
}

impl<T: Scalar> Apply<T> for AdamState<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        self.t += 1;
        let (a, b) = self.adam.corrections(self.t);
        let [a, b, epsilon] = [a, b, self.adam.epsilon].map(T::from_f64);
        let [beta1, beta2] = [self.adam.beta1, self.adam.beta2].map(T::from_f64);
        let [rest1, rest2] = [1.0 - self.adam.beta1, 1.0 - self.adam.beta2].map(T::from_f64);
        for ((m, v), u) in self.mean.iter_mut().zip(&mut self.square).zip(update) {
            *m = beta1 * *m + rest1 * *u;
            *v = beta2 * *v + rest2 * *u * *u;
            *u = a * *m / (b * v.sqrt() + epsilon);
        }
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.count(&format!("{place}.t"), &mut self.t);
        walk.numbers(&format!("{place}.mean"), &mut self.mean);
        walk.numbers(&format!("{place}.square"), &mut self.square);
    }
}
