//! The rectifier.

use crate::elementwise::{add_gradient, map};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = max(x, 0)`; NaN stays NaN, so that a broken value is seen and not turned into 0.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Glorot, Bordes, Bengio, AISTATS 2011, section 3.
#[derive(Debug)]
pub(crate) struct Relu;

impl<T: Scalar> Operation<T> for Relu {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        map(pass, |x| if x < T::ZERO { T::ZERO } else { x });
    }

    /// `dx += dy` where `y > 0`; at the corner itself the derivative is taken as 0.
    fn backward(&self, pass: Backward<'_, T>) {
        // Without a branch: whether a unit is on is a coin toss, and would be mispredicted.
        add_gradient(pass, |_, y, dy| if y > T::ZERO { dy } else { T::ZERO });
    }
}
