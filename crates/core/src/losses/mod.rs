//! The registry of losses: one file each, three lines here.

mod cross_entropy;
mod half_mse;
mod mse;

use std::fmt;

use ndarray::{ArrayView2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use crate::{Scalar, Shape};

/// The loss that training lowers. Each is a mean over the samples of the batch; the factors
/// between them are stated by [`Loss::factor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Loss {
    /// `1/(2n) Σₙ Σₖ (y - t)²`: half the sum over outputs, mean over samples.
    HalfMse,
    /// `1/(nK) Σₙ Σₖ (y - t)²`: mean over samples and outputs.
    Mse,
    /// `-1/n Σₙ ln softmax(z)[t]`, in nats.
    CrossEntropy,
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
}

impl Loss {
    /// The kind of targets it takes.
    pub fn target_kind(self) -> TargetKind {
        match self {
            Loss::HalfMse | Loss::Mse => TargetKind::Values,
            Loss::CrossEntropy => TargetKind::Classes,
        }
    }

    /// Whether a network whose output has this shape can be trained on `width` targets
    /// (classes, or numbers a sample).
    ///
    /// # Errors
    /// The rule that is broken, with both sizes.
    pub fn check_output(self, output: Shape, width: usize) -> Result<(), String> {
        let what = match self.target_kind() {
            TargetKind::Classes => "classes",
            TargetKind::Values => "target values a sample",
        };
        if output.len() == width {
            return Ok(());
        }
        Err(format!("the network ends in {output}, the data has {width} {what}"))
    }

    /// How this loss compares with the mean squared error over samples and outputs, for the
    /// report: a learning rate carries over from one to the other by this factor.
    pub fn factor(self, outputs: usize) -> String {
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
            Loss::CrossEntropy => "CrossEntropy is a mean over samples, in nats; it has no \
                                   constant factor to the squared losses"
                .to_string(),
        }
    }

    /// The loss of outputs `z` (N, K), summed in `f64` in sample order.
    ///
    /// # Panics
    /// If the targets are of another kind or another number of rows, or a class is not below K.
    pub fn value<T: Scalar>(self, z: ArrayView2<'_, T>, targets: Targets<'_, T>) -> f64 {
        match self {
            Loss::HalfMse => half_mse::value(z, targets.values()),
            Loss::Mse => mse::value(z, targets.values()),
            Loss::CrossEntropy => cross_entropy::value(z, targets.classes()),
        }
    }

    /// The same value, and its gradient by `z` written to `dz` (N, K).
    ///
    /// # Panics
    /// As [`Loss::value`].
    pub fn differentiate<T: Scalar>(
        self,
        z: ArrayView2<'_, T>,
        targets: Targets<'_, T>,
        dz: ArrayViewMut2<'_, T>,
    ) -> f64 {
        match self {
            Loss::HalfMse => half_mse::differentiate(z, targets.values(), dz),
            Loss::Mse => mse::differentiate(z, targets.values(), dz),
            Loss::CrossEntropy => cross_entropy::differentiate(z, targets.classes(), dz),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
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
