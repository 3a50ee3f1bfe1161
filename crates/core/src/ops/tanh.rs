//! The hyperbolic tangent.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = tanh(x)`, between -1 and 1.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.3.2.
#[derive(Debug)]
pub(crate) struct Tanh;

impl<T: Scalar> Operation<T> for Tanh {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0);
        Zip::from(pass.y).and(x).for_each(|y, &x| *y = x.tanh());
    }

    /// `dx += dy (1 - y²)`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (y, dy) = (pass.y, pass.dy);
        if let Some(dx) = pass.dx(0) {
            Zip::from(dx).and(y).and(dy).for_each(|dx, &y, &dy| *dx += dy * (T::ONE - y * y));
        }
    }
}
