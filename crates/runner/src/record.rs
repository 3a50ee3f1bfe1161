//! What is kept of a run: its outcome, curves and named arrays. This file stands alone.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Outcome {
    /// Finite to the end, and better than a constant prediction at some time.
    Trained,
    /// Finite, and never better than a constant prediction.
    Stalled,
    /// A value was not finite, or the loss of the last window was above the bound.
    Diverged {
        /// The step (from 1) at which it happened first.
        step: u64,
        /// What it happened to: `loss not finite`, `parameter not finite`, `loss above the bound`.
        quantity: String,
        /// The parameter it happened in, if it was one.
        layer: Option<String>,
    },
    /// The run could not be finished.
    Failed {
        /// Why.
        message: String,
    },
}

impl Outcome {
    /// One word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Trained => "trained",
            Outcome::Stalled => "stalled",
            Outcome::Diverged { .. } => "diverged",
            Outcome::Failed { .. } => "failed",
        }
    }

    /// Whether the run has no usable end.
    pub fn is_diverged(&self) -> bool {
        matches!(self, Outcome::Diverged { .. })
    }

    /// Whether the run ended early because a value was not finite.
    pub fn broke(&self) -> bool {
        matches!(self, Outcome::Diverged { quantity, .. } if quantity.ends_with("not finite"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Diverged { step, quantity, layer } => {
                write!(formatter, "diverged at step {step}: {quantity}")?;
                layer.as_ref().map_or(Ok(()), |layer| write!(formatter, " ({layer})"))
            }
            Outcome::Failed { message } => write!(formatter, "failed: {message}"),
            other => formatter.write_str(other.word()),
        }
    }
}

/// One measured quantity over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Where it was measured: `train`, `validation`, `test`, or empty.
    pub split: Cow<'static, str>,
    /// What was measured: `loss` (at the end of the epoch), `running_loss` (mean over the epoch's
    /// batches, each before its step), the name of a [`crate::Metric`], `gradient_norm`,
    /// `sharpness`, `learning_rate`. Penalties are in `penalized_loss` and
    /// `running_penalized_loss` alone.
    pub metric: Cow<'static, str>,
    /// The layer it belongs to, where it has one.
    pub layer: Option<u64>,
    /// When, in epochs done; 0 is before the first step. The last may be cut short.
    pub epochs: Arc<[u64]>,
    /// When, in steps done.
    pub steps: Arc<[u64]>,
    /// The values; a diverged run's may end in infinity or NaN.
    pub values: Vec<f64>,
}

/// A matrix with a name, such as the final weights of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray {
    /// Its name: `0.Dense.weight`.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
    /// Number of columns.
    pub columns: u64,
    /// The numbers, row by row.
    pub values: Vec<f64>,
}

/// Everything that is kept of one run, but for what depends on the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// Digest of the resolved description, the seed and the data.
    pub key: Arc<str>,
    /// What the bits may depend on beside the key.
    pub stamp: Arc<str>,
    /// The seed.
    pub seed: u64,
    /// The resolved description of this one run, as RON. Empty in [`crate::Results`], whose
    /// experiment says it all and which would be twice as large with it.
    pub description: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The rule that ended the run before its length was reached, in words.
    pub stopped: Option<String>,
    /// Number of trained values.
    pub parameter_count: u64,
    /// Epochs done, the last perhaps cut short.
    pub epochs: u64,
    /// Steps done.
    pub steps: u64,
    /// Training loss at the initial weights.
    pub initial_loss: f64,
    /// Training loss of the best constant prediction.
    pub constant_loss: f64,
    /// All curves.
    pub curves: Vec<Curve>,
    /// All named arrays.
    pub arrays: Vec<NamedArray>,
    /// SHA-256 of the final parameters, little-endian, in order.
    pub weights_digest: String,
}

/// What depends on the clock, kept apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Seconds from the first step to the last, evaluation included.
    pub seconds: f64,
}

impl RunRecord {
    /// The curve of this split and metric that belongs to no layer.
    pub fn curve(&self, split: &str, metric: &str) -> Option<&Curve> {
        self.curves
            .iter()
            .find(|curve| curve.split == split && curve.metric == metric && curve.layer.is_none())
    }

    /// The curve that people mean by this split and metric: training loss is the running mean of
    /// the epoch unless the training part was evaluated, with penalties too.
    pub fn measured(&self, split: &str, metric: &str) -> Option<&Curve> {
        let running = || match (split, metric) {
            ("train", "loss") => Some("running_loss"),
            ("train", "penalized_loss") => Some("running_penalized_loss"),
            _ => None,
        };
        self.curve(split, metric).or_else(|| self.curve(split, running()?))
    }

    /// All curves of this metric that belong to layers, in order of layers.
    pub fn layer_curves(&self, metric: &str) -> impl Iterator<Item = &Curve> {
        self.curves.iter().filter(move |curve| curve.metric == metric && curve.layer.is_some())
    }
}
