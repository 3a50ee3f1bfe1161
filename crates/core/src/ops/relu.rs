//! The rectifier.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = max(x, 0)`; NaN stays NaN, so that a broken value is seen and not turned into 0.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Glorot, Bordes, Bengio, AISTATS 2011, section 3.
#[derive(Debug)]
pub(crate) struct Relu;

impl<T: Scalar> Operation<T> for Relu {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0);
        Zip::from(pass.y).and(x).for_each(|y, &x| *y = if x < T::ZERO { T::ZERO } else { x });
    }

    /// `dx += dy` where `y > 0`; at the corner itself the derivative is taken as 0.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (y, dy) = (pass.y, pass.dy);
        if let Some(dx) = pass.dx(0) {
            // Without a branch: whether a unit is on is a coin toss, and would be mispredicted.
            Zip::from(dx).and(y).and(dy).for_each(|dx, &y, &dy| {
                *dx += if y > T::ZERO { dy } else { T::ZERO };
            });
        }
    }
}
