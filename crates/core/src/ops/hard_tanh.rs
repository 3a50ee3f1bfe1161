//! The straight line that stops at -1 and 1.

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = min(max(x, -1), 1)`; NaN stays NaN.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Collobert, *Large Scale Machine Learning* (2004), section 5.
#[derive(Debug)]
pub(crate) struct HardTanh;

impl<T: Scalar> Operation<T> for HardTanh {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        map(pass, |x| {
            if x < -T::ONE {
                -T::ONE
            } else if x > T::ONE {
                T::ONE
            } else {
                x
            }
        });
    }

    /// `dx += dy` where `-1 < x < 1`; at the corners the derivative is taken as 0.
    fn backward(&self, pass: Backward<'_, T>) {
        add_gradient(pass, |x, _, dy| if x.abs() < T::ONE { dy } else { T::ZERO });
    }
}
