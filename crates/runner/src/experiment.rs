//! What an experiment file says: plain data, the only description there is.

use gradus_core::{Layer, Loss, TargetKind};
use gradus_optim::Optimizer;
use serde::{Deserialize, Serialize};

use crate::axis::Axis;
use crate::checks::Check;
use crate::data::Data;
use crate::gate::Gate;
use crate::metric::{At, Judge, Metric};
use crate::stop::{Stop, Watched};
use crate::weights::Init;

/// One experiment: a question, and everything that is needed to answer it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Name of the folder of its results.
    pub name: String,
    /// What is learned from.
    pub data: Data,
    /// The layers, first to last.
    pub model: Vec<Layer>,
    /// How the parameters begin.
    #[serde(default)]
    pub init: Init,
    /// What training lowers.
    pub loss: Loss,
    /// What is measured beside the loss; when left out, `Accuracy` for a loss on classes.
    #[serde(default)]
    pub metrics: Option<Vec<Metric>>,
    /// How the parameters change.
    pub optimizer: Optimizer,
    /// How long, how large a batch, and what counts as diverged.
    pub train: Train,
    /// The parts that are evaluated before training and after each epoch; when left out, the
    /// validation and test parts, or the training part where there is neither.
    #[serde(default)]
    pub evaluate: Option<Vec<Part>>,
    /// What is recorded beside the curves of loss and metrics.
    #[serde(default)]
    pub record: Vec<Quantity>,
    /// What "best" means; when left out, the loss at the end on the validation part, or the
    /// test or training part where there is none.
    #[serde(default)]
    pub judge: Option<Judge>,
    /// What is varied.
    #[serde(default)]
    pub sweep: Sweep,
    /// What the results must show; no part of any run.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// What its baseline holds; no part of any run.
    #[serde(default)]
    pub gate: Option<Gate>,
}

/// How a run goes on and when it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Passes over the training data; either this or `steps`.
    #[serde(default)]
    pub epochs: Option<u64>,
    /// Steps; either this or `epochs`.
    #[serde(default)]
    pub steps: Option<u64>,
    /// Samples a step; when left out, all of them (full batch).
    #[serde(default)]
    pub batch: Option<usize>,
    /// The order of the samples in an epoch.
    #[serde(default)]
    pub order: Order,
    /// What becomes of the samples that are too few for a batch.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// Rules that end the run before its length is reached.
    #[serde(default)]
    pub stop: Vec<Stop>,
    /// The type that everything is computed in.
    #[serde(default)]
    pub precision: Precision,
    /// A run has diverged when its training loss over the last `window` epochs is above this
    /// many times the loss at the initial weights, or that of the best constant prediction if
    /// that is larger. With `Dropout` or `BatchNorm` it is the loss at the end, as evaluated.
    #[serde(default = "default_diverged_above")]
    pub diverged_above: f64,
    /// The epochs that the rule of divergence averages over.
    #[serde(default = "default_window")]
    pub window: u64,
}

fn default_diverged_above() -> f64 {
    1.0
}

fn default_window() -> u64 {
    1
}

impl Train {
    /// Samples of a whole batch, out of `rows` training rows.
    pub fn batch_rows(&self, rows: usize) -> usize {
        self.batch.unwrap_or(rows)
    }

    /// Training rows that an epoch uses.
    pub fn rows_per_epoch(&self, rows: usize) -> usize {
        match self.last_batch {
            LastBatch::Keep => rows,
            LastBatch::Drop => rows - rows % self.batch_rows(rows),
        }
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self, rows: usize) -> u64 {
        self.rows_per_epoch(rows).div_ceil(self.batch_rows(rows)) as u64
    }

    /// Steps of the whole run, when an epoch has so many.
    pub fn total_steps(&self, steps_per_epoch: u64) -> u64 {
        let by_epochs = self.epochs.map(|epochs| epochs.saturating_mul(steps_per_epoch));
        self.steps.or(by_epochs).unwrap_or(0)
    }
}

/// The order of the samples in an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Order {
    /// Drawn anew for every epoch, a function of seed and epoch.
    #[default]
    Shuffled,
    /// Every epoch as the training part has them: as in the file, unless the split draws an order.
    AsInFile,
}

/// What becomes of the samples at the end of an epoch that are too few for a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum LastBatch {
    /// They are a smaller batch.
    #[default]
    Keep,
    /// They are left out of this epoch.
    Drop,
}

/// The type of the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Double precision.
    F64,
}

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Part {
    /// What is learned from.
    Train,
    /// What choices are made on.
    Validation,
    /// What nothing is chosen on.
    Test,
}

impl Part {
    /// Its name in tables and curves.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// What can be recorded beside loss and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Quantity {
    /// The norm of the gradient of each layer with parameters, before the optimizer's chain: at
    /// the first step, and the mean over the steps of each epoch.
    GradientNorms,
    /// The largest eigenvalue of the Hessian of the training loss, before and after training;
    /// for the full batch only. Gradient descent is stable below `2/λ`.
    Sharpness,
    /// The mean over an epoch's batches of loss plus penalties, each before its step: what
    /// scikit-learn calls `loss_`. It costs a pass over the weights each step.
    RunningPenalizedLoss,
    /// The final parameters, by name.
    Weights,
}

/// What is varied: every combination of the axes' values, each with every seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// The axes; the first varies slowest.
    #[serde(default)]
    pub axes: Vec<Axis>,
    /// Seeds 0 to one below this. The same seed gives the same split, the same sample order and,
    /// wherever name and shape agree, the same initial weights at every point of the axes.
    #[serde(default = "default_seeds")]
    pub seeds: u64,
}

fn default_seeds() -> u64 {
    1
}

impl Default for Sweep {
    fn default() -> Self {
        Self { axes: Vec::new(), seeds: default_seeds() }
    }
}

const ACCURACY: &[Metric] = &[Metric::Accuracy];

impl Experiment {
    /// What is measured beside the loss.
    pub fn metrics(&self) -> &[Metric] {
        match &self.metrics {
            Some(metrics) => metrics,
            None if self.loss.target_kind() == TargetKind::Classes => ACCURACY,
            None => &[],
        }
    }

    /// How runs are judged; with `parts`, what the data holds, for the default.
    fn judge_among(&self, parts: &[Part]) -> Judge {
        let split = [Part::Validation, Part::Test].into_iter().find(|part| parts.contains(part));
        let split = split.unwrap_or(Part::Train);
        self.judge.unwrap_or(Judge { metric: Metric::Loss, split, at: At::Final })
    }

    /// Writes every default that depends on the data out: afterwards `metrics`, `evaluate` and
    /// `judge` are all there. `parts` are the parts that the data holds, `has_classes`
    /// whether its targets are classes.
    #[must_use]
    pub fn resolved(mut self, parts: &[Part], has_classes: bool) -> Self {
        if self.metrics.is_none() && has_classes && self.loss.target_kind() == TargetKind::Any {
            self.metrics = Some(ACCURACY.to_vec());
        }
        self.judge = Some(self.judge_among(parts));
        self.metrics = Some(self.metrics().to_vec());
        if self.evaluate.is_none() {
            let held_out: Vec<Part> =
                parts.iter().copied().filter(|&part| part != Part::Train).collect();
            self.evaluate = Some(if held_out.is_empty() { vec![Part::Train] } else { held_out });
        }
        self
    }

    /// How runs are judged, once the experiment is resolved.
    ///
    /// # Panics
    /// If it is not.
    pub fn judge(&self) -> Judge {
        self.judge.expect("a resolved experiment says how it is judged")
    }

    /// The parts that are evaluated, once the experiment is resolved.
    ///
    /// # Panics
    /// If it is not.
    pub fn evaluated(&self) -> &[Part] {
        self.evaluate.as_deref().expect("a resolved experiment says what it evaluates")
    }

    /// Whether this quantity is recorded; what a rule listens to is.
    pub fn records(&self, quantity: Quantity) -> bool {
        let is_watched = quantity == Quantity::RunningPenalizedLoss
            && self.stops_by(Watched::RunningPenalizedLoss);
        self.record.contains(&quantity) || is_watched
    }

    /// Whether a rule that stops listens to this.
    pub fn stops_by(&self, watched: Watched) -> bool {
        self.train.stop.iter().any(|rule| rule.watched() == watched)
    }
}
