//! The look-up of a vector for each token number.

use ndarray::Zip;

use crate::tokens::{by_width, by_width_mut};
use crate::{Backward, Forward, Operation, Scalar};

/// `y = W[x]`, the row of `W` that a token's number names.
///
/// Shapes: `x` (N, T) whole numbers, `W` (V, D), `y` (N, T D).
///
/// Panics at a number from V on; where a model meets data that is found before.
/// Source: Bengio et al., *A Neural Probabilistic Language Model*, JMLR 3 (2003), section 2.
#[derive(Debug)]
pub(crate) struct Embedding;

impl<T: Scalar> Operation<T> for Embedding {
    fn forward(&self, pass: Forward<'_, T>) {
        let (x, w) = (pass.x(0), pass.w(0));
        let mut y = by_width_mut(pass.y, w.ncols());
        for (mut y, &id) in y.rows_mut().into_iter().zip(x) {
            y.assign(&w.row(row(id)));
        }
    }

    /// `dW[x] += dy`, token after token, so that the order of the sums is fixed. Nothing goes to
    /// `x`: a number that names has no slope.
    fn backward(&self, mut pass: Backward<'_, T>) {
        let (x, dy) = (pass.x(0), pass.dy);
        let mut dw = pass.dw(0);
        for (dy, &id) in by_width(dy, dw.ncols()).rows().into_iter().zip(x) {
            Zip::from(dw.row_mut(row(id))).and(dy).for_each(|dw, &dy| *dw += dy);
        }
    }
}

/// The row that a token's number names.
fn row<T: Scalar>(id: T) -> usize {
    let row = id.to_f64() as usize;
    debug_assert!(row as f64 == id.to_f64(), "{id} is no number of a token");
    row
}
