//! The simple recurrent layer.

use ndarray::{Axis, Zip};

use crate::recurrence::{add_recurrent_gradient, differentiate_project, project};
use crate::tokens::{at_mut, by_token, by_token_mut, by_width_mut, flat, neighbors, take};
use crate::{Backward, Forward, Operation, Scalar, matmul};

/// `hₜ = tanh(xₜ W + hₜ₋₁ U + b)`, from `h = 0` before the first token; `y` is `h` of every token.
///
/// Shapes: `x` (N, T D), `W` (D, H), `U` (H, H), `b` (1, H), `y` (N, T H).
/// Source: Elman, *Finding Structure in Time*, Cognitive Science 14 (1990); the backward pass is
/// backpropagation through all T tokens: Werbos, Proceedings of the IEEE 78 (1990).
#[derive(Debug)]
pub(crate) struct SimpleRnn {
    /// T.
    pub(crate) tokens: usize,
    /// H.
    pub(crate) units: usize,
}

impl<T: Scalar> Operation<T> for SimpleRnn {
    /// `dz` of every token, for the backward pass alone.
    fn scratch(&self, capacity: usize) -> usize {
        capacity * self.tokens * self.units
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (x, w, u, b) = (pass.x(0), pass.w(0), pass.w(1), pass.w(2));
        let mut y = pass.y;
        project(x, w, b, by_width_mut(y.view_mut(), self.units));
        let mut h = by_token_mut(y, self.tokens);
        for t in 0..self.tokens {
            if t > 0 {
                let (before, mut now) = neighbors(&mut h, t - 1);
                matmul(before.view(), u, T::ONE, &mut now);
            }
            at_mut(&mut h, t).mapv_inplace(T::tanh);
        }
    }

    /// From the last token to the first `dzₜ = (dyₜ + dzₜ₊₁ Uᵀ)(1 - hₜ²)`; then, over all tokens,
    /// `dW += xᵀ dz`, `dU += Σₜ hₜ₋₁ᵀ dzₜ`, `db += Σ dz`, `dx += dz Wᵀ`.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let scratch = std::mem::take(&mut pass.scratch);
        let (mut dz, _) = take(scratch, (pass.rows(), self.tokens, self.units));
        let (h, dy) = (by_token(pass.y, self.tokens), by_token(pass.dy, self.tokens));
        let u = pass.w(1);
        for t in (0..self.tokens).rev() {
            at_mut(&mut dz, t).assign(&dy.index_axis(Axis(1), t));
            if t + 1 < self.tokens {
                let (mut now, next) = neighbors(&mut dz, t);
                matmul(next.view(), u.t(), T::ONE, &mut now);
            }
            let now = at_mut(&mut dz, t);
            Zip::from(now).and(h.index_axis(Axis(1), t)).for_each(|dz, &h| *dz *= T::ONE - h * h);
        }
        differentiate_project(&mut pass, 2, flat(&mut dz).view());
        let h = pass.y;
        add_recurrent_gradient(&mut pass.dw(1), h, &mut dz);
    }
}
