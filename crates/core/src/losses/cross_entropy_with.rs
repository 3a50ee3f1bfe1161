//! Cross-entropy with smoothed labels and weighted classes.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Scalar;
use crate::shares::{exponentials, totals};

/// `loss = Σₙ [(1 - ε) w[tₙ] ℓₙ(tₙ) + ε/C Σ_c w[c] ℓₙ(c)] / Σₙ w[tₙ]`, in nats, with
/// `ℓₙ(c) = -ln softmax(zₙ)[c]`. Where no sample of the batch weighs anything it is 0.
///
/// Shapes: `z` (N, C), `t` (N), weights `w` (C), all 1 if there are none. Panics if a target is not
/// below C.
/// Source: Szegedy et al., *Rethinking the Inception Architecture*, CVPR 2016, section 7; together
/// with weights as in `torch.nn.CrossEntropyLoss`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighting<'a> {
    /// ε, the share of the label that is spread over all classes.
    pub(super) smoothing: f64,
    /// w, or none.
    pub(super) weights: &'a [f64],
}

impl Weighting<'_> {
    pub(super) fn value<T: Scalar>(
        self,
        z: ArrayView2<'_, T>,
        t: &[u32],
        total_weight: f64,
    ) -> f64 {
        if total_weight == 0.0 {
            return 0.0;
        }
        let (rows, classes) = (z.to_slice().expect("outputs lie one after the other"), z.ncols());
        let mut sum = 0.0;
        totals(rows, classes, |row, largest, total| {
            let logits = &rows[row * classes..][..classes];
            sum += self.term(logits, t[row] as usize, largest, total);
        });
        sum / total_weight
    }

    /// The same value; with `p = softmax(zₙ)` and `W = Σₙ w[tₙ]` writes
    /// `dz_c = [(1 - ε) w[t] (p_c - 1_{c=t}) + ε/C (p_c Σ w - w[c])]/W`.
    pub(super) fn differentiate<T: Scalar>(
        self,
        z: ArrayView2<'_, T>,
        t: &[u32],
        total_weight: f64,
        mut dz: ArrayViewMut2<'_, T>,
    ) -> f64 {
        if total_weight == 0.0 {
            dz.fill(T::ZERO);
            return 0.0;
        }
        let spread = self.smoothing / z.ncols() as f64;
        let all: f64 = (0..z.ncols()).map(|class| self.weight(class)).sum();
        let (rows, classes) = (z.to_slice().expect("outputs lie one after the other"), z.ncols());
        let drows = dz.into_slice().expect("gradients lie one after the other");
        let mut sum = 0.0;
        exponentials(rows, drows, classes, |row, largest, total, drow| {
            let (logits, target) = (&rows[row * classes..][..classes], t[row] as usize);
            let own = (1.0 - self.smoothing) * self.weight(target);
            let scale = T::from_f64((own + spread * all) / (total * total_weight));
            for (class, dlogit) in drow.iter_mut().enumerate() {
                *dlogit = *dlogit * scale - T::from_f64(spread * self.weight(class) / total_weight);
            }
            drow[target] -= T::from_f64(own / total_weight);
            sum += self.term(logits, target, largest, total);
        });
        sum / total_weight
    }

    /// `Σₙ w[tₙ]`.
    pub(super) fn total(self, t: &[u32]) -> f64 {
        t.iter().map(|&target| self.weight(target as usize)).sum()
    }

    fn weight(self, class: usize) -> f64 {
        if self.weights.is_empty() { 1.0 } else { self.weights[class] }
    }

    /// What one sample adds before the division.
    fn term<T: Scalar>(self, logits: &[T], target: usize, largest: T, total: f64) -> f64 {
        let log_total = libm::log(total);
        let log_loss = |class: usize| log_total - (logits[class].to_f64() - largest.to_f64());
        let own = (1.0 - self.smoothing) * self.weight(target) * log_loss(target);
        if self.smoothing == 0.0 {
            return own;
        }
        let all = (0..logits.len()).map(|class| self.weight(class) * log_loss(class)).sum::<f64>();
        own + self.smoothing / logits.len() as f64 * all
    }
}
