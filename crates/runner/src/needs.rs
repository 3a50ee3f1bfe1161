//! The memory that a run takes, known from shapes before anything is allocated.

use gradus_core::{Graph, Scalar, Shape, TargetKind};

use crate::data::Dataset;
use crate::experiment::{Experiment, Precision, Quantity};
use crate::memory::Memory;
use crate::train::evaluated_rows;

/// What is known of the data of all runs of an experiment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    shape: Shape,
    train_rows: usize,
    /// Bytes of the targets of a training row.
    target_bytes: u64,
    /// Bytes of the data of one seed.
    pub(crate) data: u64,
}

/// What small things take together: names, descriptions, the record.
const SMALL: u64 = 2 << 20;

/// Why a run of this cell cannot be trained with this memory, by itself and on data that is made for
/// it alone. Everything that trains asks this or reserves what it takes, before the first step, of
/// one look at the memory: later ones would take off again what threads have set aside by then.
///
/// # Panics
/// If the model was not checked against the data.
pub(crate) fn shortage_of_run(
    dataset: &Dataset,
    experiment: &Experiment,
    memory: &Memory,
) -> Option<String> {
    fn bytes<T: Scalar>(dataset: &Dataset, experiment: &Experiment) -> u64 {
        let needs = Needs::new::<T>(dataset, experiment);
        needs.data.saturating_add(needs.of_run::<T>(experiment))
    }
    let bytes = match experiment.train.precision {
        Precision::F32 => bytes::<f32>(dataset, experiment),
        Precision::F64 => bytes::<f64>(dataset, experiment),
    };
    memory.refusal(bytes)
}

impl Needs {
    /// Those of an experiment on this data.
    pub(crate) fn new<T: Scalar>(dataset: &Dataset, experiment: &Experiment) -> Self {
        let sizes = dataset.sizes(&experiment.data.split);
        let number = size_of::<T>() as u64;
        let one_hot = dataset.target_width() as u64 * number;
        let of_prediction = match experiment.loss.target_kind() {
            TargetKind::Classes => 4,
            TargetKind::Any if dataset.has_classes() => 4,
            TargetKind::Values | TargetKind::Any => one_hot,
        };
        let target_bytes = of_prediction.saturating_mul(dataset.predictions_per_row() as u64);
        let rows = [sizes.train, sizes.validation, sizes.test].map(|rows| rows as u64);
        let of_row = (dataset.input_shape.len() as u64 * number).saturating_add(target_bytes);
        // While the numbers are made, the places of the rows stand beside them, by class and part,
        // and in a list that grows those of the predictions of rows that have several.
        let several = dataset.predictions_per_row() as u64;
        let places = 24 + if several > 1 { 16 * several } else { 0 };
        let all = rows.into_iter().sum::<u64>();
        let data = all.saturating_mul(of_row.saturating_add(places)).saturating_add(SMALL / 16);
        Self { shape: dataset.input_shape, train_rows: sizes.train, target_bytes, data }
    }

    /// Bytes of a run of this cell beside its data.
    ///
    /// # Panics
    /// If the model was not checked against the data.
    pub(crate) fn of_run<T: Scalar>(&self, experiment: &Experiment) -> u64 {
        let graph = Graph::<T>::build(self.shape, &experiment.model, experiment.init.drawn())
            .expect("the model was checked against the data");
        let number = size_of::<T>() as u64;
        let parameters = graph.parameter_count() as u64;
        let batch = experiment.train.batch_rows(self.train_rows);
        let capacity = evaluated_rows(graph.numbers_per_sample(), self.train_rows);
        let network = graph.room(batch, capacity) as u64;
        let optimizer = parameters * number * experiment.optimizer.numbers_kept() as u64;
        // The parts of a checkpoint and the bytes that are made of them, which go to the writer; the
        // next is made once it has written them.
        let checkpoint = 2 * (parameters * number + optimizer);
        // At the end, in double precision, where they are kept.
        let keeps_weights = experiment.records(Quantity::Weights);
        let at_end = if keeps_weights { 8 * parameters } else { 0 };
        let sharpness =
            if experiment.records(Quantity::Sharpness) { self.of_sharpness(experiment) } else { 0 };
        let order = 4 * self.train_rows as u64;
        [
            network,
            optimizer,
            checkpoint,
            at_end.max(sharpness),
            (batch as u64).saturating_mul(self.target_bytes),
            of_curves(experiment, self.train_rows),
            order,
            SMALL,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Bytes of comparing the gradients of this cell with differences, over so many samples.
    pub(crate) fn of_gradients(&self, experiment: &Experiment, rows: usize) -> u64 {
        let graph = Graph::<f64>::build(self.shape, &experiment.model, experiment.init.drawn())
            .expect("the model was checked against the data");
        let network = graph.room(rows, rows) as u64;
        // The gradient, and the point that is moved.
        network.saturating_add(2 * 8 * graph.parameter_count() as u64).saturating_add(SMALL)
    }

    /// The whole training part at once, in double precision, and some directions in the space of
    /// the weights.
    fn of_sharpness(&self, experiment: &Experiment) -> u64 {
        let graph = Graph::<f64>::build(self.shape, &experiment.model, experiment.init.drawn())
            .expect("the model was checked against the data");
        let rows = self.train_rows as u64;
        let samples = rows.saturating_mul(8 * self.shape.len() as u64 + 2 * self.target_bytes);
        let network = graph.room(self.train_rows, self.train_rows) as u64;
        network.saturating_add(samples).saturating_add(8 * 8 * graph.parameter_count() as u64)
    }
}

/// Bytes of the points of all curves, which vectors keep in up to twice their room.
pub(crate) fn of_curves(experiment: &Experiment, rows: usize) -> u64 {
    let per_epoch = experiment.train.steps_per_epoch(rows);
    let epochs = experiment.train.total_steps(per_epoch).div_ceil(per_epoch).saturating_add(1);
    let norms =
        if experiment.records(Quantity::GradientNorms) { experiment.model.len() } else { 0 };
    let curves = 4 + norms + experiment.evaluated().len() * (1 + experiment.metrics().len());
    epochs.saturating_mul(24 * 2 * curves as u64)
}

#[cfg(test)]
mod tests {
    use gradus_core::Scalar;

    use super::Needs;
    use crate::data::{Dataset, Prepared};
    use crate::experiment::Experiment;
    use crate::file::File;
    use crate::interruption::Interruption;
    use crate::train::Run;

    /// Bytes that are allocated at most, and what was estimated.
    fn compare<T: Scalar>(experiment: &Experiment, dataset: &Dataset) -> [(u64, u64); 2] {
        let needs = Needs::new::<T>(dataset, experiment);
        let kind = experiment.loss.target_kind();
        let mut data: Option<Prepared<T>> = None;
        let making = allocation_counter::measure(|| {
            data = Some(dataset.prepare(&experiment.data, kind, 0));
        });
        let data = data.expect("it was made");
        let training = allocation_counter::measure(|| {
            let mut run = Run::start(experiment, 0, &data);
            let mut save = |run: &mut Run<'_, T>| {
                drop((run.steps() == 2).then(|| run.checkpoint()));
                Ok(())
            };
            let outcome = run.train(&Interruption::default(), &mut save).expect("nobody asks");
            drop(run.finish(outcome));
        });
        let of_run = needs.of_run::<T>(experiment);
        [(making.bytes_max, needs.data), (training.bytes_max, of_run)]
    }

    #[test]
    fn a_run_takes_no_more_than_was_estimated_and_not_much_less() {
        gradus_core::use_one_thread();
        const DIGITS: &str = "source: Digits, split: (validation: 0.2)";
        const PICTURES: &str = "source: Noise(input: Image(channels: 3, height: 24, width: 24), targets: Classes(10), samples: 500)";
        const TOKENS: &str = "source: Copying(delay: 30, samples: 300)";
        const VALUES: &str =
            "source: Noise(input: Features(64), targets: Numbers(3), samples: 4000)";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut wrong = Vec::new();
        for (data, model, loss, chain, rest) in [
            (
                DIGITS,
                "Dense(1024), Relu, Dense(512), Relu, Dense(10)",
                "CrossEntropy",
                "Momentum(0.9)",
                "train: (steps: 4, batch: 32)",
            ),
            (
                DIGITS,
                "Dense(512), Relu, Dense(512), Relu, Dense(10)",
                "CrossEntropy",
                "AmsGrad()",
                "record: [Weights], train: (steps: 4, batch: 700, precision: F64)",
            ),
            (
                DIGITS,
                "Dense(150), Tanh, Dense(150), Tanh, Dense(10)",
                "Mse",
                "RmsProp(centered: true)",
                "record: [Sharpness], train: (steps: 3)",
            ),
            (
                PICTURES,
                "Conv2d(filters: 40, kernel: 5), Relu, MaxPool2d(kernel: 2), BatchNorm(), Flatten, Dense(10)",
                "CrossEntropy",
                "Adam()",
                "train: (steps: 4, batch: 64)",
            ),
            (
                TOKENS,
                "Embedding(vocabulary: 10, features: 64), MultiHeadAttention(heads: 4, causal: true), Dense(9)",
                "CrossEntropy",
                "Lion()",
                "train: (steps: 4, batch: 100)",
            ),
            (
                TOKENS,
                "Embedding(vocabulary: 10, features: 64), Lstm(128), Dropout(0.3), Dense(9)",
                "CrossEntropy",
                "Adadelta()",
                "train: (steps: 4, batch: 100)",
            ),
            (VALUES, "Dense(512), Gelu, Dense(3)", "Mse", "Nesterov(0.9)", "train: (steps: 4)"),
        ] {
            let text = format!(
                "// How much?\n(name: \"a\", data: ({data}), model: [{model}], loss: {loss},
                  optimizer: (chain: [{chain}], learning_rate: 1e-4), {rest})"
            );
            let path = folder.path().join("a.ron");
            std::fs::write(&path, text).expect("it is written");
            let file = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
            let (experiment, dataset) = (&file.plan.experiment, &file.dataset);
            let is_double = rest.contains("F64");
            let pairs = if is_double {
                compare::<f64>(experiment, dataset)
            } else {
                compare::<f32>(experiment, dataset)
            };
            for ((taken, estimated), what) in pairs.into_iter().zip(["data", "run"]) {
                let ratio = estimated as f64 / taken as f64;
                println!("{ratio:.2}: {what} of {model}: {estimated} for {taken}");
                if estimated < taken || estimated > taken + taken / 2 + (3 << 20) {
                    wrong.push(format!("{what} of {model}: {estimated} for {taken}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
