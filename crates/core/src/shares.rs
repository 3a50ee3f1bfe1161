//! The exponentials of rows and their totals: what softmax and the cross-entropies share.

use crate::Scalar;
use crate::simd::{largest, map, sum, vectorized};

/// Rows that are worked on together at most.
const ROWS: usize = 64;
/// Numbers that are worked on together, unless one row has more: they stay in the nearest cache.
const NUMBERS: usize = 1024;

/// Writes `eₖ = exp(xₖ - m)` for every row of `classes` numbers, m the largest of the row, so that
/// nothing overflows, and calls `each(row, m, Σₖ eₖ, e)`, row after row. The total is in `f64`,
/// from 1 to `classes`, or NaN where the row holds NaN or its largest is infinite.
///
/// Exponentials are taken of many rows at once, as ten numbers do not fill a vector.
///
/// Shapes: `x` and `e` (N, C).
pub(crate) fn exponentials<T: Scalar>(
    x: &[T],
    e: &mut [T],
    classes: usize,
    mut each: impl FnMut(usize, T, f64, &mut [T]),
) {
    vectorized(
        #[inline(always)]
        || by_block(x, e, classes, &mut each),
    );
}

/// Calls `each(row, m, Σₖ exp(xₖ - m))` with the bits of [`exponentials`], which are not kept.
/// Allocates where a row has more than 1024 numbers.
pub(crate) fn totals<T: Scalar>(x: &[T], classes: usize, mut each: impl FnMut(usize, T, f64)) {
    let (mut near, mut far) = ([T::ZERO; NUMBERS], Vec::new());
    let e = if classes <= NUMBERS {
        &mut near[..]
    } else {
        far.resize(classes, T::ZERO);
        &mut far[..]
    };
    let rows = e.len() / classes;
    for (block, x) in x.chunks(rows * classes).enumerate() {
        let first = block * rows;
        let each = |row, m, total, _: &mut [T]| each(first + row, m, total);
        exponentials(x, &mut e[..x.len()], classes, each);
    }
}

#[inline(always)]
fn by_block<T: Scalar>(
    x: &[T],
    e: &mut [T],
    classes: usize,
    mut each: impl FnMut(usize, T, f64, &mut [T]),
) {
    let rows = (NUMBERS / classes).clamp(1, ROWS);
    let mut row = 0;
    for (x, e) in x.chunks(rows * classes).zip(e.chunks_mut(rows * classes)) {
        let mut maxima = [T::ZERO; ROWS];
        let pairs = x.chunks_exact(classes).zip(e.chunks_exact_mut(classes));
        for ((x, e), m) in pairs.zip(&mut maxima) {
            *m = largest(x);
            map(x, e, |x| x - *m);
        }
        for e in e.iter_mut() {
            *e = e.exp();
        }
        for (e, &m) in e.chunks_exact_mut(classes).zip(&maxima) {
            let total = sum(e, e, |e, _| e);
            each(row, m, total, e);
            row += 1;
        }
    }
}
