//! The gated recurrent unit.

use ndarray::{ArrayViewMut2, ArrayViewMut3, Axis};

use crate::recurrence::{add_recurrent_gradient, add_rows, differentiate_project, project};
use crate::tokens::{at, at_mut, by_token, by_token_mut, flat, take};
use crate::{Backward, Forward, Operation, Scalar, matmul};

/// `a = xₜ W + b` and `q = hₜ₋₁ U + c`, each with the parts r, z, n side by side;
/// `r = σ(aᵣ + qᵣ)`, `z = σ(a_z + q_z)`, `n = tanh(aₙ + r qₙ)`, `hₜ = (1 - z) n + z hₜ₋₁`, from
/// `h = 0` before the first token. `y` is `h` of every token. The gate r acts after the product
/// with `U`, which is why there are two biases: as in PyTorch and cuDNN, and Keras's
/// `reset_after=True`.
///
/// Shapes: `x` (N, T D), `W` (D, 3H), `U` (H, 3H), `b` and `c` (1, 3H), `y` (N, T H).
/// Source: Cho et al., EMNLP 2014; this variant: the documentation of `torch.nn.GRU`.
#[derive(Debug)]
pub(crate) struct Gru {
    /// T.
    pub(crate) tokens: usize,
    /// H.
    pub(crate) units: usize,
}

/// What the forward pass leaves, and room for what is carried back through time.
struct Kept<'a, T> {
    /// The gates r, z, n, then `da`, (N, T, 3H).
    gates: ArrayViewMut3<'a, T>,
    /// `q`, then `dq`, (N, T, 3H).
    hidden: ArrayViewMut3<'a, T>,
    /// `dh` of one token, (N, H).
    carried: ArrayViewMut2<'a, T>,
}

impl Gru {
    fn split<'a, T: Scalar>(&self, scratch: &'a mut [T], rows: usize) -> Kept<'a, T> {
        let (gates, rest) = take(scratch, (rows, self.tokens, 3 * self.units));
        let (hidden, rest) = take(rest, (rows, self.tokens, 3 * self.units));
        let (carried, _) = take(rest, (rows, 1, self.units));
        Kept { gates, hidden, carried: carried.index_axis_move(Axis(1), 0) }
    }
}

impl<T: Scalar> Operation<T> for Gru {
    fn scratch(&self, capacity: usize) -> usize {
        capacity * self.units * (6 * self.tokens + 1)
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (rows, units) = (pass.rows(), self.units);
        let (x, w, u, b, c) = (pass.x(0), pass.w(0), pass.w(1), pass.w(2), pass.w(3));
        let Kept { mut gates, mut hidden, .. } = self.split(pass.scratch, rows);
        let mut h = by_token_mut(pass.y, self.tokens);
        project(x, w, b, flat(&mut gates));
        flat(&mut hidden).assign(&c);
        for t in 0..self.tokens {
            if t > 0 {
                matmul(at(&h, t - 1), u, T::ONE, &mut at_mut(&mut hidden, t));
            }
            for n in 0..rows {
                for k in 0..units {
                    let [ir, iz, inew] = [0, 1, 2].map(|gate| [n, t, gate * units + k]);
                    let r = (gates[ir] + hidden[ir]).sigmoid();
                    let z = (gates[iz] + hidden[iz]).sigmoid();
                    let new = (gates[inew] + r * hidden[inew]).tanh();
                    (gates[ir], gates[iz], gates[inew]) = (r, z, new);
                    let before = if t > 0 { h[[n, t - 1, k]] } else { T::ZERO };
                    h[[n, t, k]] = (T::ONE - z) * new + z * before;
                }
            }
        }
    }

    /// From the last token to the first, `dh = dyₜ + zₜ₊₁ dhₜ₊₁ + dqₜ₊₁ Uᵀ` gives
    /// `daₙ = dh (1 - z)(1 - n²)`, `da_z = dh (hₜ₋₁ - n) z(1 - z)`, `daᵣ = daₙ qₙ r(1 - r)`;
    /// `dq` is the same but `dqₙ = r daₙ`. Then, over all tokens, `dW += xᵀ da`, `db += Σ da`,
    /// `dU += Σₜ hₜ₋₁ᵀ dqₜ`, `dc += Σ dq`, `dx += da Wᵀ`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (rows, units) = (pass.rows(), self.units);
        let scratch = std::mem::take(&mut pass.scratch);
        let Kept { mut gates, mut hidden, carried: mut dh } = self.split(scratch, rows);
        let (h, dy) = (by_token(pass.y, self.tokens), by_token(pass.dy, self.tokens));
        let u = pass.w(1);
        dh.fill(T::ZERO);
        for t in (0..self.tokens).rev() {
            dh += &dy.index_axis(Axis(1), t);
            for n in 0..rows {
                for k in 0..units {
                    let [ir, iz, inew] = [0, 1, 2].map(|gate| [n, t, gate * units + k]);
                    let [r, z, new] = [ir, iz, inew].map(|at| gates[at]);
                    let before = if t > 0 { h[[n, t - 1, k]] } else { T::ZERO };
                    let d = dh[[n, k]];
                    let dnew = d * (T::ONE - z) * (T::ONE - new * new);
                    let dz = d * (before - new) * z * (T::ONE - z);
                    let dr = dnew * hidden[inew] * r * (T::ONE - r);
                    (gates[ir], gates[iz], gates[inew]) = (dr, dz, dnew);
                    (hidden[ir], hidden[iz], hidden[inew]) = (dr, dz, dnew * r);
                    dh[[n, k]] = d * z;
                }
            }
            matmul(at(&hidden, t), u.t(), T::ONE, &mut dh);
        }
        differentiate_project(&mut pass, 2, flat(&mut gates).view());
        add_rows(&mut pass.dw(3), flat(&mut hidden).view());
        let h = pass.y;
        add_recurrent_gradient(&mut pass.dw(1), h, &mut hidden);
    }
}
