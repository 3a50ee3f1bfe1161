//! The loss of a margin that is not kept.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Scalar;

/// With one output, for classes 0 and 1 as signs `s = ∓1`: `loss = 1/n Σₙ max(0, 1 - s z)`. With C
/// outputs every other class must stay a margin of 1 below that of the sample:
/// `loss = 1/(nC) Σₙ Σ_{c≠t} max(0, 1 - zₜ + z_c)`.
///
/// Shapes: `z` (N, C), `t` (N). Panics if a target is not below C, or with one output not below 2.
/// Source: Cortes, Vapnik, *Support-Vector Networks*, Machine Learning 20 (1995); Weston, Watkins,
/// *Support Vector Machines for Multi-Class Pattern Recognition*, ESANN 1999, divided by C as in
/// `torch.nn.MultiMarginLoss`.
pub(super) fn value<T: Scalar>(z: ArrayView2<'_, T>, t: &[u32], total: f64) -> f64 {
    assert_eq!(z.nrows(), t.len(), "one class a sample");
    let mut sum = 0.0;
    for (row, &target) in z.rows().into_iter().zip(t) {
        let logit = |class: usize| row[class].to_f64();
        if row.len() == 1 {
            sum += (1.0 - sign(target) * logit(0)).max(0.0);
            continue;
        }
        let right = logit(target as usize);
        let others = (0..row.len()).filter(|&class| class != target as usize);
        sum += others.map(|class| lacking(right, logit(class))).sum::<f64>() / row.len() as f64;
    }
    sum / total
}

/// The same value; writes, wherever the margin is not kept, `dz = -s/n` for one output, else
/// `dz_c = 1/(nC)` and as much off `dzₜ`.
pub(super) fn differentiate<T: Scalar>(
    z: ArrayView2<'_, T>,
    t: &[u32],
    total: f64,
    mut dz: ArrayViewMut2<'_, T>,
) -> f64 {
    for ((row, mut drow), &target) in z.rows().into_iter().zip(dz.rows_mut()).zip(t) {
        drow.fill(T::ZERO);
        if row.len() == 1 {
            if 1.0 - sign(target) * row[0].to_f64() > 0.0 {
                drow[0] = T::from_f64(-sign(target) / total);
            }
            continue;
        }
        let target = target as usize;
        let slope = 1.0 / (total * row.len() as f64);
        let mut count = 0.0;
        for class in (0..row.len()).filter(|&class| class != target) {
            if lacking(row[target].to_f64(), row[class].to_f64()) > 0.0 {
                drow[class] = T::from_f64(slope);
                count += 1.0;
            }
        }
        drow[target] = T::from_f64(-slope * count);
    }
    value(z, t, total)
}

/// By how much the logit of another class comes too close.
fn lacking(right: f64, other: f64) -> f64 {
    (1.0 - (right - other)).max(0.0)
}

fn sign(class: u32) -> f64 {
    assert!(class < 2, "class {class} with one output");
    if class == 1 { 1.0 } else { -1.0 }
}
