//! What recurrent operations share: all tokens at once where that is possible.

use ndarray::{ArrayView2, ArrayViewMut2, ArrayViewMut3, Axis, s};

use crate::tokens::{by_width, by_width_mut, flat};
use crate::{Backward, Scalar, matmul};

/// `z = x W + b` for all tokens, as one product of N T rows.
///
/// Shapes: `x` (N, T D), `W` (D, G), `b` (1, G), `z` (N T, G).
pub(crate) fn project<T: Scalar>(
    x: ArrayView2<'_, T>,
    w: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    mut z: ArrayViewMut2<'_, T>,
) {
    z.assign(&b);
    matmul(by_width(x, w.nrows()), w, T::ONE, &mut z);
}

/// The gradients of [`project`] over input 0, weights 0 and the bias of this number:
/// `dW += xᵀ dz`, `db += Σ dz`, `dx += dz Wᵀ`.
pub(crate) fn differentiate_project<T: Scalar>(
    pass: &mut Backward<'_, T>,
    bias: usize,
    dz: ArrayView2<'_, T>,
) {
    let w = pass.w(0);
    let x = by_width(pass.x(0), w.nrows());
    matmul(x.t(), dz, T::ONE, &mut pass.dw(0));
    add_rows(&mut pass.dw(bias), dz);
    if let Some(dx) = pass.dx(0) {
        matmul(dz, w.t(), T::ONE, &mut by_width_mut(dx, w.nrows()));
    }
}

/// `db += Σ dz` over all rows, in order.
pub(crate) fn add_rows<T: Scalar>(db: &mut ArrayViewMut2<'_, T>, dz: ArrayView2<'_, T>) {
    for row in dz.rows() {
        *db += &row;
    }
}

/// `dU += Σₜ hₜ₋₁ᵀ dzₜ` as one product: each row of `h` stands against the row of `dz` after it.
/// At a sample's first token the row before belongs to another sample, so `dz` is set to zero
/// there; it must have no further use.
///
/// Shapes: `h` (N, T H), `dz` (N, T, G), `dU` (H, G).
pub(crate) fn add_recurrent_gradient<T: Scalar>(
    du: &mut ArrayViewMut2<'_, T>,
    h: ArrayView2<'_, T>,
    dz: &mut ArrayViewMut3<'_, T>,
) {
    dz.index_axis_mut(Axis(1), 0).fill(T::ZERO);
    let (h, dz) = (by_width(h, du.nrows()), flat(dz));
    let rows = h.nrows();
    if rows > 1 {
        matmul(h.slice(s![..rows - 1, ..]).t(), dz.slice(s![1.., ..]), T::ONE, du);
    }
}
