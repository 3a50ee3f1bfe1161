//! The loss of the article: half the sum of squares, mean over samples.

use ndarray::{ArrayView2, ArrayViewMut2, Zip};

use crate::Scalar;

/// `loss = 1/(2n) Σₙ Σₖ (z - t)²`.
///
/// Shapes: `z` and `t` (N, K).
/// Source: the article's step 3; with K outputs it is K/2 times [`Mse`](crate::Loss::Mse).
pub(super) fn value<T: Scalar>(z: ArrayView2<'_, T>, t: ArrayView2<'_, T>, total: f64) -> f64 {
    let sum: f64 = z.iter().zip(t.iter()).map(|(&z, &t)| (z.to_f64() - t.to_f64()).powi(2)).sum();
    sum / (2.0 * total)
}

/// The same value; writes `dz = (z - t)/n`.
///
/// The article prints `(y - ŷ)`, which has the wrong sign: with it the loss would rise.
pub(super) fn differentiate<T: Scalar>(
    z: ArrayView2<'_, T>,
    t: ArrayView2<'_, T>,
    total: f64,
    mut dz: ArrayViewMut2<'_, T>,
) -> f64 {
    let scale = T::from_f64(1.0 / total);
    Zip::from(&mut dz).and(&z).and(&t).for_each(|dz, &z, &t| *dz = (z - t) * scale);
    value(z, t, total)
}
