//! A rate for each parameter that falls with what its gradient has been so far.

use gradus_core::Scalar;
use serde::{Deserialize, Serialize};

use super::options::{Allowed, Options};
use super::{Apply, Step, Walk};

/// `G = G + u²; u = u/(√G + ε)`, with `G` at `initial` before the first step.
///
/// The defaults are PyTorch's. Keras 3 has `ε = 1e-7` inside of the root and begins at 0.1: that
/// is `Adagrad(epsilon: 0.0, initial: 0.1000001)`.
/// Source: Duchi, Hazan, Singer, JMLR 12 (2011), figure 1 with diagonal matrices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adagrad {
    /// `ε`, outside of the root.
    pub epsilon: f64,
    /// `G` before the first step.
    pub initial: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self { epsilon: 1e-10, initial: 0.0 }
    }
}

impl Options for Adagrad {
    fn numbers(&self) -> Vec<(&'static str, f64, Allowed)> {
        // A number whose gradient has always been zero would be 0/0.
        let epsilon = if self.initial > 0.0 { Allowed::FromZero } else { Allowed::AboveZero };
        vec![("epsilon", self.epsilon, epsilon), ("initial", self.initial, Allowed::FromZero)]
    }
}

#[derive(Debug)]
pub(super) struct AdagradState<T> {
    epsilon: T,
    sum: Vec<T>,
}

impl Adagrad {
    pub(super) fn start<T: Scalar>(&self, len: usize) -> AdagradState<T> {
        let sum = vec![T::from_f64(self.initial); len];
        AdagradState { epsilon: T::from_f64(self.epsilon), sum }
    }
}

impl<T: Scalar> Apply<T> for AdagradState<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        for (sum, u) in self.sum.iter_mut().zip(update) {
            *sum += *u * *u;
            *u = *u / (sum.sqrt() + self.epsilon);
        }
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.numbers(&format!("{place}.sum"), &mut self.sum);
    }
}
