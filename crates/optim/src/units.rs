//! Norms unit by unit: a unit is one index along the unit axis of a parameter.

use gradus_core::{ParameterRange, Scalar};

/// The largest number of units of one parameter: the room that [`squares`] needs.
pub(crate) fn most_units(ranges: &[ParameterRange]) -> usize {
    ranges.iter().map(|parameter| parameter.shape[parameter.unit_axis]).max().unwrap_or(0)
}

/// The sum of squares of each unit's numbers in `flat`, into the front of `squares`.
pub(crate) fn squares<T: Scalar>(parameter: &ParameterRange, flat: &[T], squares: &mut [f64]) {
    let [_, columns] = parameter.shape;
    let rows = flat[parameter.range.clone()].chunks_exact(columns);
    if parameter.unit_axis == 0 {
        for (square, row) in squares.iter_mut().zip(rows) {
            *square = row.iter().map(|x| x.to_f64().powi(2)).sum();
        }
        return;
    }
    squares[..columns].fill(0.0);
    for row in rows {
        for (square, x) in squares.iter_mut().zip(row) {
            *square += x.to_f64().powi(2);
        }
    }
}

/// Multiplies the numbers of each unit by its factor.
pub(crate) fn scale<T: Scalar>(parameter: &ParameterRange, flat: &mut [T], factors: &[f64]) {
    let [_, columns] = parameter.shape;
    for (index, row) in flat[parameter.range.clone()].chunks_exact_mut(columns).enumerate() {
        if parameter.unit_axis == 0 {
            let factor = T::from_f64(factors[index]);
            row.iter_mut().for_each(|x| *x *= factor);
        } else {
            for (x, &factor) in row.iter_mut().zip(factors) {
                *x *= T::from_f64(factor);
            }
        }
    }
}
