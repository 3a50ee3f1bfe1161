//! Mean squared error over samples and outputs, as most frameworks define it.

use ndarray::{ArrayView2, ArrayViewMut2, Zip};

use crate::Scalar;

/// `loss = 1/(nK) Σₙ Σₖ (z - t)²`.
///
/// Shapes: `z` and `t` (N, K).
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 5.1.4.
pub(super) fn value<T: Scalar>(z: ArrayView2<'_, T>, t: ArrayView2<'_, T>, total: f64) -> f64 {
    let sum: f64 = z.iter().zip(t.iter()).map(|(&z, &t)| (z.to_f64() - t.to_f64()).powi(2)).sum();
    sum / (total * z.ncols() as f64)
}

/// The same value; writes `dz = 2 (z - t)/(nK)`.
pub(super) fn differentiate<T: Scalar>(
    z: ArrayView2<'_, T>,
    t: ArrayView2<'_, T>,
    total: f64,
    mut dz: ArrayViewMut2<'_, T>,
) -> f64 {
    let scale = T::from_f64(2.0 / (total * z.ncols() as f64));
    Zip::from(&mut dz).and(&z).and(&t).for_each(|dz, &z, &t| *dz = (z - t) * scale);
    value(z, t, total)
}
