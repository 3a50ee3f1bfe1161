//! Scaling of columns, fitted on the training rows alone.

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

/// What is done to each column. Fitted on the training rows and applied to all parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Scaling {
    /// Nothing.
    #[default]
    AsIs,
    /// `(x - mean) / sd` by column, with `sd² = 1/n Σ(x - mean)²`; a constant column becomes 0.
    Standardize,
    /// `(x - min) / (max - min)` by column; a constant column becomes 0.
    MinMax,
    /// `x / divisor`, the same for all columns.
    Divide(f64),
}

/// `x ↦ (x - offset) / divisor` for each column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    columns: Vec<Column>,
    /// Columns without a spread that one could divide by; they become 0.
    pub(super) constant: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    offset: f64,
    divisor: f64,
}

impl Scaling {
    /// A divisor that nothing can be divided by.
    pub(super) fn mistakes(self, place: &str) -> Vec<Mistake> {
        match self {
            Scaling::Divide(divisor) if divisor == 0.0 || !divisor.is_finite() => {
                vec![Mistake::new(
                    format!("{place}[0]"),
                    format!("{divisor} is no divisor"),
                    "a finite number other than 0, such as 255.0",
                )]
            }
            _ => Vec::new(),
        }
    }

    /// Fits the columns of `values` (all rows, `width`) to the rows `train`.
    ///
    /// Sums run in `f64`, in row order, so that the same rows always give the same bits.
    pub(super) fn fit<V: Copy + Into<f64>>(
        self,
        values: &[V],
        width: usize,
        train: &[usize],
    ) -> Fitted {
        let columns = match self {
            Scaling::AsIs => vec![Column { offset: 0.0, divisor: 1.0 }; width],
            Scaling::Divide(divisor) => vec![Column { offset: 0.0, divisor }; width],
            Scaling::Standardize => means_and_deviations(values, width, train),
            Scaling::MinMax => minima_and_ranges(values, width, train),
        };
        let usable = |column: &Column| {
            column.divisor != 0.0 && column.divisor.is_finite() && column.offset.is_finite()
        };
        let constant = (0..width).filter(|&index| !usable(&columns[index])).collect();
        // Dividing by infinity turns every finite value of a constant column into 0.
        let zero = Column { offset: 0.0, divisor: f64::INFINITY };
        let columns =
            columns.into_iter().map(|column| if usable(&column) { column } else { zero }).collect();
        Fitted { columns, constant }
    }
}

impl Fitted {
    /// What each column is divided by; 1 where it has no spread and becomes 0.
    pub(super) fn divisors(&self) -> Vec<f64> {
        let divisor =
            |column: &Column| if column.divisor.is_finite() { column.divisor } else { 1.0 };
        self.columns.iter().map(divisor).collect()
    }

    /// The scaled values of one row, in column order.
    pub(super) fn scaled<V: Copy + Into<f64>>(&self, row: &[V]) -> impl Iterator<Item = f64> {
        // Adding 0 makes -0 a plain 0.
        row.iter()
            .zip(&self.columns)
            .map(|(&x, column)| (x.into() - column.offset) / column.divisor + 0.0)
    }
}

/// Two passes: the deviation from a known mean loses no digits.
fn means_and_deviations<V: Copy + Into<f64>>(
    values: &[V],
    width: usize,
    train: &[usize],
) -> Vec<Column> {
    let n = train.len() as f64;
    let mut columns = vec![Column { offset: 0.0, divisor: 0.0 }; width];
    for &row in train {
        for (column, &x) in columns.iter_mut().zip(&values[row * width..][..width]) {
            column.offset += x.into();
        }
    }
    for column in &mut columns {
        column.offset /= n;
    }
    for &row in train {
        for (column, &x) in columns.iter_mut().zip(&values[row * width..][..width]) {
            let deviation = x.into() - column.offset;
            column.divisor += deviation * deviation;
        }
    }
    // The mean of equal values may be off by a rounding, and then their deviation is not 0.
    let ranges = minima_and_ranges(values, width, train);
    for (column, range) in columns.iter_mut().zip(ranges) {
        let varies = range.divisor > 0.0;
        column.divisor = if varies { libm::sqrt(column.divisor / n) } else { 0.0 };
    }
    columns
}

fn minima_and_ranges<V: Copy + Into<f64>>(
    values: &[V],
    width: usize,
    train: &[usize],
) -> Vec<Column> {
    let mut columns = vec![Column { offset: f64::INFINITY, divisor: f64::NEG_INFINITY }; width];
    for &row in train {
        for (column, &x) in columns.iter_mut().zip(&values[row * width..][..width]) {
            column.offset = column.offset.min(x.into());
            column.divisor = column.divisor.max(x.into());
        }
    }
    for column in &mut columns {
        column.divisor -= column.offset;
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns: any numbers, a constant whose sum rounds, and a far outlier outside the training.
    const VALUES: [f64; 15] =
        [1.0, 0.1, 5.0, 2.0, 0.1, 7.0, 4.0, 0.1, 9.0, 9.0, 0.1, 6.0, 1e9, 0.7, -1e9];
    const TRAIN: [usize; 4] = [0, 1, 2, 3];

    fn column(scaling: Scaling, index: usize) -> Vec<f64> {
        let fitted = scaling.fit(&VALUES, 3, &TRAIN);
        VALUES.chunks(3).filter_map(|row| fitted.scaled(row).nth(index)).collect()
    }

    #[test]
    fn standardized_training_rows_have_mean_0_and_deviation_1() {
        for index in [0, 2] {
            let scaled = &column(Scaling::Standardize, index)[..4];
            let mean = scaled.iter().sum::<f64>() / 4.0;
            let variance = scaled.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 4.0;
            assert!(mean.abs() < 1e-15 && (variance - 1.0).abs() < 1e-15, "{mean} {variance}");
        }
        // 1, 2, 4, 9: mean 4, variance 9.5.
        assert!((column(Scaling::Standardize, 0)[4] - (1e9 - 4.0) / 9.5_f64.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn a_constant_column_becomes_0_in_every_part() {
        for scaling in [Scaling::Standardize, Scaling::MinMax] {
            assert_eq!(scaling.fit(&VALUES, 3, &TRAIN).constant, [1]);
            assert_eq!(column(scaling, 1), [0.0; 5]);
        }
    }

    #[test]
    fn the_other_scalings_follow_their_formula() {
        assert_eq!(column(Scaling::MinMax, 0)[..4], [0.0, 0.125, 0.375, 1.0]);
        assert_eq!(column(Scaling::AsIs, 2), [5.0, 7.0, 9.0, 6.0, -1e9]);
        assert_eq!(column(Scaling::Divide(2.0), 0)[..2], [0.5, 1.0]);
    }

    #[test]
    fn bytes_and_numbers_give_the_same_bits() {
        let bytes: Vec<u8> = (0..120).map(|index| (index * 37 % 251) as u8).collect();
        let numbers: Vec<f64> = bytes.iter().map(|&byte| f64::from(byte)).collect();
        let rows: Vec<usize> = (0..30).collect();
        for scaling in [Scaling::Standardize, Scaling::MinMax, Scaling::Divide(255.0)] {
            let (a, b) = (scaling.fit(&bytes, 4, &rows), scaling.fit(&numbers, 4, &rows));
            assert_eq!(a, b);
            assert!(a.scaled(&bytes[4..8]).eq(b.scaled(&numbers[4..8])));
        }
    }

    #[test]
    fn values_too_far_apart_to_scale_are_named_with_the_constant_ones() {
        let values = [-1.7e308, 1.7e308];
        assert_eq!(Scaling::MinMax.fit(&values, 1, &[0, 1]).constant, [0]);
        assert_eq!(Scaling::Standardize.fit(&values, 1, &[0, 1]).constant, [0]);
    }
}
