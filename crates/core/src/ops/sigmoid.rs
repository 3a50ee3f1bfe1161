//! The logistic sigmoid.

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = 1/(1 + exp(-x))`, between 0 and 1.
///
/// Shapes: `x` and `y` (N, D). For very negative `x` the exponential is infinite and `y` is 0.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.3.2.
#[derive(Debug)]
pub(crate) struct Sigmoid;

impl<T: Scalar> Operation<T> for Sigmoid {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        map(
            pass,
            #[inline(always)]
            |x| x.sigmoid(),
        );
    }

    /// `dx += dy y (1 - y)`: at most a quarter of `dy`, and nothing where `y` is saturated.
    fn backward(&self, pass: Backward<'_, T>) {
        add_gradient(pass, |_, y, dy| dy * y * (T::ONE - y));
    }
}
