//! One measure of one part, gathered batch after batch in the order of the rows.

use gradus_core::{Loss, Scalar, Targets};
use ndarray::{ArrayView1, ArrayView2};

use crate::metric::Metric;

/// Sums in `f64` that a measure is worked out from.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    pub(crate) metric: Metric,
    /// Sum over predictions, and their number.
    sum: f64,
    count: usize,
    /// Right ones and all of each class.
    classes: Vec<[f64; 2]>,
    outputs: Vec<Output>,
}

/// What `R2` needs of one output.
#[derive(Clone, Debug, Default)]
struct Output {
    mean: f64,
    /// `Σ (t - mean)²` so far, updated so that no digits cancel.
    spread: f64,
    /// `Σ (y - t)²`.
    residual: f64,
}

impl Score {
    /// Nothing yet.
    pub(crate) fn new(metric: Metric) -> Self {
        Self { metric, sum: 0.0, count: 0, classes: Vec::new(), outputs: Vec::new() }
    }

    /// Adds a batch: outputs (N, K) and their targets; `scale` is what each target column was
    /// divided by.
    pub(crate) fn add<T: Scalar>(
        &mut self,
        y: ArrayView2<'_, T>,
        targets: Targets<'_, T>,
        scale: &[f64],
    ) {
        let rows = targets.rows();
        self.sum += match self.metric {
            // These two are the program's own loss: see `evaluate`.
            Metric::Loss | Metric::PenalizedLoss => 0.0,
            Metric::Accuracy => {
                let is_right = |&(row, y): &(usize, _)| is_predicted(y, class(targets, row));
                y.rows().into_iter().enumerate().filter(is_right).count() as f64
            }
            Metric::BalancedAccuracy => {
                for row in 0..rows {
                    let class = class(targets, row);
                    if class >= self.classes.len() {
                        self.classes.resize(class + 1, [0.0; 2]);
                    }
                    let is_right = is_predicted(y.row(row), class);
                    self.classes[class][0] += f64::from(u8::from(is_right));
                    self.classes[class][1] += 1.0;
                }
                0.0
            }
            Metric::TopK(k) => {
                (0..rows).filter(|&row| rank(y.row(row), class(targets, row)) < k).count() as f64
            }
            Metric::Perplexity => Loss::CrossEntropy.value(y, targets) * rows as f64,
            Metric::Mse => Loss::Mse.value(y, targets) * rows as f64,
            Metric::Rmse => mean_of_errors(y, targets, |k, error| {
                let error = scale[k] * error;
                error * error
            }),
            Metric::Mae => mean_of_errors(y, targets, |k, error| (scale[k] * error).abs()),
            Metric::R2 => {
                self.add_spreads(y, targets);
                0.0
            }
        };
        self.count += rows;
    }

    /// Source: Welford, *Note on a Method for Calculating Corrected Sums of Squares and Products*,
    /// Technometrics 4 (1962).
    fn add_spreads<T: Scalar>(&mut self, y: ArrayView2<'_, T>, targets: Targets<'_, T>) {
        let Targets::Values(t) = targets else { panic!("R2 is measured of numbers") };
        self.outputs.resize(y.ncols(), Output::default());
        for (row, (y, t)) in y.rows().into_iter().zip(t.rows()).enumerate() {
            let count = (self.count + row + 1) as f64;
            for (output, (y, t)) in self.outputs.iter_mut().zip(y.iter().zip(t)) {
                let (y, t) = (y.to_f64(), t.to_f64());
                let before = t - output.mean;
                output.mean += before / count;
                output.spread += before * (t - output.mean);
                output.residual += (y - t) * (y - t);
            }
        }
    }

    /// The measure of everything that was added; NaN of nothing.
    pub(crate) fn value(&self) -> f64 {
        let mean = self.sum / self.count as f64;
        match self.metric {
            Metric::BalancedAccuracy => {
                let present = self.classes.iter().filter(|[_, all]| *all > 0.0);
                let recalls: Vec<f64> = present.map(|[right, all]| right / all).collect();
                crate::statistics::mean(&recalls)
            }
            Metric::Perplexity => libm::exp(mean),
            Metric::Rmse => libm::sqrt(mean),
            Metric::R2 => {
                let of_output = |output: &Output| {
                    if output.spread > 0.0 {
                        1.0 - output.residual / output.spread
                    } else if output.residual == 0.0 {
                        1.0
                    } else {
                        0.0
                    }
                };
                let values: Vec<f64> = self.outputs.iter().map(of_output).collect();
                crate::statistics::mean(&values)
            }
            _ => mean,
        }
    }
}

/// Sum over rows of the mean over outputs of `of(k, y - t)`.
fn mean_of_errors<T: Scalar>(
    y: ArrayView2<'_, T>,
    targets: Targets<'_, T>,
    of: impl Fn(usize, f64) -> f64,
) -> f64 {
    let Targets::Values(t) = targets else { panic!("errors are measured of numbers") };
    let mut sum = 0.0;
    for (y, t) in y.rows().into_iter().zip(t.rows()) {
        for (k, (y, t)) in y.iter().zip(t).enumerate() {
            sum += of(k, y.to_f64() - t.to_f64());
        }
    }
    sum / y.ncols() as f64
}

/// The class of a row; one-hot rows and single outputs are read as predictions are.
fn class<T: Scalar>(targets: Targets<'_, T>, row: usize) -> usize {
    match targets {
        Targets::Classes(classes) => classes[row] as usize,
        Targets::Values(values) => predicted(values.row(row)),
    }
}

/// The first of the largest outputs; of a single one, the logit of class 1, its sign.
fn predicted<T: Scalar>(outputs: ArrayView1<'_, T>) -> usize {
    if outputs.len() == 1 {
        return usize::from(outputs[0] > T::ZERO);
    }
    // Both in registers: whether a random output is the largest so far, no branch can foresee.
    let (mut best, mut largest) = (0, outputs[0]);
    for (index, &output) in outputs.iter().enumerate() {
        let is_larger = output > largest;
        best = if is_larger { index } else { best };
        largest = if is_larger { output } else { largest };
    }
    best
}

/// Whether [`predicted`] is this class, mostly without finding it: no comparison waits for another.
fn is_predicted<T: Scalar>(outputs: ArrayView1<'_, T>, class: usize) -> bool {
    if outputs.len() == 1 {
        return predicted(outputs) == class;
    }
    let own = outputs[class];
    let (ahead, not_behind) = outputs.iter().fold((0_u32, 0_u32), |(ahead, not_behind), &other| {
        (ahead + u32::from(other > own), not_behind + u32::from(other >= own))
    });
    match (ahead, not_behind) {
        // Itself alone; a first one that is NaN is never passed.
        (0, 1) => !outputs[0].is_nan(),
        (0, _) => predicted(outputs) == class,
        _ => false,
    }
}

/// How many outputs count as larger than that of `class`; where it is NaN, all the others.
fn rank<T: Scalar>(outputs: ArrayView1<'_, T>, class: usize) -> usize {
    let own = outputs[class];
    let is_smaller = |(index, &other): (usize, &T)| {
        index == class || other < own || (other == own && index > class)
    };
    outputs.len() - outputs.iter().enumerate().filter(|&entry| is_smaller(entry)).count()
}

#[cfg(test)]
mod tests {
    use gradus_core::Targets;
    use ndarray::{Array2, Axis, Slice, arr1, arr2};

    use super::{Score, is_predicted, predicted};
    use crate::metric::Metric;

    /// The measure in one batch; it must be the same in batches of any size.
    fn of_classes(metric: Metric, y: &Array2<f64>, classes: &[u32]) -> f64 {
        let mut whole = Score::new(metric);
        whole.add(y.view(), Targets::Classes(classes), &[]);
        for size in 1..classes.len() {
            let mut score = Score::new(metric);
            for start in (0..classes.len()).step_by(size) {
                let end = classes.len().min(start + size);
                let part = y.slice_axis(Axis(0), Slice::from(start..end));
                score.add(part, Targets::Classes(&classes[start..end]), &[]);
            }
            assert!((score.value() - whole.value()).abs() < 1e-15, "{metric:?}");
        }
        whole.value()
    }

    fn of_values(metric: Metric, y: &Array2<f64>, t: &Array2<f64>, scale: &[f64]) -> f64 {
        let mut score = Score::new(metric);
        for row in 0..y.nrows() {
            let row = Slice::from(row..row + 1);
            let t = t.slice_axis(Axis(0), row);
            score.add(y.slice_axis(Axis(0), row), Targets::Values(t), scale);
        }
        score.value()
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-14, "{found} against {expected}");
    }

    /// The slow twin, with ties and values that are not finite at every place.
    #[test]
    fn what_is_predicted_needs_not_be_found() {
        let values = [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY];
        for number in 0..values.len().pow(4) {
            let digit = |place: u32| values[number / values.len().pow(place) % values.len()];
            let outputs = arr1(&[digit(0), digit(1), digit(2), digit(3)]);
            for class in 0..4 {
                let found = predicted(outputs.view()) == class;
                assert_eq!(is_predicted(outputs.view(), class), found, "{outputs} {class}");
            }
        }
    }

    #[test]
    fn classes_are_counted_by_their_formulas() {
        let y = arr2(&[
            [2.0, 1.0, 0.0, -1.0],
            [0.5, 1.5, 1.0, 0.0],
            [3.0, 1.0, 2.0, 0.0],
            [0.0, 0.25, 0.5, 0.75],
            [1.0, 4.0, 3.0, 2.0],
        ]);
        // Class 3 does not occur, and so has no recall.
        let classes = [0, 1, 0, 2, 0];
        close(of_classes(Metric::Accuracy, &y, &classes), 0.6);
        close(of_classes(Metric::BalancedAccuracy, &y, &classes), (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
        close(of_classes(Metric::TopK(1), &y, &classes), 0.6);
        close(of_classes(Metric::TopK(2), &y, &classes), 0.8);
        close(of_classes(Metric::TopK(3), &y, &classes), 0.8);
        close(of_classes(Metric::TopK(4), &y, &classes), 1.0);
        let of_row = |row: usize, class: usize| {
            let all: f64 = y.row(row).iter().map(|z| z.exp()).sum();
            (all / y[(row, class)].exp()).ln()
        };
        let mean = (0..5).map(|row| of_row(row, classes[row] as usize)).sum::<f64>() / 5.0;
        close(of_classes(Metric::Perplexity, &y, &classes), mean.exp());
        close(of_classes(Metric::Perplexity, &Array2::zeros((5, 4)), &classes), 4.0);
    }

    #[test]
    fn of_equal_outputs_the_first_is_larger_and_nan_is_never_right() {
        let equal = Array2::zeros((3, 3));
        close(of_classes(Metric::TopK(1), &equal, &[0, 1, 2]), 1.0 / 3.0);
        close(of_classes(Metric::TopK(2), &equal, &[0, 1, 2]), 2.0 / 3.0);
        let nan = Array2::from_elem((2, 3), f64::NAN);
        close(of_classes(Metric::TopK(2), &nan, &[0, 1]), 0.0);
    }

    #[test]
    fn one_logit_is_held_against_0() {
        let y = arr2(&[[-1.0], [2.0], [0.0], [0.5]]);
        close(of_classes(Metric::Accuracy, &y, &[0, 1, 1, 0]), 0.5);
        let signs = arr2(&[[-1.0], [1.0], [1.0], [-1.0]]);
        close(of_values(Metric::Accuracy, &y, &signs, &[1.0]), 0.5);
    }

    /// Errors 1, -2, 0 in the first column and 0, 0, 3 in the second.
    #[test]
    fn errors_are_in_the_units_of_the_file() {
        let t = arr2(&[[1.0, 1.0], [2.0, 5.0], [6.0, 3.0]]);
        let y = arr2(&[[2.0, 1.0], [0.0, 5.0], [6.0, 6.0]]);
        close(of_values(Metric::Mse, &y, &t, &[10.0, 0.5]), 14.0 / 6.0);
        let scaled = (100.0 + 400.0 + 2.25_f64) / 6.0;
        close(of_values(Metric::Rmse, &y, &t, &[10.0, 0.5]), scaled.sqrt());
        close(of_values(Metric::Rmse, &y, &t, &[-10.0, 0.5]), scaled.sqrt());
        close(of_values(Metric::Mae, &y, &t, &[-10.0, 0.5]), 31.5 / 6.0);
        // Means 3 and 3; spreads 4 + 1 + 9 and 4 + 4 + 0.
        let expected = ((1.0 - 5.0 / 14.0) + (1.0 - 9.0 / 8.0)) / 2.0;
        close(of_values(Metric::R2, &y, &t, &[10.0, 0.5]), expected);
    }

    #[test]
    fn r2_keeps_its_digits_far_from_0_and_has_a_rule_for_equal_targets() {
        let t = arr2(&[[1e9 + 1.0], [1e9 + 2.0], [1e9 + 6.0]]);
        let y = arr2(&[[1e9 + 2.0], [1e9], [1e9 + 6.0]]);
        let found = of_values(Metric::R2, &y, &t, &[1.0]);
        assert!((found - (1.0 - 5.0 / 14.0)).abs() < 1e-7, "{found}");
        let flat = Array2::from_elem((3, 1), 0.1);
        close(of_values(Metric::R2, &flat, &flat, &[1.0]), 1.0);
        close(of_values(Metric::R2, &t, &flat, &[1.0]), 0.0);
    }
}
