//! The affine map at the heart of a dense layer.

use crate::{Backward, Forward, Operation, Scalar, matmul};

/// `y = x W + b`, the bias added to every row.
///
/// Shapes: `x` (N, D), `W` (D, H), `b` (1, H), `y` (N, H). `W` has a column for each unit, so that
/// the two larger products of a step, `x W` and `xᵀ dy`, are the layouts that BLAS is fastest at.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), sections 6.1 and 6.5.
#[derive(Debug)]
pub(crate) struct Affine;

impl<T: Scalar> Operation<T> for Affine {
    fn forward(&self, mut pass: Forward<'_, T>) {
        let (x, w, b) = (pass.x(0), pass.w(0), pass.w(1));
        pass.y.assign(&b);
        matmul(x, w, T::ONE, &mut pass.y);
    }

    /// `dW += xᵀ dy`, `db += Σₙ dyₙ`, `dx += dy Wᵀ`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (x, w, dy) = (pass.x(0), pass.w(0), pass.dy);
        matmul(x.t(), dy, T::ONE, &mut pass.dw(0));
        let mut db = pass.dw(1);
        for row in dy.rows() {
            db += &row;
        }
        if let Some(mut dx) = pass.dx(0) {
            matmul(dy, w.t(), T::ONE, &mut dx);
        }
    }
}
