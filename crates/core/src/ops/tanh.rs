//! The hyperbolic tangent.

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = tanh(x)`, between -1 and 1.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.3.2.
#[derive(Debug)]
pub(crate) struct Tanh;

impl<T: Scalar> Operation<T> for Tanh {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        map(
            pass,
            #[inline(always)]
            |x| x.tanh(),
        );
    }

    /// `dx += dy (1 - y²)`.
    fn backward(&self, pass: Backward<'_, T>) {
        add_gradient(pass, |_, y, dy| dy * (T::ONE - y * y));
    }
}
