//! Cross-entropy with smoothed labels and weighted classes.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2};

use super::cross_entropy::maximum;
use crate::Scalar;

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
        let terms = z.rows().into_iter().zip(t);
        let sum: f64 = terms.map(|(row, &target)| self.term(row, target as usize)).sum();
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
        for ((row, mut drow), &target) in z.rows().into_iter().zip(dz.rows_mut()).zip(t) {
            let target = target as usize;
            let own = (1.0 - self.smoothing) * self.weight(target);
            let largest = maximum(row);
            let mut total = 0.0;
            for (dlogit, &logit) in drow.iter_mut().zip(row) {
                *dlogit = (logit - largest).exp();
                total += dlogit.to_f64();
            }
            let scale = T::from_f64((own + spread * all) / (total * total_weight));
            for (class, dlogit) in drow.iter_mut().enumerate() {
                *dlogit = *dlogit * scale - T::from_f64(spread * self.weight(class) / total_weight);
            }
            drow[target] -= T::from_f64(own / total_weight);
        }
        self.value(z, t, total_weight)
    }

    /// `Σₙ w[tₙ]`.
    pub(super) fn total(self, t: &[u32]) -> f64 {
        t.iter().map(|&target| self.weight(target as usize)).sum()
    }

    fn weight(self, class: usize) -> f64 {
        if self.weights.is_empty() { 1.0 } else { self.weights[class] }
    }

    /// What one sample adds before the division.
    fn term<T: Scalar>(self, row: ArrayView1<'_, T>, target: usize) -> f64 {
        let largest = maximum(row);
        let total: f64 = row.iter().map(|&logit| (logit - largest).exp().to_f64()).sum();
        let log_total = libm::log(total);
        let log_loss = |class: usize| log_total - (row[class].to_f64() - largest.to_f64());
        let own = (1.0 - self.smoothing) * self.weight(target) * log_loss(target);
        if self.smoothing == 0.0 {
            return own;
        }
        let all = (0..row.len()).map(|class| self.weight(class) * log_loss(class)).sum::<f64>();
        own + self.smoothing / row.len() as f64 * all
    }
}
