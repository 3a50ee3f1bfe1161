//! The normalization of each row by its own mean and variance.

use crate::{Backward, Forward, Operation, Scalar};

/// `y = s x̂ + b` with `x̂ = (x - μ)/√(σ² + ε)`; μ and σ² are mean and (biased) variance of the D
/// features of a row, taken in `f64`.
///
/// Shapes: `x` and `y` (N, D), `s` and `b` (1, D); a sequence of T tokens is taken as N T rows.
/// Source: Ba, Kiros, Hinton, *Layer Normalization*, arXiv:1607.06450 (2016), equations 3 and 4.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    /// Numbers that one sample has: those of all its rows.
    pub(crate) sample: usize,
    /// D.
    pub(crate) features: usize,
    /// ε.
    pub(crate) epsilon: f64,
}

impl<T: Scalar> Operation<T> for LayerNorm {
    /// `x̂`, and `1/√(σ² + ε)` of each row.
    fn scratch(&self, capacity: usize) -> usize {
        capacity * (self.sample + self.sample / self.features)
    }

    fn forward(&self, mut pass: Forward<'_, T>) {
        let (x, s, b) = (pass.x(0), pass.w(0), pass.w(1));
        let rows = x.as_slice().expect("values lie one after the other");
        let y = pass.y.as_slice_mut().expect("values lie one after the other");
        let (normalized, inverses) = pass.scratch.split_at_mut(rows.len());
        let rows = rows.chunks_exact(self.features).zip(y.chunks_exact_mut(self.features));
        let kept = normalized.chunks_exact_mut(self.features).zip(inverses);
        for ((x, y), (normalized, inverse)) in rows.zip(kept) {
            let n = self.features as f64;
            // From the first number on, so that equal numbers, however large, have no variance.
            let first = x[0].to_f64();
            let mean = first + x.iter().map(|x| x.to_f64() - first).sum::<f64>() / n;
            let variance = x.iter().map(|x| (x.to_f64() - mean).powi(2)).sum::<f64>() / n;
            let factor = 1.0 / (variance + self.epsilon).sqrt();
            *inverse = T::from_f64(factor);
            for (feature, &x) in x.iter().enumerate() {
                normalized[feature] = T::from_f64((x.to_f64() - mean) * factor);
                y[feature] = s[[0, feature]] * normalized[feature] + b[[0, feature]];
            }
        }
    }

    /// `ds += Σₙ dy x̂`, `db += Σₙ dy`, and with `g = s dy`
    /// `dx += (g - mean(g) - x̂ mean(g x̂))/√(σ² + ε)`, the means over the features of the row.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let s = pass.w(0);
        let dy = pass.dy.to_slice().expect("values lie one after the other");
        let (normalized, inverses) = std::mem::take(&mut pass.scratch).split_at_mut(dy.len());
        let rows = || dy.chunks_exact(self.features).zip(normalized.chunks_exact(self.features));
        let mut ds = pass.dw(0);
        for (dy, normalized) in rows() {
            for (feature, (&dy, &normalized)) in dy.iter().zip(normalized).enumerate() {
                ds[[0, feature]] += dy * normalized;
            }
        }
        let mut db = pass.dw(1);
        for (dy, _) in rows() {
            for (feature, &dy) in dy.iter().enumerate() {
                db[[0, feature]] += dy;
            }
        }
        let Some(mut dx) = pass.dx(0) else { return };
        let dx = dx.as_slice_mut().expect("values lie one after the other");
        for (((dy, normalized), dx), &inverse) in
            rows().zip(dx.chunks_exact_mut(self.features)).zip(&*inverses)
        {
            let (mut sum, mut sum_along) = (0.0, 0.0);
            for (feature, (&dy, &normalized)) in dy.iter().zip(normalized).enumerate() {
                let g = (s[[0, feature]] * dy).to_f64();
                sum += g;
                sum_along += g * normalized.to_f64();
            }
            let n = self.features as f64;
            let (mean, mean_along) = (T::from_f64(sum / n), T::from_f64(sum_along / n));
            for (feature, dx) in dx.iter_mut().enumerate() {
                let g = s[[0, feature]] * dy[feature];
                *dx += (g - mean - normalized[feature] * mean_along) * inverse;
            }
        }
    }
}
