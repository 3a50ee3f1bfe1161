//! Attention of every token over the tokens of its sequence, by several heads.

use ndarray::{ArrayView2, ArrayViewMut2, Zip, s};

use crate::tokens::{by_width, by_width_mut, take};
use crate::{Backward, Forward, Operation, Scalar, matmul};

/// `P = softmax(Q Kᵀ / √d)` row by row and `y = P V`, for each head alone with its `d = D/heads`
/// features; with `causal` a token sees itself and what stands before it.
///
/// Shapes: `x` (N, T 3D) holds `Q`, `K`, `V` side by side at each token, each head after head;
/// `y` (N, T D).
/// Source: Vaswani et al., *Attention Is All You Need*, NIPS 2017, equation 1 and section 3.2.
#[derive(Debug)]
pub(crate) struct ScaledDotAttention {
    /// T.
    pub(crate) tokens: usize,
    /// D.
    pub(crate) features: usize,
    pub(crate) heads: usize,
    pub(crate) causal: bool,
}

impl ScaledDotAttention {
    /// Which columns of `x` a head's `Q`, `K` and `V` are.
    fn columns(&self, head: usize) -> [std::ops::Range<usize>; 3] {
        let width = self.features / self.heads;
        [0, 1, 2].map(|part| {
            let start = part * self.features + head * width;
            start..start + width
        })
    }

    fn scale<T: Scalar>(&self) -> T {
        T::from_f64(1.0 / ((self.features / self.heads) as f64).sqrt())
    }

    /// The tokens that token `t` sees.
    fn seen(&self, t: usize) -> usize {
        if self.causal { t + 1 } else { self.tokens }
    }

    /// Each row of scores becomes a distribution: `exp(s - max)` over its sum, nothing beyond
    /// what is seen.
    fn softmax<T: Scalar>(&self, scores: &mut ArrayViewMut2<'_, T>) {
        let scale = self.scale::<T>();
        for (t, mut row) in scores.rows_mut().into_iter().enumerate() {
            let (mut seen, mut hidden) = row.view_mut().split_at(ndarray::Axis(0), self.seen(t));
            let larger = |largest: T, &score: &T| if score > largest { score } else { largest };
            let largest = seen.iter().fold(seen[0], larger);
            let mut sum = T::ZERO;
            for score in &mut seen {
                *score = (scale * (*score - largest)).exp();
                sum += *score;
            }
            seen.mapv_inplace(|weight| weight / sum);
            hidden.fill(T::ZERO);
        }
    }
}

impl<T: Scalar> Operation<T> for ScaledDotAttention {
    /// `P` of every sample and head, and room for the `dP` of one.
    fn scratch(&self, capacity: usize) -> usize {
        // Of a network that is refused for its size it may be more than there are numbers.
        let squares = capacity.saturating_mul(self.heads).saturating_add(1);
        squares.saturating_mul(self.tokens).saturating_mul(self.tokens)
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (rows, tokens) = (pass.rows(), self.tokens);
        let x = by_width(pass.x(0), 3 * self.features);
        let (mut weights, _) = take(pass.scratch, (rows * self.heads, tokens, tokens));
        let mut y = by_width_mut(pass.y, self.features);
        for (index, mut p) in weights.outer_iter_mut().enumerate() {
            let (n, head) = (index / self.heads, index % self.heads);
            let [q, k, v] = self.columns(head);
            let x = x.slice(s![n * tokens..(n + 1) * tokens, ..]);
            let part = |columns: std::ops::Range<usize>| x.slice(s![.., columns]);
            matmul(part(q.clone()), part(k).t(), T::ZERO, &mut p);
            self.softmax(&mut p);
            let mut y = y.slice_mut(s![n * tokens..(n + 1) * tokens, q]);
            matmul(p.view(), part(v), T::ZERO, &mut y);
        }
    }

    /// `dV += Pᵀ dy`, `dP = dy Vᵀ`, `dS = P (dP - Σ P dP) / √d` with the sum over a row,
    /// `dQ += dS K`, `dK += dSᵀ Q`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (rows, tokens, width) = (pass.rows(), self.tokens, self.features / self.heads);
        let scratch = std::mem::take(&mut pass.scratch);
        let (weights, rest) = take(scratch, (rows * self.heads, tokens, tokens));
        let (mut ds, _) = take(rest, (1, tokens, tokens));
        let mut ds = ds.index_axis_mut(ndarray::Axis(0), 0);
        let x = by_width(pass.x(0), 3 * self.features);
        let dy = by_width(pass.dy, self.features);
        let Some(dx) = pass.dx(0) else { return };
        let mut dx = by_width_mut(dx, 3 * self.features);
        for (index, p) in weights.outer_iter().enumerate() {
            let (n, head) = (index / self.heads, index % self.heads);
            let here = n * tokens..(n + 1) * tokens;
            let [q, k, v] = self.columns(head);
            let dy = dy.slice(s![here.clone(), head * width..(head + 1) * width]);
            let part =
                |columns: &std::ops::Range<usize>| x.slice(s![here.clone(), columns.clone()]);
            matmul(dy, part(&v).t(), T::ZERO, &mut ds);
            self.differentiate_softmax(p, &mut ds);
            let (k_values, q_values) = (part(&k), part(&q));
            let mut add = |columns, a: ArrayView2<'_, T>, b| {
                matmul(a, b, T::ONE, &mut dx.slice_mut(s![here.clone(), columns]));
            };
            add(v, p.t(), dy);
            add(q, ds.view(), k_values);
            add(k, ds.t(), q_values);
        }
    }
}

impl ScaledDotAttention {
    /// Turns `dP` into `dS`. Where nothing is seen `P` is 0, and so is `dS`.
    fn differentiate_softmax<T: Scalar>(
        &self,
        p: ArrayView2<'_, T>,
        dp: &mut ArrayViewMut2<'_, T>,
    ) {
        let scale = self.scale::<T>();
        for (p, mut dp) in p.rows().into_iter().zip(dp.rows_mut()) {
            let along: T = p.iter().zip(&dp).map(|(&p, &dp)| p * dp).sum();
            Zip::from(&mut dp).and(p).for_each(|dp, &p| *dp = p * (*dp - along) * scale);
        }
    }
}
