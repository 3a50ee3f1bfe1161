//! Squares near the target, absolute errors far from it.

use ndarray::{ArrayView2, ArrayViewMut2, Zip};

use crate::Scalar;

/// `loss = 1/(nK) Σₙ Σₖ h(z - t)` with `h(d) = d²/2` for `|d| < δ`, else `δ (|d| - δ/2)`.
///
/// Shapes: `z` and `t` (N, K).
/// Source: Huber, *Robust Estimation of a Location Parameter*, Annals of Mathematical Statistics
/// 35 (1964); the mean over samples and outputs as in `torch.nn.HuberLoss`.
pub(super) fn value<T: Scalar>(
    delta: f64,
    z: ArrayView2<'_, T>,
    t: ArrayView2<'_, T>,
    total: f64,
) -> f64 {
    let terms = z.iter().zip(t.iter()).map(|(&z, &t)| {
        let distance = (z.to_f64() - t.to_f64()).abs();
        if distance < delta { 0.5 * distance * distance } else { delta * (distance - 0.5 * delta) }
    });
    terms.sum::<f64>() / (total * z.ncols() as f64)
}

/// The same value; writes `dz = (z - t)/(nK)`, cut off at `±δ/(nK)`.
pub(super) fn differentiate<T: Scalar>(
    delta: f64,
    z: ArrayView2<'_, T>,
    t: ArrayView2<'_, T>,
    total: f64,
    mut dz: ArrayViewMut2<'_, T>,
) -> f64 {
    let scale = T::from_f64(1.0 / (total * z.ncols() as f64));
    let most = T::from_f64(delta);
    Zip::from(&mut dz).and(&z).and(&t).for_each(|dz, &z, &t| {
        let distance = z - t;
        let cut = if distance > most {
            most
        } else if distance < -most {
            -most
        } else {
            distance
        };
        *dz = cut * scale;
    });
    value(delta, z, t, total)
}
