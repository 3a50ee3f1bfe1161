//! The smooth rectifier.

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = ln(1 + exp(x))`, computed as `max(x, 0) + ln(1 + exp(-|x|))`, which cannot overflow.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Glorot, Bordes, Bengio, AISTATS 2011, section 3.
#[derive(Debug)]
pub(crate) struct Softplus;

impl<T: Scalar> Operation<T> for Softplus {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        map(
            pass,
            #[inline(always)]
            |x| {
                let above = if x < T::ZERO { T::ZERO } else { x };
                above + (-x.abs()).exp().ln_1p()
            },
        );
    }

    /// `dx += dy/(1 + exp(-x))`.
    fn backward(&self, pass: Backward<'_, T>) {
        add_gradient(
            pass,
            #[inline(always)]
            |x, _, dy| dy * x.sigmoid(),
        );
    }
}
