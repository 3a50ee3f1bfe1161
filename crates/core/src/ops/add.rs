//! The sum of two values.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = a + b`.
///
/// Shapes: `a`, `b` and `y` (N, D).
#[derive(Debug)]
pub(crate) struct Add;

impl<T: Scalar> Operation<T> for Add {
    fn forward(&self, pass: Forward<'_, T>) {
        let (a, b) = (pass.x(0), pass.x(1));
        Zip::from(pass.y).and(a).and(b).for_each(|y, &a, &b| *y = a + b);
    }

    /// `da += dy`, `db += dy`; where both are the same value it gets both.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let dy = pass.dy;
        for input in 0..2 {
            if let Some(mut dx) = pass.dx(input) {
                dx += &dy;
            }
        }
    }
}
