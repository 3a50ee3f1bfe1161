//! The curves of a run while it goes on.

use gradus_core::{Parameters, Scalar};
use gradus_optim::Walk;

use crate::evaluate::Measured;
use crate::experiment::{Experiment, Part, Quantity};
use crate::metric::Metric;
use crate::record::Curve;

/// A moment: epochs and steps done.
type When = (u64, u64);

/// A curve that grows.
#[derive(Debug)]
struct Growing {
    split: String,
    metric: String,
    layer: Option<u64>,
    epochs: Vec<u64>,
    steps: Vec<u64>,
    values: Vec<f64>,
}

/// What has been measured so far.
#[derive(Debug)]
pub(crate) struct Curves {
    running_loss: Growing,
    running_penalized_loss: Option<Growing>,
    learning_rate: Option<Growing>,
    sharpness: Growing,
    /// For each evaluated part its loss and then its metrics.
    evaluations: Vec<Growing>,
    per_part: usize,
    parts: Vec<Part>,
    gradient_norms: Vec<Growing>,
    /// Sums over the steps of the epoch, one for each layer; empty when nothing is recorded.
    norm_sums: Vec<f64>,
    norm_count: u64,
    first_norms: Vec<f64>,
}

impl Curves {
    pub(crate) fn new(experiment: &Experiment, layers: &[usize]) -> Self {
        let optimizer = &experiment.optimizer;
        let rate_changes =
            optimizer.schedule != gradus_optim::Schedule::Constant || optimizer.warm_up > 0.0;
        let names: Vec<String> = std::iter::once(Metric::Loss.name())
            .chain(experiment.metrics().iter().map(|metric| metric.name()))
            .collect();
        let parts = experiment.evaluated().to_vec();
        let evaluations = parts
            .iter()
            .flat_map(|part| names.iter().map(|name| empty(part.name(), name, None)))
            .collect();
        let layers =
            if experiment.records(Quantity::GradientNorms) { layers } else { Default::default() };
        let of_layer = |&layer: &usize| empty("train", "gradient_norm", Some(layer as u64));
        Self {
            running_loss: empty("train", "running_loss", None),
            running_penalized_loss: experiment
                .records(Quantity::RunningPenalizedLoss)
                .then(|| empty("train", "running_penalized_loss", None)),
            learning_rate: rate_changes.then(|| empty("", "learning_rate", None)),
            sharpness: empty("train", "sharpness", None),
            evaluations,
            per_part: names.len(),
            parts,
            gradient_norms: layers.iter().map(of_layer).collect(),
            norm_sums: vec![0.0; layers.len()],
            norm_count: 0,
            first_norms: vec![0.0; layers.len()],
        }
    }

    /// Whether the norms of gradients are recorded.
    pub(crate) fn has_gradient_norms(&self) -> bool {
        !self.norm_sums.is_empty()
    }

    /// Begins the sums of norms anew.
    pub(crate) fn forget_norm_sums(&mut self) {
        self.norm_sums.fill(0.0);
        self.norm_count = 0;
    }

    /// The sum of each layer's norm over the steps of the epoch so far.
    pub(crate) fn norm_sums(&self) -> &[f64] {
        &self.norm_sums
    }

    /// Part of a step: adds the norm of each layer's gradient, if that is recorded.
    pub(crate) fn add_gradient_norms<T: Scalar>(
        &mut self,
        parameters: &Parameters<T>,
        is_first: bool,
    ) {
        if !self.has_gradient_norms() {
            return;
        }
        parameters.add_gradient_norms(&mut self.norm_sums);
        self.norm_count += 1;
        if is_first {
            self.first_norms.copy_from_slice(&self.norm_sums);
        }
    }

    /// At the end of an epoch: the mean loss of its steps, the mean of their penalties, the rate,
    /// the mean gradient norms.
    pub(crate) fn push_epoch(&mut self, when: When, running_loss: f64, penalty: f64, rate: f64) {
        push(&mut self.running_loss, when, running_loss);
        if let Some(curve) = &mut self.running_penalized_loss {
            push(curve, when, running_loss + penalty);
        }
        if let Some(curve) = &mut self.learning_rate {
            push(curve, when, rate);
        }
        for (curve, (sum, first)) in
            self.gradient_norms.iter_mut().zip(self.norm_sums.iter_mut().zip(&self.first_norms))
        {
            if when.0 == 1 {
                push(curve, (0, 0), *first);
            }
            push(curve, when, *sum / self.norm_count as f64);
            *sum = 0.0;
        }
        self.norm_count = 0;
    }

    /// The sharpness at this moment.
    pub(crate) fn push_sharpness(&mut self, when: When, value: f64) {
        push(&mut self.sharpness, when, value);
    }

    /// What was measured of `part`.
    pub(crate) fn push_evaluation(&mut self, when: When, part: Part, measured: &Measured) {
        let position = self.parts.iter().position(|&other| other == part);
        let start = position.expect("only evaluated parts are measured") * self.per_part;
        let values = std::iter::once(&measured.loss).chain(&measured.metrics);
        for (curve, &value) in self.evaluations[start..].iter_mut().zip(values) {
            push(curve, when, value);
        }
    }

    /// Epochs done.
    pub(crate) fn epochs(&self) -> u64 {
        self.running_loss.epochs.last().copied().unwrap_or(0)
    }

    /// The running loss of the last epoch.
    pub(crate) fn last_running_loss(&self) -> f64 {
        self.running_loss.values.last().copied().unwrap_or(f64::INFINITY)
    }

    /// The same with penalties; NaN where that is not recorded.
    pub(crate) fn last_running_penalized_loss(&self) -> f64 {
        let curve = self.running_penalized_loss.as_ref();
        curve.and_then(|curve| curve.values.last().copied()).unwrap_or(f64::NAN)
    }

    /// The mean running loss of the last `window` epochs.
    pub(crate) fn running_loss_over(&self, window: u64) -> f64 {
        let values = &self.running_loss.values;
        let window = values.len().min(usize::try_from(window).unwrap_or(usize::MAX));
        values[values.len() - window..].iter().sum::<f64>() / window as f64
    }

    /// The least training loss of any epoch, evaluated or as a running mean.
    pub(crate) fn least_training_loss(&self) -> f64 {
        let evaluated = self
            .evaluations
            .iter()
            .filter(|curve| curve.split == Part::Train.name() && curve.metric == "loss");
        evaluated
            .chain([&self.running_loss])
            .flat_map(|curve| &curve.values)
            .fold(f64::INFINITY, |least, &value| least.min(value))
    }

    /// The last value of a metric of an evaluated part.
    pub(crate) fn last(&self, part: Part, metric: &str) -> f64 {
        let of_part = |curve: &&Growing| curve.split == part.name() && curve.metric == metric;
        let curve = self.evaluations.iter().find(of_part);
        curve.and_then(|curve| curve.values.last().copied()).unwrap_or(f64::NAN)
    }

    /// Walks over all that was measured and is being summed.
    pub(crate) fn walk<T>(&mut self, walk: &mut dyn Walk<T>) {
        let all = std::iter::once(&mut self.running_loss)
            .chain(&mut self.running_penalized_loss)
            .chain(&mut self.learning_rate)
            .chain([&mut self.sharpness])
            .chain(&mut self.evaluations)
            .chain(&mut self.gradient_norms);
        for (position, curve) in all.enumerate() {
            walk.words(&format!("curve.{position}.epochs"), &mut curve.epochs);
            walk.words(&format!("curve.{position}.steps"), &mut curve.steps);
            walk.doubles(&format!("curve.{position}.values"), &mut curve.values);
        }
        walk.doubles("norms.sums", &mut self.norm_sums);
        walk.count("norms.count", &mut self.norm_count);
        walk.doubles("norms.first", &mut self.first_norms);
    }

    /// All of them that hold anything, in a fixed order.
    pub(crate) fn finish(self) -> Vec<Curve> {
        std::iter::once(self.running_loss)
            .chain(self.running_penalized_loss)
            .chain(self.evaluations)
            .chain(self.learning_rate)
            .chain([self.sharpness])
            .chain(self.gradient_norms)
            .filter(|curve| !curve.values.is_empty())
            .map(Growing::finish)
            .collect()
    }
}

impl Growing {
    fn finish(self) -> Curve {
        Curve {
            split: self.split.into(),
            metric: self.metric.into(),
            layer: self.layer,
            epochs: self.epochs.into(),
            steps: self.steps.into(),
            values: self.values,
        }
    }
}

fn empty(split: &str, metric: &str, layer: Option<u64>) -> Growing {
    Growing {
        split: split.to_string(),
        metric: metric.to_string(),
        layer,
        epochs: Vec::new(),
        steps: Vec::new(),
        values: Vec::new(),
    }
}

fn push(curve: &mut Growing, (epoch, step): When, value: f64) {
    curve.epochs.push(epoch);
    curve.steps.push(step);
    curve.values.push(value);
}
