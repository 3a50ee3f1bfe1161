//! Softmax and cross-entropy in one, so that no logarithm of a rounded probability is taken.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Scalar;
use crate::shares::{exponentials, totals};

/// `loss = -1/n Σₙ ln softmax(zₙ)[tₙ] = 1/n Σₙ (ln Σₖ exp zₙₖ - zₙ[tₙ])`, in nats.
///
/// Shapes: `z` (N, C), `t` (N). Panics if a target is not below C.
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.2.2.3.
pub(super) fn value<T: Scalar>(z: ArrayView2<'_, T>, t: &[u32], total: f64) -> f64 {
    assert_eq!(z.nrows(), t.len(), "one class a sample");
    let (rows, classes) = (z.to_slice().expect("outputs lie one after the other"), z.ncols());
    let mut losses = Losses::default();
    totals(
        rows,
        classes,
        #[inline(always)]
        |row, largest, exponentials| {
            let logits = &rows[row * classes..][..classes];
            losses.add(exponentials, logits[t[row] as usize].to_f64() - largest.to_f64());
        },
    );
    losses.sum() / total
}

/// The same value; writes `dz = (softmax(z) - onehot(t))/n`.
pub(super) fn differentiate<T: Scalar>(
    z: ArrayView2<'_, T>,
    t: &[u32],
    total: f64,
    dz: ArrayViewMut2<'_, T>,
) -> f64 {
    assert_eq!(z.nrows(), t.len(), "one class a sample");
    let (rows, classes) = (z.to_slice().expect("outputs lie one after the other"), z.ncols());
    let drows = dz.into_slice().expect("gradients lie one after the other");
    let share = T::from_f64(1.0 / total);
    let mut losses = Losses::default();
    exponentials(
        rows,
        drows,
        classes,
        #[inline(always)]
        |row, largest, exponentials, drow| {
            let (logits, target) = (&rows[row * classes..][..classes], t[row] as usize);
            let scale = T::from_f64(1.0 / (exponentials * total));
            drow.iter_mut().for_each(|exponential| *exponential *= scale);
            drow[target] -= share;
            losses.add(exponentials, logits[target].to_f64() - largest.to_f64());
        },
    );
    losses.sum() / total
}

/// The sum of `ln Σ exp(z - m) - (z[t] - m)`, with one logarithm for eight rows: each sum is at
/// most the number of classes, so their product is far from overflow, and NaN stays NaN.
#[derive(Debug)]
struct Losses {
    product: f64,
    factors: usize,
    sum: f64,
}

impl Default for Losses {
    fn default() -> Self {
        Self { product: 1.0, factors: 0, sum: 0.0 }
    }
}

impl Losses {
    #[inline(always)]
    fn add(&mut self, exponentials: f64, difference: f64) {
        self.sum -= difference;
        self.product *= exponentials;
        self.factors += 1;
        if self.factors == 8 {
            self.sum += libm::log(self.product);
            (self.product, self.factors) = (1.0, 0);
        }
    }

    fn sum(self) -> f64 {
        self.sum + libm::log(self.product)
    }
}
