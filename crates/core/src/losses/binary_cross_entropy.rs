//! Cross-entropy of independent yes-or-no answers, on logits.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::Targets;
use crate::Scalar;

/// `loss = 1/(nK) Σₙ Σₖ (ln(1 + exp z) - t z)`, in nats: `-t ln σ(z) - (1 - t) ln(1 - σ(z))` without
/// a logarithm of a rounded probability.
///
/// Shapes: `z` (N, K); values `t` (N, K) from 0 to 1, or classes (N). With one output the class is
/// the answer, 0 or 1; with more each output answers whether the sample is of its class. Panics if
/// a class fits neither.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.2.2.2.
pub(super) fn value<T: Scalar>(z: ArrayView2<'_, T>, targets: Targets<'_, T>, total: f64) -> f64 {
    let mut sum = 0.0;
    for (row, logits) in z.rows().into_iter().enumerate() {
        for (output, &logit) in logits.iter().enumerate() {
            sum += term(logit.to_f64(), target(targets, row, output, z.ncols()).to_f64());
        }
    }
    sum / (total * z.ncols() as f64)
}

/// The same value; writes `dz = (σ(z) - t)/(nK)`.
pub(super) fn differentiate<T: Scalar>(
    z: ArrayView2<'_, T>,
    targets: Targets<'_, T>,
    total: f64,
    mut dz: ArrayViewMut2<'_, T>,
) -> f64 {
    let scale = T::from_f64(1.0 / (total * z.ncols() as f64));
    let mut sum = 0.0;
    for (row, (logits, mut gradients)) in z.rows().into_iter().zip(dz.rows_mut()).enumerate() {
        for (output, (&logit, gradient)) in logits.iter().zip(&mut gradients).enumerate() {
            let t = target(targets, row, output, z.ncols());
            *gradient = (logit.sigmoid() - t) * scale;
            sum += term(logit.to_f64(), t.to_f64());
        }
    }
    sum / (total * z.ncols() as f64)
}

/// `max(z, 0) - t z + ln(1 + exp(-|z|))`, which cannot overflow.
fn term(z: f64, t: f64) -> f64 {
    let linear = if z > 0.0 { (1.0 - t) * z } else { -t * z };
    linear + libm::log1p(libm::exp(-z.abs()))
}

fn target<T: Scalar>(targets: Targets<'_, T>, row: usize, output: usize, outputs: usize) -> T {
    let class = match targets {
        Targets::Values(values) => return values[[row, output]],
        Targets::Classes(classes) => classes[row] as usize,
    };
    assert!(class < outputs.max(2), "class {class} of {outputs} outputs");
    let is_this = if outputs == 1 { class == 1 } else { class == output };
    if is_this { T::ONE } else { T::ZERO }
}
