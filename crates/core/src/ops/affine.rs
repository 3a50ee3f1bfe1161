//! The affine map at the heart of a dense layer, with and without a bias.

use std::ops::Range;

use ndarray::{ArrayViewMut2, s};

use crate::matmul::scaled_matmul;
use crate::operation::DeferredTiles;
use crate::simd::vectorized;
use crate::tokens::{by_width, by_width_mut};
use crate::{Backward, Deferred, Destination, Forward, Operation, Scalar, matmul};

/// `y = x W + b`, the bias added to every row.
///
/// Shapes: `x` (N, D), `W` (D, H), `b` (1, H), `y` (N, H); a sequence of T tokens is taken as N T
/// rows. `W` has a column for each unit, so that the two larger products of a step, `x W` and
/// `xᵀ dy`, are the layouts that BLAS is fastest at.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), sections 6.1 and 6.5.
#[derive(Debug)]
pub(crate) struct Affine;

impl<T: Scalar> Operation<T> for Affine {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn defers_parameters(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (w, b) = (pass.w(0), pass.w(1));
        let x = by_width(pass.x(0), w.nrows());
        let mut y = by_width_mut(pass.y, w.ncols());
        let (rows, b) = (y.as_slice_mut().expect("a slot holds its rows"), b.to_slice());
        let b = b.expect("a parameter lies in one piece");
        rows.chunks_exact_mut(b.len()).for_each(|row| row.copy_from_slice(b));
        matmul(x, w, T::ONE, &mut y);
    }

    /// `dx += dy Wᵀ`.
    fn backward(&self, pass: Backward<'_, T>) {
        Linear.backward(pass);
    }

    /// `dW = xᵀ dy`, `db = Σₙ dyₙ`.
    fn differentiate_parameters(&self, pass: Deferred<'_, T>) {
        let weights = pass.ranges[0].range.len();
        let stretch = pass.stretch.start..pass.stretch.end.min(weights);
        let Destination { numbers, scale, beta } = pass.to;
        let (w, b) = numbers.split_at_mut(stretch.len());
        let to = Destination { numbers: w, scale, beta };
        weight_gradient(pass.tiles, pass.ranges[0].shape, stretch, to);
        if beta == T::ZERO {
            b.fill(T::ZERO);
        }
        if b.is_empty() {
            // The bias goes with the last rows of the weights.
            return;
        }
        for (_, dy) in pass.tiles.iter() {
            let dy = dy.to_slice().expect("a slot holds its rows");
            vectorized(|| {
                for row in dy.chunks_exact(b.len()) {
                    b.iter_mut().zip(row).for_each(|(b, &dy)| *b += scale * dy);
                }
            });
        }
    }
}

/// `y = x W`.
///
/// Shapes: as [`Affine`].
#[derive(Debug)]
pub(crate) struct Linear;

impl<T: Scalar> Operation<T> for Linear {
    fn heeds_beta(&self) -> bool {
        true
    }

    fn defers_parameters(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let w = pass.w(0);
        let x = by_width(pass.x(0), w.nrows());
        matmul(x, w, T::ZERO, &mut by_width_mut(pass.y, w.ncols()));
    }

    /// `dx += dy Wᵀ`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (w, beta) = (pass.w(0), pass.beta(0));
        let dy = by_width(pass.dy, w.ncols());
        if let Some(dx) = pass.dx(0) {
            matmul(dy, w.t(), beta, &mut by_width_mut(dx, w.nrows()));
        }
    }

    /// `dW = xᵀ dy`.
    fn differentiate_parameters(&self, pass: Deferred<'_, T>) {
        weight_gradient(pass.tiles, pass.ranges[0].shape, pass.stretch, pass.to);
    }
}

/// `dW = xᵀ dy` over all tiles, for a stretch of whole rows of the weights (D, H).
fn weight_gradient<T: Scalar>(
    tiles: DeferredTiles<'_, T>,
    [inputs, units]: [usize; 2],
    stretch: Range<usize>,
    Destination { numbers, scale, beta }: Destination<'_, T>,
) {
    let rows = stretch.start / units..stretch.end / units;
    let mut to = ArrayViewMut2::from_shape((rows.len(), units), numbers).expect("whole rows");
    for (position, (x, dy)) in tiles.iter().enumerate() {
        let x = by_width(x, inputs).slice_move(s![.., rows.clone()]);
        let beta = if position == 0 { beta } else { T::ONE };
        scaled_matmul(scale, x.t(), by_width(dy, units), beta, &mut to);
    }
}
