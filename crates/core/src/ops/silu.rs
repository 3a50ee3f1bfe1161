//! The sigmoid linear unit, also called swish.

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = x σ(x)` with `σ(x) = 1/(1 + exp(-x))`.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Elfwing, Uchibe, Doya, *Sigmoid-Weighted Linear Units*, Neural Networks 107 (2018),
/// equation 5.
#[derive(Debug)]
pub(crate) struct Silu;

impl<T: Scalar> Operation<T> for Silu {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        map(
            pass,
            #[inline(always)]
            |x| x * x.sigmoid(),
        );
    }

    /// `dx += dy σ(x) (1 + x (1 - σ(x)))`.
    fn backward(&self, pass: Backward<'_, T>) {
        add_gradient(
            pass,
            #[inline(always)]
            |x, _, dy| {
                let s = x.sigmoid();
                dy * s * (T::ONE + x * (T::ONE - s))
            },
        );
    }
}
