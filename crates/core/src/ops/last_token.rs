//! The last token of a sequence.

use ndarray::s;

use crate::{Backward, Forward, Operation, Scalar};

/// `y = x_T`: what a recurrent layer knows at the end.
///
/// Shapes: `x` (N, T D), `y` (N, D).
#[derive(Debug)]
pub(crate) struct LastToken {
    /// T D.
    pub(crate) len: usize,
    /// D.
    pub(crate) features: usize,
}

impl<T: Scalar> Operation<T> for LastToken {
    fn forward(&self, mut pass: Forward<'_, T>) {
        let x = pass.x(0);
        pass.y.assign(&x.slice(s![.., self.len - self.features..]));
    }

    /// `dx_T += dy`; the other tokens get nothing.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let dy = pass.dy;
        if let Some(mut dx) = pass.dx(0) {
            let mut last = dx.slice_mut(s![.., self.len - self.features..]);
            last += &dy;
        }
    }
}
