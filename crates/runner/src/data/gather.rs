//! From rows as read to scaled rows of a run, with or without giving the rows as read up.

use gradus_core::Scalar;
use ndarray::{Array2, Axis, Slice};

use super::scaling::Fitted;

/// The chosen rows of `values`, scaled, (rows, width).
pub(super) fn gather<V: Copy + Into<f64>, T: Scalar>(
    values: &[V],
    rows: &[usize],
    fitted: &Fitted,
    width: usize,
) -> Array2<T> {
    let mut scaled = Vec::with_capacity(rows.len() * width);
    for &row in rows {
        scaled.extend(fitted.scaled(&values[row * width..][..width]).map(T::from_f64));
    }
    Array2::from_shape_vec((rows.len(), width), scaled).expect("each row gave `width` values")
}

/// [`gather`] for each part, from the last row to the first: what lies behind all rows that are
/// still needed is given back.
pub(super) fn drain<V: Copy + Into<f64>, T: Scalar>(
    mut values: Vec<V>,
    parts: [&[usize]; 3],
    fitted: &Fitted,
    width: usize,
) -> [Array2<T>; 3] {
    /// Rows between two times that memory is given back.
    const BLOCK: usize = 512;
    // Zeros take no memory before they are written to.
    let mut made = parts.map(|rows| Array2::from_elem((rows.len(), width), T::ZERO));
    for (part, rows) in parts.iter().enumerate().rev() {
        let before = parts[..part].iter().flat_map(|rows| rows.iter()).max();
        // How many rows of the source all up to here need.
        let mut needed = vec![before.map_or(0, |row| row + 1)];
        for &row in *rows {
            needed.push((row + 1).max(needed[needed.len() - 1]));
        }
        for start in (0..rows.len()).step_by(BLOCK).rev() {
            let block = start..rows.len().min(start + BLOCK);
            let mut into = made[part].slice_axis_mut(Axis(0), Slice::from(block.clone()));
            for (mut to, &row) in into.rows_mut().into_iter().zip(&rows[block]) {
                let scaled = fitted.scaled(&values[row * width..][..width]);
                to.iter_mut().zip(scaled).for_each(|(to, value)| *to = T::from_f64(value));
            }
            values.truncate(needed[start] * width);
            values.shrink_to_fit();
        }
    }
    made
}
