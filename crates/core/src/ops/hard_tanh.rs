//! The straight line that stops at -1 and 1.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = min(max(x, -1), 1)`; NaN stays NaN.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Collobert, *Large Scale Machine Learning* (2004), section 5.
#[derive(Debug)]
pub(crate) struct HardTanh;

impl<T: Scalar> Operation<T> for HardTanh {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0);
        Zip::from(pass.y).and(x).for_each(|y, &x| {
            *y = if x < -T::ONE {
                -T::ONE
            } else if x > T::ONE {
                T::ONE
            } else {
                x
            };
        });
    }

    /// `dx += dy` where `-1 < x < 1`; at the corners the derivative is taken as 0.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (x, dy) = (pass.x(0), pass.dy);
        if let Some(dx) = pass.dx(0) {
            Zip::from(dx).and(x).and(dy).for_each(|dx, &x, &dy| {
                if x.abs() < T::ONE {
                    *dx += dy;
                }
            });
        }
    }
}
