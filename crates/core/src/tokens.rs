//! A sequence in memory, seen as rows of tokens or one step at a time; nothing is copied.

use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis};

use crate::Scalar;

/// The same numbers as rows of `width`: (N, T D) becomes (N T, D).
pub(crate) fn by_width<T: Scalar>(rows: ArrayView2<'_, T>, width: usize) -> ArrayView2<'_, T> {
    let count = rows.len() / width;
    rows.into_shape_with_order((count, width)).expect("rows lie one after the other")
}

/// [`by_width`], to be written.
pub(crate) fn by_width_mut<T: Scalar>(
    rows: ArrayViewMut2<'_, T>,
    width: usize,
) -> ArrayViewMut2<'_, T> {
    let count = rows.len() / width;
    rows.into_shape_with_order((count, width)).expect("rows lie one after the other")
}

/// The same numbers with an axis of `tokens`: (N, T D) becomes (N, T, D).
pub(crate) fn by_token<T: Scalar>(rows: ArrayView2<'_, T>, tokens: usize) -> ArrayView3<'_, T> {
    let (count, len) = rows.dim();
    rows.into_shape_with_order((count, tokens, len / tokens)).expect("rows lie one after the other")
}

/// [`by_token`], to be written.
pub(crate) fn by_token_mut<T: Scalar>(
    rows: ArrayViewMut2<'_, T>,
    tokens: usize,
) -> ArrayViewMut3<'_, T> {
    let (count, len) = rows.dim();
    rows.into_shape_with_order((count, tokens, len / tokens)).expect("rows lie one after the other")
}

/// What stands at token `t`, (N, D) with a stride of T D, which BLAS takes as it is.
pub(crate) fn at<'a, T>(values: &'a ArrayViewMut3<'_, T>, t: usize) -> ArrayView2<'a, T> {
    values.index_axis(Axis(1), t)
}

/// [`at`], to be written.
pub(crate) fn at_mut<'a, T>(
    values: &'a mut ArrayViewMut3<'_, T>,
    t: usize,
) -> ArrayViewMut2<'a, T> {
    values.index_axis_mut(Axis(1), t)
}

/// Two neighbors: what stands at token `t` (not the first), and what follows it at `t + 1`.
pub(crate) fn neighbors<'a, T>(
    values: &'a mut ArrayViewMut3<'_, T>,
    t: usize,
) -> (ArrayViewMut2<'a, T>, ArrayViewMut2<'a, T>) {
    let (before, after) = values.view_mut().split_at(Axis(1), t + 1);
    (before.index_axis_move(Axis(1), t), after.index_axis_move(Axis(1), 0))
}

/// The first numbers of a buffer as (N, T, D), and the rest.
pub(crate) fn take<T: Scalar>(
    buffer: &mut [T],
    (rows, tokens, width): (usize, usize, usize),
) -> (ArrayViewMut3<'_, T>, &mut [T]) {
    let (front, rest) = buffer.split_at_mut(rows * tokens * width);
    let front = ArrayViewMut3::from_shape((rows, tokens, width), front);
    (front.expect("as many as the shape says"), rest)
}

/// (N, T, D) as (N T, D), to be written.
pub(crate) fn flat<'a, T: Scalar>(values: &'a mut ArrayViewMut3<'_, T>) -> ArrayViewMut2<'a, T> {
    let (rows, tokens, width) = values.dim();
    let flat = values.view_mut().into_shape_with_order((rows * tokens, width));
    flat.expect("what is not a single step lies in one piece")
}
