//! The smooth rectifier.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = ln(1 + exp(x))`, computed as `max(x, 0) + ln(1 + exp(-|x|))`, which cannot overflow.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Glorot, Bordes, Bengio, AISTATS 2011, section 3.
#[derive(Debug)]
pub(crate) struct Softplus;

impl<T: Scalar> Operation<T> for Softplus {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0);
        Zip::from(pass.y).and(x).for_each(|y, &x| {
            let above = if x < T::ZERO { T::ZERO } else { x };
            *y = above + (-x.abs()).exp().ln_1p();
        });
    }

    /// `dx += dy/(1 + exp(-x))`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (x, dy) = (pass.x(0), pass.dy);
        if let Some(dx) = pass.dx(0) {
            Zip::from(dx).and(x).and(dy).for_each(|dx, &x, &dy| {
                *dx += dy / (T::ONE + (-x).exp());
            });
        }
    }
}
