//! The sigmoid linear unit, also called swish.

use ndarray::Zip;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = x σ(x)` with `σ(x) = 1/(1 + exp(-x))`.
///
/// Shapes: `x` and `y` (N, D).
/// Source: Elfwing, Uchibe, Doya, *Sigmoid-Weighted Linear Units*, Neural Networks 107 (2018),
/// equation 5.
#[derive(Debug)]
pub(crate) struct Silu;

fn sigmoid<T: Scalar>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exp())
}

impl<T: Scalar> Operation<T> for Silu {
    fn forward(&self, pass: Forward<'_, T>) {
        let x = pass.x(0);
        Zip::from(pass.y).and(x).for_each(|y, &x| *y = x * sigmoid(x));
    }

    /// `dx += dy σ(x) (1 + x (1 - σ(x)))`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (x, dy) = (pass.x(0), pass.dy);
        if let Some(dx) = pass.dx(0) {
            Zip::from(dx).and(x).and(dy).for_each(|dx, &x, &dy| {
                let s = sigmoid(x);
                *dx += dy * s * (T::ONE + x * (T::ONE - s));
            });
        }
    }
}
