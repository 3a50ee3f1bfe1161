//! Heavy-ball momentum of the steps taken, not of the gradients.

use gradus_core::Scalar;

use super::{Apply, Step, Walk};

/// `v = β v + r u; u = v/r` at the rate `r` of the step, with `v = 0` before the first step.
///
/// The step is `v` itself, so that what was begun at a high rate goes on at a low one; at a
/// constant rate it is [`Momentum`](super::momentum::Momentum). A step whose rate is 0 moves
/// nothing. Keras and scikit-learn have this form, PyTorch the other.
/// Source: Sutskever et al., ICML 2013, equations 1 and 2.
#[derive(Debug)]
pub(super) struct ClassicalMomentum<T> {
    beta: T,
    velocity: Vec<T>,
}

impl<T: Scalar> ClassicalMomentum<T> {
    pub(super) fn new(beta: f64, len: usize) -> Self {
        Self { beta: T::from_f64(beta), velocity: vec![T::ZERO; len] }
    }
}

impl<T: Scalar> Apply<T> for ClassicalMomentum<T> {
    fn apply(&mut self, step: &Step<'_, T>, update: &mut [T]) {
        let inverse = if step.rate == 0.0 { 0.0 } else { 1.0 / step.rate };
        let (rate, inverse) = (T::from_f64(step.rate), T::from_f64(inverse));
        for (v, u) in self.velocity.iter_mut().zip(update) {
            *v = self.beta * *v + rate * *u;
            *u = *v * inverse;
        }
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.numbers(&format!("{place}.velocity"), &mut self.velocity);
    }
}
