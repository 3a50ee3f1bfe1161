//! Mean absolute error.

use ndarray::{ArrayView2, ArrayViewMut2, Zip};

use crate::Scalar;

/// `loss = 1/(nK) Σₙ Σₖ |z - t|`.
///
/// Shapes: `z` and `t` (N, K).
/// Source: Hastie, Tibshirani, Friedman, *The Elements of Statistical Learning* (2009), section
/// 10.6.
pub(super) fn value<T: Scalar>(z: ArrayView2<'_, T>, t: ArrayView2<'_, T>, total: f64) -> f64 {
    let sum: f64 = z.iter().zip(t.iter()).map(|(&z, &t)| (z.to_f64() - t.to_f64()).abs()).sum();
    sum / (total * z.ncols() as f64)
}

/// The same value; writes `dz = sign(z - t)/(nK)`, and 0 where both are equal.
pub(super) fn differentiate<T: Scalar>(
    z: ArrayView2<'_, T>,
    t: ArrayView2<'_, T>,
    total: f64,
    mut dz: ArrayViewMut2<'_, T>,
) -> f64 {
    let slope = T::from_f64(1.0 / (total * z.ncols() as f64));
    Zip::from(&mut dz).and(&z).and(&t).for_each(|dz, &z, &t| {
        *dz = if z > t {
            slope
        } else if z < t {
            -slope
        } else {
            // 0, and NaN where a value is not a number.
            (z - t) * slope
        };
    });
    value(z, t, total)
}
