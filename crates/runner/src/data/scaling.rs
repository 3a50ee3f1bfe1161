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
    /// `(x - mean) / sd` with one mean and one deviation over all columns, as is usual for the
    /// pixels of pictures.
    StandardizeTogether,
    /// `(x - mean) / mean` by column; a column whose mean is 0 becomes 0.
    RelativeToMean,
    /// `(x - min) / (max - min)` by column; a constant column becomes 0.
    MinMax,
    /// `x / divisor`, the same for all columns.
    Divide(f64),
    /// `(x - subtract) / divide`, the same for all columns.
    Affine {
        /// What becomes 0.
        subtract: f64,
        /// How far from it is 1.
        divide: f64,
    },
}

/// `x ↦ (x - offset) / divisor` for each column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    columns: Vec<Column>,
    /// Columns with nothing that one could divide by; they become 0.
    pub(super) unscalable: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    offset: f64,
    divisor: f64,
}

impl Scaling {
    /// Numbers that nothing can be scaled by.
    pub(super) fn mistakes(self, place: &str) -> Vec<Mistake> {
        let (place_of_divisor, divisor, subtract) = match self {
            Scaling::Divide(divisor) => (format!("{place}[0]"), divisor, 0.0),
            Scaling::Affine { subtract, divide } => (format!("{place}.divide"), divide, subtract),
            Scaling::AsIs
            | Scaling::Standardize
            | Scaling::StandardizeTogether
            | Scaling::RelativeToMean
            | Scaling::MinMax => return Vec::new(),
        };
        let mut mistakes = Vec::new();
        if divisor == 0.0 || !divisor.is_finite() {
            let what = format!("{divisor} is no divisor");
            let help = "a finite number other than 0, such as 255.0";
            mistakes.push(Mistake::new(place_of_divisor, what, help));
        }
        let holds = subtract.is_finite();
        let place = format!("{place}.subtract");
        mistakes.extend(Mistake::unless(holds, place, "subtract", subtract, "a finite number"));
        mistakes
    }

    /// What a column lacks that becomes 0.
    pub(super) fn lack(self) -> &'static str {
        if self == Scaling::RelativeToMean { "a mean of 0" } else { "no spread" }
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
            Scaling::Affine { subtract, divide } => {
                vec![Column { offset: subtract, divisor: divide }; width]
            }
            Scaling::Standardize => means_and_deviations(values, width, train),
            Scaling::StandardizeTogether => {
                vec![together(&means_and_deviations(values, width, train)); width]
            }
            Scaling::RelativeToMean => means_and_deviations(values, width, train)
                .into_iter()
                .map(|Column { offset, .. }| Column { offset, divisor: offset })
                .collect(),
            Scaling::MinMax => minima_and_ranges(values, width, train),
        };
        let usable = |column: &Column| {
            column.divisor != 0.0 && column.divisor.is_finite() && column.offset.is_finite()
        };
        let unscalable = (0..width).filter(|&index| !usable(&columns[index])).collect();
        // Dividing by infinity turns every finite value of such a column into 0.
        let zero = Column { offset: 0.0, divisor: f64::INFINITY };
        let columns =
            columns.into_iter().map(|column| if usable(&column) { column } else { zero }).collect();
        Fitted { columns, unscalable }
    }
}

impl Fitted {
    /// What each column is divided by; 1 where it becomes 0.
    pub(super) fn divisors(&self) -> Vec<f64> {
        let divisor =
            |column: &Column| if column.divisor.is_finite() { column.divisor } else { 1.0 };
        self.columns.iter().map(divisor).collect()
    }

    /// How many of these rows' values are not finite once they are scaled.
    pub(super) fn not_finite<V: Copy + Into<f64>>(
        &self,
        values: &[V],
        rows: &[usize],
        width: usize,
    ) -> usize {
        // Scaling keeps or turns the order: where it leaves both ends finite, all between are.
        let is_held = |end: f64| {
            self.columns.iter().all(|column| ((end - column.offset) / column.divisor).is_finite())
        };
        if ends(values).into_iter().all(is_held) {
            return 0;
        }
        let scaled = rows.iter().flat_map(|&row| self.scaled(&values[row * width..][..width]));
        scaled.filter(|value| !value.is_finite()).count()
    }

    /// The scaled values of one row, in column order.
    pub(super) fn scaled<V: Copy + Into<f64>>(&self, row: &[V]) -> impl Iterator<Item = f64> {
        // Adding 0 makes -0 a plain 0.
        row.iter()
            .zip(&self.columns)
            .map(|(&x, column)| (x.into() - column.offset) / column.divisor + 0.0)
    }
}

/// Least and greatest of all values, to judge by them what scaling may do to any.
fn ends<V: Copy + Into<f64>>(values: &[V]) -> [f64; 2] {
    values.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], &value| {
        let value: f64 = value.into();
        [least.min(value), most.max(value)]
    })
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

/// Mean and deviation over all columns from those of each, all of as many values.
///
/// The variance of all is the mean of the variances plus the variance of the means.
fn together(columns: &[Column]) -> Column {
    let n = columns.len() as f64;
    let offset = columns.iter().map(|column| column.offset).sum::<f64>() / n;
    let square = |column: &Column| {
        let shift = column.offset - offset;
        column.divisor * column.divisor + shift * shift
    };
    Column { offset, divisor: libm::sqrt(columns.iter().map(square).sum::<f64>() / n) }
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
            assert_eq!(scaling.fit(&VALUES, 3, &TRAIN).unscalable, [1]);
            assert_eq!(column(scaling, 1), [0.0; 5]);
        }
    }

    #[test]
    fn the_other_scalings_follow_their_formula() {
        assert_eq!(column(Scaling::MinMax, 0)[..4], [0.0, 0.125, 0.375, 1.0]);
        assert_eq!(column(Scaling::AsIs, 2), [5.0, 7.0, 9.0, 6.0, -1e9]);
        assert_eq!(column(Scaling::Divide(2.0), 0)[..2], [0.5, 1.0]);
        let affine = Scaling::Affine { subtract: 5.0, divide: 2.0 };
        assert_eq!(column(affine, 2)[..3], [0.0, 1.0, 2.0]);
        assert_eq!(column(Scaling::RelativeToMean, 0)[..4], [-0.75, -0.5, 0.0, 1.25]);
        let centered = Scaling::RelativeToMean.fit(&[-1.0, 1.0, 5.0], 1, &[0, 1]);
        assert_eq!(centered.unscalable, [0]);
        assert_eq!(centered.scaled(&[5.0]).next(), Some(0.0));
    }

    #[test]
    fn columns_standardized_together_have_mean_0_and_deviation_1_as_one() {
        let fitted = Scaling::StandardizeTogether.fit(&VALUES, 3, &TRAIN);
        let scaled: Vec<f64> = VALUES[..12].chunks(3).flat_map(|row| fitted.scaled(row)).collect();
        let mean = scaled.iter().sum::<f64>() / 12.0;
        let variance = scaled.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 12.0;
        assert!(mean.abs() < 1e-15 && (variance - 1.0).abs() < 1e-15, "{mean} {variance}");
        // The constant column is shifted like the others.
        assert!(fitted.unscalable.is_empty() && scaled[1] < -0.5);
        assert_eq!(fitted.divisors(), [fitted.divisors()[0]; 3]);
    }

    #[test]
    fn what_nothing_can_be_scaled_by_is_refused() {
        let places = |scaling: Scaling| {
            let mistakes = scaling.mistakes("data.inputs");
            mistakes.into_iter().map(|mistake| mistake.place).collect::<Vec<_>>()
        };
        assert_eq!(places(Scaling::Divide(f64::NAN)), ["data.inputs[0]"]);
        let affine = Scaling::Affine { subtract: f64::INFINITY, divide: 0.0 };
        assert_eq!(places(affine), ["data.inputs.divide", "data.inputs.subtract"]);
        assert_eq!(places(Scaling::Affine { subtract: 0.5, divide: -0.5 }), [""; 0]);
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
        assert_eq!(Scaling::MinMax.fit(&values, 1, &[0, 1]).unscalable, [0]);
        assert_eq!(Scaling::Standardize.fit(&values, 1, &[0, 1]).unscalable, [0]);
    }
}
