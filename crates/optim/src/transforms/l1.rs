//! The penalty that favors weights of exactly zero.

use gradus_core::{ParameterRange, Scalar};

use super::{Apply, weights};

/// `u += λ sign(w)` over weights, with `sign(0) = 0`; biases are spared.
///
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 7.1.2.
#[derive(Debug)]
pub(super) struct L1<T> {
    pub(super) lambda: T,
}

impl<T: Scalar> Apply<T> for L1<T> {
    fn apply(&mut self, values: &[T], ranges: &[ParameterRange], update: &mut [T]) {
        for parameter in weights(ranges) {
            let range = parameter.range.clone();
            for (u, &w) in update[range.clone()].iter_mut().zip(&values[range]) {
                if w > T::ZERO {
                    *u += self.lambda;
                } else if w < T::ZERO {
                    *u -= self.lambda;
                }
            }
        }
    }
}

/// `λ Σ |w|`, summed in `f64`.
pub(super) fn penalty<T: Scalar>(lambda: f64, values: &[T], ranges: &[ParameterRange]) -> f64 {
    let sum: f64 = weights(ranges)
        .flat_map(|parameter| &values[parameter.range.clone()])
        .map(|w| w.to_f64().abs())
        .sum();
    lambda * sum
}
