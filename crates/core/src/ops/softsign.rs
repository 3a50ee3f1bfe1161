//! A squashing function with slow tails.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = x/(1 + |x|)`, between -1 and 1.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Glorot, Bengio, AISTATS 2010, section 3.2.
#[derive(Debug)]
pub(crate) struct Softsign;

impl<T: Scalar> Operation<T> for Softsign {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0);
        Zip::from(pass.y).and(x).for_each(|y, &x| *y = x / (T::ONE + x.abs()));
    }

    /// `dx += dy/(1 + |x|)²`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (x, dy) = (pass.x(0), pass.dy);
        if let Some(dx) = pass.dx(0) {
            Zip::from(dx).and(x).and(dy).for_each(|dx, &x, &dy| {
                let inverse = T::ONE / (T::ONE + x.abs());
                *dx += dy * inverse * inverse;
            });
        }
    }
}
