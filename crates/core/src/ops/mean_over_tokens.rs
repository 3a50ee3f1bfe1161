//! The mean over the tokens of a sequence.

use ndarray::Axis;

use crate::tokens::{by_token, by_token_mut};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = Σₜ xₜ / T`.
///
/// Shapes: `x` (N, T D), `y` (N, D).
#[derive(Debug)]
pub(crate) struct MeanOverTokens {
    /// T.
    pub(crate) tokens: usize,
}

impl<T: Scalar> Operation<T> for MeanOverTokens {
    fn forward(&self, mut pass: Forward<'_, T>) {
        let share = T::from_f64(1.0 / self.tokens as f64);
        pass.y.fill(T::ZERO);
        for x in by_token(pass.x(0), self.tokens).axis_iter(Axis(1)) {
            pass.y.scaled_add(share, &x);
        }
    }

    /// `dxₜ += dy / T` for every token.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let share = T::from_f64(1.0 / self.tokens as f64);
        let dy = pass.dy;
        if let Some(dx) = pass.dx(0) {
            for mut dx in by_token_mut(dx, self.tokens).axis_iter_mut(Axis(1)) {
                dx.scaled_add(share, &dy);
            }
        }
    }
}
