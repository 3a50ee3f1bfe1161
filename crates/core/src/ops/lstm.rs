//! Long short-term memory.

use ndarray::{ArrayViewMut2, ArrayViewMut3, Axis};

use crate::recurrence::{add_recurrent_gradient, differentiate_project, project};
use crate::tokens::{at, at_mut, by_token, by_token_mut, flat, take};
use crate::{Backward, Forward, Operation, Scalar, matmul};

/// `(i, f, g, o) = xₜ W + hₜ₋₁ U + b` with `σ` on `i`, `f`, `o` and `tanh` on `g`;
/// `cₜ = f cₜ₋₁ + i g`, `hₜ = o tanh(cₜ)`, from zeros before the first token. `y` is `h` of every
/// token. The gates stand side by side in this order, as PyTorch has them.
///
/// Shapes: `x` (N, T D), `W` (D, 4H), `U` (H, 4H), `b` (1, 4H), `y` (N, T H).
/// Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997), with the forget gate of Gers,
/// Schmidhuber, Cummins, Neural Computation 12 (2000).
#[derive(Debug)]
pub(crate) struct Lstm {
    /// T.
    pub(crate) tokens: usize,
    /// H.
    pub(crate) units: usize,
}

/// What the forward pass leaves, and room for what is carried back through time.
struct Kept<'a, T> {
    /// The four gates, then their `dz`, (N, T, 4H).
    gates: ArrayViewMut3<'a, T>,
    /// `c`, (N, T, H).
    cells: ArrayViewMut3<'a, T>,
    /// `tanh(c)`, (N, T, H).
    squashed: ArrayViewMut3<'a, T>,
    /// `dh` and `dc` of one token, (N, H).
    carried: [ArrayViewMut2<'a, T>; 2],
}

impl Lstm {
    fn split<'a, T: Scalar>(&self, scratch: &'a mut [T], rows: usize) -> Kept<'a, T> {
        let (tokens, units) = (self.tokens, self.units);
        let (gates, rest) = take(scratch, (rows, tokens, 4 * units));
        let (cells, rest) = take(rest, (rows, tokens, units));
        let (squashed, rest) = take(rest, (rows, tokens, units));
        let (dh, rest) = take(rest, (rows, 1, units));
        let (dc, _) = take(rest, (rows, 1, units));
        let carried = [dh, dc].map(|carried| carried.index_axis_move(Axis(1), 0));
        Kept { gates, cells, squashed, carried }
    }
}

impl<T: Scalar> Operation<T> for Lstm {
    fn scratch(&self, capacity: usize) -> usize {
        capacity * self.units * (6 * self.tokens + 2)
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (rows, units) = (pass.rows(), self.units);
        let (x, w, u, b) = (pass.x(0), pass.w(0), pass.w(1), pass.w(2));
        let Kept { mut gates, mut cells, mut squashed, .. } = self.split(pass.scratch, rows);
        let mut h = by_token_mut(pass.y, self.tokens);
        project(x, w, b, flat(&mut gates));
        for t in 0..self.tokens {
            if t > 0 {
                matmul(at(&h, t - 1), u, T::ONE, &mut at_mut(&mut gates, t));
            }
            for (n, k) in pairs(rows, units) {
                let gate = |number: usize| [n, t, number * units + k];
                let (i, f) = (gates[gate(0)].sigmoid(), gates[gate(1)].sigmoid());
                let (g, o) = (gates[gate(2)].tanh(), gates[gate(3)].sigmoid());
                for (number, value) in [i, f, g, o].into_iter().enumerate() {
                    gates[gate(number)] = value;
                }
                let before = if t > 0 { cells[[n, t - 1, k]] } else { T::ZERO };
                let c = f * before + i * g;
                cells[[n, t, k]] = c;
                squashed[[n, t, k]] = c.tanh();
                h[[n, t, k]] = o * c.tanh();
            }
        }
    }

    /// From the last token to the first, `dh = dyₜ + dzₜ₊₁ Uᵀ` and
    /// `dc = fₜ₊₁ dcₜ₊₁ + dh o (1 - tanh²c)` give `dz`: `dc g i(1 - i)`, `dc cₜ₋₁ f(1 - f)`,
    /// `dc i (1 - g²)` and `dh tanh(c) o(1 - o)`; then, over all tokens, `dW += xᵀ dz`,
    /// `dU += Σₜ hₜ₋₁ᵀ dzₜ`, `db += Σ dz`, `dx += dz Wᵀ`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (rows, units) = (pass.rows(), self.units);
        let scratch = std::mem::take(&mut pass.scratch);
        let Kept { mut gates, cells, squashed, carried: [mut dh, mut dc] } =
            self.split(scratch, rows);
        let (u, dy) = (pass.w(1), by_token(pass.dy, self.tokens));
        dc.fill(T::ZERO);
        for t in (0..self.tokens).rev() {
            dh.assign(&dy.index_axis(Axis(1), t));
            if t + 1 < self.tokens {
                matmul(at(&gates, t + 1), u.t(), T::ONE, &mut dh);
            }
            for (n, k) in pairs(rows, units) {
                let gate = |number: usize| [n, t, number * units + k];
                let [i, f, g, o] = [0, 1, 2, 3].map(|number| gates[gate(number)]);
                let (dh, s) = (dh[[n, k]], squashed[[n, t, k]]);
                let before = if t > 0 { cells[[n, t - 1, k]] } else { T::ZERO };
                let carried = dc[[n, k]] + dh * o * (T::ONE - s * s);
                gates[gate(0)] = carried * g * i * (T::ONE - i);
                gates[gate(1)] = carried * before * f * (T::ONE - f);
                gates[gate(2)] = carried * i * (T::ONE - g * g);
                gates[gate(3)] = dh * s * o * (T::ONE - o);
                dc[[n, k]] = carried * f;
            }
        }
        differentiate_project(&mut pass, 2, flat(&mut gates).view());
        let h = pass.y;
        add_recurrent_gradient(&mut pass.dw(1), h, &mut gates);
    }
}

/// Every unit of every row.
fn pairs(rows: usize, units: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |n| (0..units).map(move |k| (n, k)))
}
