//! Heavy-ball momentum.

use gradus_core::{Scalar, vectorized};

use super::{Apply, Step, Walk};

/// `v = β v + u; u = v`, with `v = 0` before the first step.
///
/// Source: Polyak (1964); Sutskever et al., ICML 2013, equation 1 (with the rate outside of `v`).
#[derive(Debug)]
pub(super) struct Momentum<T> {
    beta: T,
    velocity: Vec<T>,
}

impl<T: Scalar> Momentum<T> {
    pub(super) fn new(beta: f64, len: usize) -> Self {
        Self { beta: T::from_f64(beta), velocity: vec![T::ZERO; len] }
    }
}

impl<T: Scalar> Apply<T> for Momentum<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        vectorized(|| {
            for (v, u) in self.velocity.iter_mut().zip(&mut *update) {
                *v = self.beta * *v + *u;
                *u = *v;
            }
        });
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.numbers(&format!("{place}.velocity"), &mut self.velocity);
    }
}
