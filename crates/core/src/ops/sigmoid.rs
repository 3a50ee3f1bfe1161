//! The logistic sigmoid.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = 1/(1 + exp(-x))`, between 0 and 1.
///
/// Shapes: `x` and `y` (N, D). For very negative `x` the exponential is infinite and `y` is 0.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.3.2.
#[derive(Debug)]
pub(crate) struct Sigmoid;

impl<T: Scalar> Operation<T> for Sigmoid {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0);
        Zip::from(pass.y).and(x).for_each(|y, &x| *y = T::ONE / (T::ONE + (-x).exp()));
    }

    /// `dx += dy y (1 - y)`: at most a quarter of `dy`, and nothing where `y` is saturated.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (y, dy) = (pass.y, pass.dy);
        if let Some(dx) = pass.dx(0) {
            Zip::from(dx).and(y).and(dy).for_each(|dx, &y, &dy| *dx += dy * y * (T::ONE - y));
        }
    }
}
