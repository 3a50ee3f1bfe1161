//! Nesterov's accelerated gradient in the form that needs one gradient a step.

use gradus_core::Scalar;

use super::{Apply, Step, Walk};

/// `v = β v + u; u = u + β v`, with `v = 0` before the first step.
///
/// Source: Sutskever et al., ICML 2013, equations 3 and 4, in the variable at which the gradient
/// is taken, as PyTorch's `SGD(nesterov=True)`.
#[derive(Debug)]
pub(super) struct Nesterov<T> {
    beta: T,
    velocity: Vec<T>,
}

impl<T: Scalar> Nesterov<T> {
    pub(super) fn new(beta: f64, len: usize) -> Self {
        Self { beta: T::from_f64(beta), velocity: vec![T::ZERO; len] }
    }
}

impl<T: Scalar> Apply<T> for Nesterov<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        for (v, u) in self.velocity.iter_mut().zip(update) {
            *v = self.beta * *v + *u;
            *u += self.beta * *v;
        }
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.numbers(&format!("{place}.velocity"), &mut self.velocity);
    }
}
