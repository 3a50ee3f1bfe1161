//! A squashing function with slow tails.

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = x/(1 + |x|)`, between -1 and 1.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Glorot, Bengio, AISTATS 2010, section 3.2.
#[derive(Debug)]
pub(crate) struct Softsign;

impl<T: Scalar> Operation<T> for Softsign {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        map(pass, |x| x / (T::ONE + x.abs()));
    }

    /// `dx += dy/(1 + |x|)²`.
    fn backward(&self, pass: Backward<'_, T>) {
        add_gradient(pass, |x, _, dy| {
            let inverse = T::ONE / (T::ONE + x.abs());
            dy * inverse * inverse
        });
    }
}
