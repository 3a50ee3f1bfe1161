//! From rows as read to what a run trains on: split, scaled, in the run's precision.

use gradus_core::{Scalar, Shape, TargetKind, Targets};
use ndarray::{Array2, Axis, Slice};

use super::dataset::list;
use super::gather::{drain, gather};
use super::scaling::{Fitted, Scaling};
use super::{Data, Dataset, RawTargets, Values};
use crate::experiment::Part;

/// The data of one seed, shared by all its runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared<T> {
    /// Shape of one input row.
    pub input_shape: Shape,
    /// The rows to train on.
    pub train: Samples<T>,
    /// The rows to choose by.
    pub validation: Option<Samples<T>>,
    /// The rows to judge by.
    pub test: Option<Samples<T>>,
    /// Number of classes, or of target numbers a row.
    pub target_width: usize,
    /// What each target column was divided by, for errors in the units of the file; ones where the
    /// targets are classes.
    pub target_scale: Vec<f64>,
    /// Training rows of each class; empty where the targets are numbers.
    pub class_counts: Vec<u64>,
    /// What a user should know about these rows, as sentences without a full stop.
    pub notes: Vec<String>,
}

/// One part of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples<T> {
    /// Inputs, (N, D), row after row in memory.
    pub inputs: Array2<T>,
    /// Targets, N of them, or N T for sequences with a target for each of T tokens.
    pub targets: SampleTargets<T>,
    /// Targets of a row: one, or one for each token of a sequence.
    pub predictions_per_row: usize,
}

/// Targets as the loss takes them.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleTargets<T> {
    /// The class of each prediction, (N).
    Classes(Vec<u32>),
    /// The wanted outputs, (N, K).
    Values(Array2<T>),
}

impl<T> Prepared<T> {
    /// A part, if the data holds it.
    pub fn part(&self, part: Part) -> Option<&Samples<T>> {
        match part {
            Part::Train => Some(&self.train),
            Part::Validation => self.validation.as_ref(),
            Part::Test => self.test.as_ref(),
        }
    }
}

impl<T> SampleTargets<T> {
    /// Targets `start..end`.
    pub fn between(&self, start: usize, end: usize) -> Targets<'_, T> {
        match self {
            SampleTargets::Classes(classes) => Targets::Classes(&classes[start..end]),
            SampleTargets::Values(values) => {
                Targets::Values(values.slice_axis(Axis(0), Slice::from(start..end)))
            }
        }
    }
}

impl<T: Scalar> Samples<T> {
    /// How many of its numbers are not finite.
    fn not_finite(&self) -> usize {
        let count = |values: &Array2<T>| values.iter().filter(|value| !value.is_finite()).count();
        let targets = match &self.targets {
            SampleTargets::Classes(_) => 0,
            SampleTargets::Values(values) => count(values),
        };
        count(&self.inputs) + targets
    }
}

impl<T> Samples<T> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.inputs.nrows()
    }

    /// The targets of rows `start..end`.
    pub fn targets_of(&self, start: usize, end: usize) -> Targets<'_, T> {
        let n = self.predictions_per_row;
        self.targets.between(start * n, end * n)
    }
}

/// The rows of each part for one seed, and how they are scaled: all but the scaled numbers.
#[derive(Debug)]
struct Cut {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
    inputs: Fitted,
    /// Where the targets are numbers.
    targets: Option<Fitted>,
    class_counts: Vec<u64>,
    notes: Vec<String>,
}

/// What parts are called, in the order of [`Cut::rows`].
const PARTS: [&str; 3] = ["training", "validation", "test"];

impl Cut {
    fn rows(&self) -> [&[usize]; 3] {
        [&self.train, &self.validation, &self.test]
    }
}

impl Dataset {
    /// Splits and scales the rows for one seed.
    ///
    /// The seed matters to the split alone. For a loss on numbers, classes become one-hot rows.
    ///
    /// # Panics
    /// If [`Data::mistakes`] or [`Dataset::check`] finds a mistake.
    pub fn prepare<T: Scalar>(&self, data: &Data, kind: TargetKind, seed: u64) -> Prepared<T> {
        let cut = self.cut(data, kind, seed);
        let width = self.input_shape.len();
        let inputs = match &self.inputs {
            Values::Bytes(bytes) => cut.rows().map(|rows| gather(bytes, rows, &cut.inputs, width)),
            Values::Numbers(numbers) => {
                cut.rows().map(|rows| gather(numbers, rows, &cut.inputs, width))
            }
        };
        let targets = self.targets_of(&cut, kind);
        self.prepared(cut, inputs, targets, self.predictions_per_row())
    }

    /// [`Dataset::prepare`] for the last seed: gives the rows as read up while it makes those of
    /// the run, so that memory never holds both whole; as far as they are used in the order of
    /// the source, which is so where nothing is drawn.
    ///
    /// # Panics
    /// As [`Dataset::prepare`].
    pub(crate) fn prepare_last<T: Scalar>(
        mut self,
        data: &Data,
        kind: TargetKind,
        seed: u64,
    ) -> Prepared<T> {
        let cut = self.cut(data, kind, seed);
        let (width, per_row) = (self.input_shape.len(), self.predictions_per_row());
        let targets = self.targets_of(&cut, kind);
        let inputs = match std::mem::replace(&mut self.inputs, Values::Bytes(Vec::new())) {
            Values::Bytes(bytes) => drain(bytes, cut.rows(), &cut.inputs, width),
            Values::Numbers(numbers) => drain(numbers, cut.rows(), &cut.inputs, width),
        };
        self.prepared(cut, inputs, targets, per_row)
    }

    fn prepared<T: Scalar>(
        &self,
        mut cut: Cut,
        inputs: [Array2<T>; 3],
        targets: [SampleTargets<T>; 3],
        predictions_per_row: usize,
    ) -> Prepared<T> {
        let [inputs_of_train, inputs_of_validation, inputs_of_test] = inputs;
        let [train, validation, test] = targets;
        let samples = |inputs, targets| Samples { inputs, targets, predictions_per_row };
        let train = samples(inputs_of_train, train);
        let optional =
            |inputs: Array2<T>, targets| (inputs.nrows() > 0).then(|| samples(inputs, targets));
        let validation = optional(inputs_of_validation, validation);
        let test = optional(inputs_of_test, test);
        let all = [Some(&train), validation.as_ref(), test.as_ref()];
        for (name, part) in PARTS.into_iter().zip(all) {
            cut.notes.extend(part.and_then(|part| note_too_large::<T>(name, part.not_finite())));
        }
        let target_width = self.target_width();
        Prepared {
            input_shape: self.input_shape,
            train,
            validation,
            test,
            target_width,
            target_scale: cut.targets.map_or(vec![1.0; target_width], |fitted| fitted.divisors()),
            class_counts: cut.class_counts,
            notes: cut.notes,
        }
    }

    fn targets_of<T: Scalar>(&self, cut: &Cut, kind: TargetKind) -> [SampleTargets<T>; 3] {
        cut.rows().map(|rows| self.sample_targets(&self.places(rows), kind, cut.targets.as_ref()))
    }

    /// What [`Dataset::prepare`] notes in double precision, without making the scaled numbers,
    /// which are many times the rows as read.
    ///
    /// # Panics
    /// As [`Dataset::prepare`].
    pub(crate) fn notes(&self, data: &Data, kind: TargetKind, seed: u64) -> Vec<String> {
        let mut cut = self.cut(data, kind, seed);
        let mut notes = std::mem::take(&mut cut.notes);
        let width = self.input_shape.len();
        for (name, rows) in PARTS.into_iter().zip(cut.rows()) {
            let inputs = match &self.inputs {
                Values::Bytes(bytes) => cut.inputs.not_finite(bytes, rows, width),
                Values::Numbers(numbers) => cut.inputs.not_finite(numbers, rows, width),
            };
            let targets = match (&self.targets, &cut.targets) {
                (RawTargets::Numbers { rows: numbers, names }, Some(fitted)) => {
                    fitted.not_finite(numbers, &self.places(rows), names.len())
                }
                _ => 0,
            };
            notes.extend(note_too_large::<f64>(name, inputs + targets));
        }
        notes
    }

    fn cut(&self, data: &Data, kind: TargetKind, seed: u64) -> Cut {
        let mistakes = self.check(data, kind);
        assert!(mistakes.is_empty(), "mistakes are shown before data is prepared: {mistakes:?}");
        let available = self.available(&data.split);
        let classes = match &self.targets {
            // A row of many classes is of none.
            RawTargets::Classes { rows, .. } if self.predictions_per_row() == 1 => {
                Some(&rows[..available.pool])
            }
            RawTargets::Classes { .. } | RawTargets::Numbers { .. } => None,
        };
        let listed = self.test_lists.as_ref().map(|test| {
            let line = data.split.seed.unwrap_or(seed) as usize;
            test.lists[line].as_slice()
        });
        let parts = data.split.draw(available, classes, listed, seed);
        let train = data.split.resampled(&parts, seed);

        let mut notes = Vec::new();
        let width = self.input_shape.len();
        let inputs = match &self.inputs {
            Values::Bytes(bytes) => data.inputs.fit(bytes, width, &parts.train),
            Values::Numbers(numbers) => data.inputs.fit(numbers, width, &parts.train),
        };
        notes.extend(note_unscalable("input", data.inputs, &inputs, &self.input_names));
        let targets = match &self.targets {
            RawTargets::Classes { .. } => None,
            RawTargets::Numbers { rows, names } => {
                let fitted = data.targets.fit(rows, names.len(), &self.places(&parts.train));
                notes.extend(note_unscalable("target", data.targets, &fitted, names));
                Some(fitted)
            }
        };
        let class_counts = self.class_counts(&self.places(&train));
        notes.extend(self.note_missing_classes(&class_counts));
        let (validation, test) = (parts.validation, parts.test);
        Cut { train, validation, test, inputs, targets, class_counts, notes }
    }

    /// Where the targets of these rows stand among all targets.
    fn places(&self, rows: &[usize]) -> Vec<usize> {
        let per_row = self.predictions_per_row();
        rows.iter().flat_map(|&row| row * per_row..(row + 1) * per_row).collect()
    }

    fn sample_targets<T: Scalar>(
        &self,
        rows: &[usize],
        kind: TargetKind,
        fitted: Option<&Fitted>,
    ) -> SampleTargets<T> {
        match (&self.targets, kind, fitted) {
            (
                RawTargets::Classes { rows: classes, .. },
                TargetKind::Classes | TargetKind::Any,
                _,
            ) => SampleTargets::Classes(rows.iter().map(|&row| classes[row]).collect()),
            (RawTargets::Classes { rows: classes, names }, TargetKind::Values, _) => {
                let mut one_hot = Array2::from_elem((rows.len(), names.len()), T::ZERO);
                for (mut target, &row) in one_hot.rows_mut().into_iter().zip(rows) {
                    target[classes[row] as usize] = T::ONE;
                }
                SampleTargets::Values(one_hot)
            }
            (
                RawTargets::Numbers { rows: numbers, names },
                TargetKind::Values | TargetKind::Any,
                Some(fitted),
            ) => SampleTargets::Values(gather(numbers, rows, fitted, names.len())),
            (RawTargets::Numbers { .. }, _, _) => unreachable!("checked before anything is made"),
        }
    }

    fn class_counts(&self, rows: &[usize]) -> Vec<u64> {
        match &self.targets {
            RawTargets::Numbers { .. } => Vec::new(),
            RawTargets::Classes { rows: classes, names } => {
                let mut counts = vec![0; names.len()];
                rows.iter().for_each(|&row| counts[classes[row] as usize] += 1);
                counts
            }
        }
    }

    fn note_missing_classes(&self, counts: &[u64]) -> Option<String> {
        let missing: Vec<String> = counts
            .iter()
            .zip(self.targets.names())
            .filter(|(count, _)| **count == 0)
            .map(|(_, name)| name.clone())
            .collect();
        (!missing.is_empty()).then(|| format!("no training row is of class {}", list(&missing)))
    }
}

fn note_unscalable(
    what: &str,
    scaling: Scaling,
    fitted: &Fitted,
    names: &[String],
) -> Option<String> {
    let lacking: Vec<String> =
        fitted.unscalable.iter().map(|&index| names[index].clone()).collect();
    (!lacking.is_empty()).then(|| {
        let (count, all, lack) = (lacking.len(), names.len(), scaling.lack());
        format!(
            "{count} of {all} {what} columns have {lack} in the training rows, {scaling:?} makes \
             them 0: {}",
            list(&lacking)
        )
    })
}

/// Numbers of the source that the precision does not hold once they are scaled.
fn note_too_large<T: Scalar>(name: &str, found: usize) -> Option<String> {
    (found > 0).then(|| format!("{found} values of the {name} rows are too large for {}", T::NAME))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::{Amount, Source, Split};

    fn load(text: &str) -> (Data, Dataset) {
        let data: Data = ron::from_str(text).expect("the text is right");
        let dataset = data.load(Path::new("."), None).expect("embedded data loads");
        (data, dataset)
    }

    #[test]
    fn iris_is_split_by_class_and_standardized_on_the_training_rows() {
        let (data, dataset) =
            load("(source: Iris, split: (validation: 0.2, test: 0.1), inputs: Standardize)");
        let prepared = dataset.prepare::<f64>(&data, TargetKind::Classes, 3);
        assert_eq!(prepared.train.rows(), dataset.sizes(&data.split).train);
        assert_eq!(prepared.class_counts, [35, 35, 35]);
        assert_eq!(prepared.target_scale, [1.0, 1.0, 1.0]);
        assert_eq!(prepared.validation.as_ref().map(Samples::rows), Some(30));
        assert_eq!(prepared.test.as_ref().map(Samples::rows), Some(15));
        for column in prepared.train.inputs.columns() {
            let variance = column.iter().map(|x| x * x).sum::<f64>() / 105.0;
            assert!(column.sum().abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
        }
        assert_eq!(prepared, dataset.prepare(&data, TargetKind::Classes, 3));
        assert_ne!(prepared, dataset.prepare(&data, TargetKind::Classes, 4));
    }

    #[test]
    fn rows_that_are_given_up_on_the_way_are_the_same_rows() {
        for text in [
            "(source: Digits, split: (validation: 0.2, test: 0.1), inputs: Standardize)",
            "(source: Digits, split: (test: 700, method: InOrder))",
            "(source: Digits, split: (validation: 0.5, resample: Some(TrainAndValidation)))",
            "(source: Iris, split: (validation: 0.2, limit: (train: Some(7))), inputs: MinMax)",
            "(source: Line, targets: Divide(2.0))",
        ] {
            let (data, dataset) = load(text);
            let kind = if dataset.has_classes() { TargetKind::Classes } else { TargetKind::Values };
            let kept = dataset.prepare::<f32>(&data, kind, 5);
            assert_eq!(dataset.prepare_last(&data, kind, 5), kept, "{text}");
        }
    }

    #[test]
    fn classes_become_one_hot_rows_for_a_loss_on_numbers() {
        let (data, dataset) = load("(source: Xor)");
        let prepared = dataset.prepare::<f32>(&data, TargetKind::Values, 0);
        let wanted = ndarray::array![[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]];
        assert_eq!(prepared.train.targets, SampleTargets::Values(wanted));
        assert_eq!(prepared.target_width, 2);
        let prepared = dataset.prepare::<f32>(&data, TargetKind::Classes, 0);
        assert_eq!(prepared.train.targets, SampleTargets::Classes(vec![0, 1, 1, 0]));
    }

    #[test]
    fn without_a_split_the_seed_changes_nothing() {
        let (data, dataset) = load("(source: Line, targets: Divide(2.0))");
        let prepared = dataset.prepare::<f64>(&data, TargetKind::Values, 0);
        assert_eq!(prepared, dataset.prepare(&data, TargetKind::Values, 1));
        assert_eq!(prepared.train.inputs, ndarray::array![[1.0], [2.0], [3.0], [4.0]]);
        assert_eq!(prepared.train.targets, SampleTargets::Values(prepared.train.inputs.clone()));
        assert!(prepared.validation.is_none() && prepared.test.is_none());
        assert_eq!(prepared.target_scale, [2.0]);
    }

    #[test]
    fn constant_columns_are_named_once() {
        let (data, dataset) = load("(source: Digits, inputs: Standardize)");
        let prepared = dataset.prepare::<f32>(&data, TargetKind::Classes, 0);
        assert_eq!(
            prepared.notes,
            ["3 of 64 input columns have no spread in the training rows, Standardize makes them \
              0: \"pixel 0,0\", \"pixel 4,0\", \"pixel 4,7\""]
        );
    }

    #[test]
    fn a_fixed_test_part_stays_and_only_the_rest_is_split() {
        let inputs = Values::Bytes((0..10).collect());
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let targets = RawTargets::Classes { rows: vec![0, 0, 0, 1, 1, 1, 0, 1, 0, 2], names };
        let shape = Shape::Features(1);
        let dataset = Dataset::new(shape, inputs, targets, 4, vec!["x".to_string()]);
        let data = Data {
            source: Source::Xor,
            split: Split { validation: Amount::Share(1.0 / 3.0), ..Split::default() },
            inputs: Scaling::AsIs,
            targets: Scaling::AsIs,
            obtain: String::new(),
        };
        let prepared = dataset.prepare::<f32>(&data, TargetKind::Classes, 0);
        assert_eq!(prepared.class_counts, [2, 2, 0]);
        assert_eq!(prepared.notes, ["no training row is of class \"c\""]);
        let test = prepared.test.expect("the last four rows");
        assert_eq!(test.inputs, ndarray::array![[6.0], [7.0], [8.0], [9.0]]);
        assert_eq!(test.targets, SampleTargets::Classes(vec![0, 1, 0, 2]));
    }

    #[test]
    fn numbers_beyond_the_precision_are_noted() {
        let values = Values::Numbers(vec![1e300, 1.0]);
        let targets = RawTargets::Numbers { rows: vec![1.0, 2.0], names: vec!["y".to_string()] };
        let shape = Shape::Features(1);
        let dataset = Dataset::new(shape, values, targets, 0, vec!["x".to_string()]);
        let (data, _) = load("(source: Line)");
        let notes = dataset.prepare::<f32>(&data, TargetKind::Values, 0).notes;
        assert_eq!(notes, ["1 values of the training rows are too large for F32"]);
        assert!(dataset.prepare::<f64>(&data, TargetKind::Values, 0).notes.is_empty());
    }

    #[test]
    fn notes_can_be_had_without_the_scaled_numbers() {
        for text in [
            "(source: Digits, split: (validation: 0.2), inputs: Standardize)",
            "(source: Digits, inputs: Divide(1e-320))",
            "(source: Line, inputs: Divide(1e-308), targets: Divide(-1e-308))",
            "(source: Line, inputs: Affine(subtract: 1e308, divide: 0.5))",
        ] {
            let (data, dataset) = load(text);
            let kind = if dataset.has_classes() { TargetKind::Classes } else { TargetKind::Values };
            let prepared = dataset.prepare::<f64>(&data, kind, 3);
            assert!(!prepared.notes.is_empty(), "{text}");
            assert_eq!(dataset.notes(&data, kind, 3), prepared.notes, "{text}");
        }
    }
}
