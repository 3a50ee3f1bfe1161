//! The normalization of each row by its root mean square.

use crate::{Backward, Forward, Operation, Scalar};

/// `y = s x̂` with `x̂ = x/√(mean(x²) + ε)`, the mean over the D features of a row, taken in `f64`.
///
/// Shapes: `x` and `y` (N, D), `s` (1, D); a sequence of T tokens is taken as N T rows.
/// Source: Zhang, Sennrich, *Root Mean Square Layer Normalization*, NeurIPS 2019, equation 4.
#[derive(Debug)]
pub(crate) struct RmsNorm {
    /// Numbers that one sample has: those of all its rows.
    pub(crate) sample: usize,
    /// D.
    pub(crate) features: usize,
    /// ε.
    pub(crate) epsilon: f64,
}

impl<T: Scalar> Operation<T> for RmsNorm {
    /// `x̂`, and `1/√(mean(x²) + ε)` of each row.
    fn scratch(&self, capacity: usize) -> usize {
        capacity * (self.sample + self.sample / self.features)
    }

    fn forward(&self, mut pass: Forward<'_, T>) {
        let (x, s) = (pass.x(0), pass.w(0));
        let rows = x.as_slice().expect("values lie one after the other");
        let y = pass.y.as_slice_mut().expect("values lie one after the other");
        let (normalized, inverses) = pass.scratch.split_at_mut(rows.len());
        let rows = rows.chunks_exact(self.features).zip(y.chunks_exact_mut(self.features));
        let kept = normalized.chunks_exact_mut(self.features).zip(inverses);
        for ((x, y), (normalized, inverse)) in rows.zip(kept) {
            let squares = x.iter().map(|x| x.to_f64().powi(2)).sum::<f64>();
            let factor = 1.0 / (squares / self.features as f64 + self.epsilon).sqrt();
            *inverse = T::from_f64(factor);
            for (feature, &x) in x.iter().enumerate() {
                normalized[feature] = T::from_f64(x.to_f64() * factor);
                y[feature] = s[[0, feature]] * normalized[feature];
            }
        }
    }

    /// `ds += Σₙ dy x̂`, and with `g = s dy` `dx += (g - x̂ mean(g x̂))/√(mean(x²) + ε)`, the mean
    /// over the features of the row.
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
        let Some(mut dx) = pass.dx(0) else { return };
        let dx = dx.as_slice_mut().expect("values lie one after the other");
        for (((dy, normalized), dx), &inverse) in
            rows().zip(dx.chunks_exact_mut(self.features)).zip(&*inverses)
        {
            let along =
                dy.iter().zip(normalized).enumerate().map(|(feature, (&dy, &normalized))| {
                    (s[[0, feature]] * dy).to_f64() * normalized.to_f64()
                });
            let mean_along = T::from_f64(along.sum::<f64>() / self.features as f64);
            for (feature, dx) in dx.iter_mut().enumerate() {
                let g = s[[0, feature]] * dy[feature];
                *dx += (g - normalized[feature] * mean_along) * inverse;
            }
        }
    }
}
