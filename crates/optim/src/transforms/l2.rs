//! Weight decay as a penalty.

use gradus_core::{ParameterRange, Scalar};

use super::{Apply, weights};

/// `u += λ w` over weights; biases are spared.
///
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 7.1.1.
#[derive(Debug)]
pub(super) struct L2<T> {
    pub(super) lambda: T,
}

impl<T: Scalar> Apply<T> for L2<T> {
    fn apply(&mut self, values: &[T], ranges: &[ParameterRange], update: &mut [T]) {
        for parameter in weights(ranges) {
            let range = parameter.range.clone();
            for (u, &w) in update[range.clone()].iter_mut().zip(&values[range]) {
                *u += self.lambda * w;
            }
        }
    }
}

/// `½ λ Σ w²`, summed in `f64`.
pub(super) fn penalty<T: Scalar>(lambda: f64, values: &[T], ranges: &[ParameterRange]) -> f64 {
    let squares: f64 = weights(ranges)
        .flat_map(|parameter| &values[parameter.range.clone()])
        .map(|w| w.to_f64().powi(2))
        .sum();
    0.5 * lambda * squares
}
