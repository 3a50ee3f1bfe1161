//! The registry of losses: one file each, a few lines here.

mod half_mse;
mod mse;
mod mae;
mod huber;
mod cross_entropy;
mod cross_entropy_with;
mod binary_cross_entropy;
mod hinge;

use std::fmt;
use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, s};
use serde::{Deserialize, Serialize};

use self::cross_entropy_with::Weighting;
use crate::{Mistake, Scalar, Shape};

/// The loss that training lowers. Each is a mean over the samples of the batch; the factors
/// between them are stated by [`Loss::factor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Loss {
    /// `1/(2n) Σₙ Σₖ (y - t)²`: half the sum over outputs, mean over samples.
    HalfMse,
    /// `1/(nK) Σₙ Σₖ (y - t)²`: mean over samples and outputs.
    Mse,
    /// `1/(nK) Σₙ Σₖ |y - t|`.
    Mae,
    /// `Mse/2` where `|y - t|` is below this δ, else `δ (|y - t| - δ/2)`; mean over samples and
    /// outputs.
    Huber(f64),
    /// `-1/n Σₙ ln softmax(z)[t]`, in nats.
    CrossEntropy,
    /// The same with smoothed labels and weighted classes; the mean is by weight.
    CrossEntropyWith {
        /// The share of each label that is spread over all classes.
        #[serde(default)]
        label_smoothing: f64,
        /// A factor for each class; when left out, 1 for all.
        #[serde(default)]
        class_weights: Vec<f64>,
    },
    /// `1/(nK) Σₙ Σₖ (ln(1 + exp z) - t z)`, in nats: each output a logit of its own. Of two
    /// classes one output is enough.
    BinaryCrossEntropy,
    /// One output for two classes: `1/n Σₙ max(0, 1 ∓ z)`; else
    /// `1/(nC) Σₙ Σ_{c≠t} max(0, 1 - z[t] + z[c])`.
    Hinge,
}

/// What a batch is held against.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, T> {
    /// The class of each sample, (N).
    Classes(&'a [u32]),
    /// The wanted outputs, (N, K).
    Values(ArrayView2<'a, T>),
}

/// The kind of targets that a loss takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Class numbers.
    Classes,
    /// Numbers; classes are turned into one-hot rows for such a loss.
    Values,
    /// Either, as the data has them.
    Any,
}

impl Loss {
    /// The kind of targets it takes.
    pub fn target_kind(&self) -> TargetKind {
        match self {
            Loss::HalfMse | Loss::Mse | Loss::Mae | Loss::Huber(_) => TargetKind::Values,
            Loss::CrossEntropy | Loss::CrossEntropyWith { .. } | Loss::Hinge => TargetKind::Classes,
            Loss::BinaryCrossEntropy => TargetKind::Any,
        }
    }

    /// Everything that is wrong with its options.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        match self {
            Loss::Huber(delta) => {
                let holds = delta.is_finite() && *delta > 0.0;
                found.extend(Mistake::unless(holds, "[0]", "delta", delta, "above 0"));
            }
            Loss::CrossEntropyWith { label_smoothing, class_weights } => {
                let holds = (0.0..1.0).contains(label_smoothing);
                let (place, allowed) = ("label_smoothing", "from 0 to below 1");
                found.extend(Mistake::unless(holds, place, place, label_smoothing, allowed));
                for (class, weight) in class_weights.iter().enumerate() {
                    let place = format!("class_weights[{class}]");
                    let holds = weight.is_finite() && *weight >= 0.0;
                    found.extend(Mistake::unless(holds, place, "a weight", weight, "from 0"));
                }
                let is_none = !class_weights.is_empty() && class_weights.iter().all(|&w| w == 0.0);
                if is_none {
                    let message = "every class has the weight 0: there is nothing to train";
                    let help = "allowed: at least one above 0";
                    found.push(Mistake::new("class_weights", message, help));
                }
            }
            _ => {}
        }
        found
    }

    /// What is wrong with its options for data with so many classes.
    pub fn mistake_for_classes(&self, classes: usize) -> Option<Mistake> {
        let Loss::CrossEntropyWith { class_weights, .. } = self else { return None };
        let count = class_weights.len();
        (count > 0 && count != classes).then(|| {
            let message = format!("{count} class weights, the data has {classes} classes");
            let help = "one weight a class, in the order of the classes; or leave it out";
            Mistake::new("class_weights", message, help)
        })
    }

    /// The numbers of outputs that fit the data: `width` classes, or numbers a sample.
    pub fn outputs(&self, targets: TargetKind, width: usize) -> Vec<usize> {
        let one_is_enough = matches!(self, Loss::BinaryCrossEntropy | Loss::Hinge);
        if one_is_enough && targets == TargetKind::Classes && width == 2 {
            vec![1, 2]
        } else {
            vec![width]
        }
    }

    /// Whether a network whose output has this shape can be trained on targets of a kind and
    /// `width` (classes, or numbers a sample).
    ///
    /// # Errors
    /// The rule that is broken, with both sizes.
    pub fn check_output(
        &self,
        output: Shape,
        targets: TargetKind,
        width: usize,
    ) -> Result<(), String> {
        let what = match targets {
            TargetKind::Classes => "classes",
            TargetKind::Values | TargetKind::Any => "target values a sample",
        };
        if self.outputs(targets, width).contains(&output.len()) {
            return Ok(());
        }
        Err(format!("the network ends in {output}, the data has {width} {what}"))
    }

    /// How this loss compares with the mean squared error over samples and outputs, for the
    /// report: a learning rate carries over from one to the other by this factor.
    pub fn factor(&self, outputs: usize) -> String {
        let no_factor = "it has no constant factor to the squared losses";
        match self {
            Loss::HalfMse => format!(
                "HalfMse is {} times Mse here (1/(2n) against 1/(nK), K = {outputs}): the same \
                 learning rate makes steps that many times as large",
                outputs as f64 / 2.0
            ),
            Loss::Mse => format!(
                "Mse is {} times HalfMse here (1/(nK) against 1/(2n), K = {outputs}): the same \
                 learning rate makes steps that many times as large",
                2.0 / outputs as f64
            ),
            Loss::Mae => format!(
                "Mae is a mean over samples and outputs whose gradient does not shrink near the \
                 target; {no_factor}"
            ),
            Loss::Huber(delta) => format!(
                "Huber({delta}) is half of Mse where every error is below {delta}, and grows \
                 {delta} times as fast as Mae beyond"
            ),
            Loss::CrossEntropy => {
                format!("CrossEntropy is a mean over samples, in nats; {no_factor}")
            }
            Loss::CrossEntropyWith { class_weights, .. } if class_weights.is_empty() => {
                format!("CrossEntropyWith is a mean over samples, in nats; {no_factor}")
            }
            Loss::CrossEntropyWith { .. } => format!(
                "CrossEntropyWith is a mean over samples by the weights of their classes, in \
                 nats; {no_factor}"
            ),
            Loss::BinaryCrossEntropy => format!(
                "BinaryCrossEntropy is a mean over samples and outputs, in nats; {no_factor}"
            ),
            Loss::Hinge => format!(
                "Hinge is a mean over samples (of more than one output, over outputs too); \
                 {no_factor}"
            ),
        }
    }

    /// What the mean over these targets divides by: their number, or the weight of their classes.
    /// The loss of several batches together is their mean by this.
    pub fn total_weight<T>(&self, targets: Targets<'_, T>) -> f64 {
        match self {
            Loss::CrossEntropyWith { .. } => self.weighting().total(targets.classes()),
            _ => targets.rows() as f64,
        }
    }

    /// The loss of outputs `z` (N, K), summed in `f64` in sample order.
    ///
    /// # Panics
    /// If the targets are of another kind or another number of rows, or a class is not below K.
    pub fn value<T: Scalar>(&self, z: ArrayView2<'_, T>, targets: Targets<'_, T>) -> f64 {
        self.share(z, targets, self.total_weight(targets))
    }

    /// The share that these outputs have in the loss of a batch whose mean divides by `total`, see
    /// [`Loss::total_weight`].
    ///
    /// # Panics
    /// As [`Loss::value`].
    pub fn share<T: Scalar>(
        &self,
        z: ArrayView2<'_, T>,
        targets: Targets<'_, T>,
        total: f64,
    ) -> f64 {
        T::share(self, z, targets, total)
    }

    /// The same share, and its gradient by `z` written to `dz` (N, K).
    ///
    /// # Panics
    /// As [`Loss::value`].
    pub fn differentiate<T: Scalar>(
        &self,
        z: ArrayView2<'_, T>,
        targets: Targets<'_, T>,
        total: f64,
        dz: ArrayViewMut2<'_, T>,
    ) -> f64 {
        T::differentiate(self, z, targets, total, dz)
    }

    /// What [`Loss::share`] comes to, behind the functions that compile it once for each type.
    pub(crate) fn compute_share<T: Scalar>(
        &self,
        z: ArrayView2<'_, T>,
        targets: Targets<'_, T>,
        total: f64,
    ) -> f64 {
        match self {
            Loss::HalfMse => half_mse::value(z, targets.values(), total),
            Loss::Mse => mse::value(z, targets.values(), total),
            Loss::Mae => mae::value(z, targets.values(), total),
            Loss::Huber(delta) => huber::value(*delta, z, targets.values(), total),
            Loss::CrossEntropy => cross_entropy::value(z, targets.classes(), total),
            Loss::CrossEntropyWith { .. } => self.weighting().value(z, targets.classes(), total),
            Loss::BinaryCrossEntropy => binary_cross_entropy::value(z, targets, total),
            Loss::Hinge => hinge::value(z, targets.classes(), total),
        }
    }

    /// What [`Loss::differentiate`] comes to, likewise.
    pub(crate) fn compute_gradient<T: Scalar>(
        &self,
        z: ArrayView2<'_, T>,
        targets: Targets<'_, T>,
        total: f64,
        dz: ArrayViewMut2<'_, T>,
    ) -> f64 {
        match self {
            Loss::HalfMse => half_mse::differentiate(z, targets.values(), total, dz),
            Loss::Mse => mse::differentiate(z, targets.values(), total, dz),
            Loss::Mae => mae::differentiate(z, targets.values(), total, dz),
            Loss::Huber(delta) => huber::differentiate(*delta, z, targets.values(), total, dz),
            Loss::CrossEntropy => cross_entropy::differentiate(z, targets.classes(), total, dz),
            Loss::CrossEntropyWith { .. } => {
                self.weighting().differentiate(z, targets.classes(), total, dz)
            }
            Loss::BinaryCrossEntropy => binary_cross_entropy::differentiate(z, targets, total, dz),
            Loss::Hinge => hinge::differentiate(z, targets.classes(), total, dz),
        }
    }

    /// The options of cross-entropy.
    fn weighting(&self) -> Weighting<'_> {
        match self {
            Loss::CrossEntropyWith { label_smoothing, class_weights } => {
                Weighting { smoothing: *label_smoothing, weights: class_weights }
            }
            _ => Weighting { smoothing: 0.0, weights: &[] },
        }
    }

    /// The name of its kind, as files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Loss::HalfMse => "HalfMse",
            Loss::Mse => "Mse",
            Loss::Mae => "Mae",
            Loss::Huber(_) => "Huber",
            Loss::CrossEntropy => "CrossEntropy",
            Loss::CrossEntropyWith { .. } => "CrossEntropyWith",
            Loss::BinaryCrossEntropy => "BinaryCrossEntropy",
            Loss::Hinge => "Hinge",
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Huber(delta) => write!(formatter, "Huber({delta})"),
            other => formatter.write_str(other.kind()),
        }
    }
}

impl<'a, T> Targets<'a, T> {
    /// Number of samples.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Classes(classes) => classes.len(),
            Targets::Values(values) => values.nrows(),
        }
    }

    /// Those of some of the samples.
    pub fn slice(self, rows: Range<usize>) -> Self
    where
        T: Scalar,
    {
        match self {
            Targets::Classes(classes) => Targets::Classes(&classes[rows]),
            Targets::Values(values) => Targets::Values(values.slice_move(s![rows, ..])),
        }
    }

    fn classes(self) -> &'a [u32] {
        match self {
            Targets::Classes(classes) => classes,
            Targets::Values(_) => panic!("this loss takes classes, not values"),
        }
    }

    fn values(self) -> ArrayView2<'a, T> {
        match self {
            Targets::Values(values) => values,
            Targets::Classes(_) => panic!("this loss takes values, not classes"),
        }
    }
}
