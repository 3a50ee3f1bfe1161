//! Softmax and cross-entropy in one, so that no logarithm of a rounded probability is taken.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2};

use crate::Scalar;

/// `loss = -1/n Σₙ ln softmax(zₙ)[tₙ] = 1/n Σₙ (ln Σₖ exp zₙₖ - zₙ[tₙ])`, in nats.
///
/// Shapes: `z` (N, C), `t` (N). Panics if a target is not below C.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.2.2.3.
pub(super) fn value<T: Scalar>(z: ArrayView2<'_, T>, t: &[u32], total: f64) -> f64 {
    assert_eq!(z.nrows(), t.len(), "one class a sample");
    let mut sum = 0.0;
    for (row, &target) in z.rows().into_iter().zip(t) {
        let largest = maximum(row);
        let exponentials: f64 = row.iter().map(|&logit| (logit - largest).exp().to_f64()).sum();
        sum += log_loss(row, target, largest, exponentials);
    }
    sum / total
}

/// The same value; writes `dz = (softmax(z) - onehot(t))/n`.
pub(super) fn differentiate<T: Scalar>(
    z: ArrayView2<'_, T>,
    t: &[u32],
    total: f64,
    mut dz: ArrayViewMut2<'_, T>,
) -> f64 {
    assert_eq!(z.nrows(), t.len(), "one class a sample");
    let mut sum = 0.0;
    for ((row, mut drow), &target) in z.rows().into_iter().zip(dz.rows_mut()).zip(t) {
        let largest = maximum(row);
        let mut exponentials = 0.0;
        for (dlogit, &logit) in drow.iter_mut().zip(row) {
            *dlogit = (logit - largest).exp();
            exponentials += dlogit.to_f64();
        }
        let scale = T::from_f64(1.0 / (exponentials * total));
        drow.mapv_inplace(|exponential| exponential * scale);
        drow[target as usize] -= T::from_f64(1.0 / total);
        sum += log_loss(row, target, largest, exponentials);
    }
    sum / total
}

/// The largest logit is subtracted before `exp`, so that nothing can overflow.
pub(super) fn maximum<T: Scalar>(row: ArrayView1<'_, T>) -> T {
    row.iter().copied().fold(row[0], |largest, logit| if logit > largest { logit } else { largest })
}

fn log_loss<T: Scalar>(row: ArrayView1<'_, T>, target: u32, largest: T, exponentials: f64) -> f64 {
    libm::log(exponentials) - (row[target as usize].to_f64() - largest.to_f64())
}
