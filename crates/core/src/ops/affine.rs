//! The affine map at the heart of a dense layer, with and without a bias.

use crate::tokens::{by_width, by_width_mut};
use crate::{Backward, Forward, Operation, Scalar, matmul};

/// `y = x W + b`, the bias added to every row.
///
/// Shapes: `x` (N, D), `W` (D, H), `b` (1, H), `y` (N, H); a sequence of T tokens is taken as N T
/// rows. `W` has a column for each unit, so that the two larger products of a step, `x W` and
/// `xᵀ dy`, are the layouts that BLAS is fastest at.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), sections 6.1 and 6.5.
#[derive(Debug)]
pub(crate) struct Affine;

impl<T: Scalar> Operation<T> for Affine {
    fn forward(&self, pass: Forward<'_, T>) {
        let (w, b) = (pass.w(0), pass.w(1));
        let x = by_width(pass.x(0), w.nrows());
        let mut y = by_width_mut(pass.y, w.ncols());
        y.assign(&b);
        matmul(x, w, T::ONE, &mut y);
    }

    /// `dW += xᵀ dy`, `db += Σₙ dyₙ`, `dx += dy Wᵀ`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let dy = by_width(pass.dy, pass.w(0).ncols());
        let mut db = pass.dw(1);
        for row in dy.rows() {
            db += &row;
        }
        Linear.backward(pass);
    }
}

/// `y = x W`.
///
/// Shapes: as [`Affine`].
#[derive(Debug)]
pub(crate) struct Linear;

impl<T: Scalar> Operation<T> for Linear {
    fn forward(&self, pass: Forward<'_, T>) {
        let w = pass.w(0);
        let x = by_width(pass.x(0), w.nrows());
        matmul(x, w, T::ZERO, &mut by_width_mut(pass.y, w.ncols()));
    }

    /// `dW += xᵀ dy`, `dx += dy Wᵀ`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let w = pass.w(0);
        let (x, dy) = (by_width(pass.x(0), w.nrows()), by_width(pass.dy, w.ncols()));
        matmul(x.t(), dy, T::ONE, &mut pass.dw(0));
        if let Some(dx) = pass.dx(0) {
            matmul(dy, w.t(), T::ONE, &mut by_width_mut(dx, w.nrows()));
        }
    }
}
