//! A running mean of the parameters, which is often better than where a run stands.

use gradus_core::{Mistake, Scalar};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::walk::Walk;

/// A mean `a` of the parameters `w` after each step, constraints included; training goes on from
/// `w`, and what is evaluated, judged and kept is `a`. Statistics that layers keep, such as those
/// of `BatchNorm`, are those of the training with `w`. In all of them `a += c (w - a)`, and `c = 1` at first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Average {
    /// `a = d a + (1 - d) w`, exponential: about the last `1/(1 - d)` steps count.
    ///
    /// Without `bias_correction` it begins at the parameters after the first step, as PyTorch's
    /// `AveragedModel` with `get_ema_multi_avg_fn`. With it, it begins at zero and is divided by
    /// `1 - dᵗ` after `t` steps, so that the first steps weigh no more than the others:
    /// `c = (1 - d)/(1 - dᵗ)`. Source: Kingma and Ba, ICLR 2015, sections 3 and 7.2.
    Exponential {
        /// `d`: what is kept of the mean at each step.
        decay: f64,
        /// Whether the mean is corrected for its beginning.
        #[serde(default)]
        bias_correction: bool,
    },
    /// The plain mean over every step from the beginning of an epoch on, `c = 1/t`.
    /// Source: Polyak and Juditsky, SIAM J. Control Optim. 30 (1992), section 2.
    Mean {
        /// Whole epochs that are left out; before their end there is no mean.
        #[serde(default)]
        from_epoch: u64,
    },
}

impl Average {
    /// What is wrong with its numbers, if anything.
    pub fn mistake(&self) -> Option<Mistake> {
        match *self {
            Average::Exponential { decay, .. } => {
                let holds = (0.0..1.0).contains(&decay);
                Mistake::unless(holds, "decay", "the decay", decay, "from 0 to below 1")
            }
            Average::Mean { .. } => None,
        }
    }
}

/// A mean at work.
#[derive(Debug)]
pub(crate) struct Averaging<T> {
    average: Average,
    mean: Vec<T>,
    /// Steps in the mean.
    count: u64,
}

impl<T: Scalar> Averaging<T> {
    pub(crate) fn new(average: Average, len: usize) -> Self {
        Self { average, mean: vec![T::ZERO; len], count: 0 }
    }

    /// The mean, once a step is in it.
    pub(crate) fn mean(&self) -> Option<&[T]> {
        (self.count > 0).then_some(&self.mean)
    }

    /// The same, to be put in the place of the parameters.
    pub(crate) fn mean_mut(&mut self) -> Option<&mut Vec<T>> {
        (self.count > 0).then_some(&mut self.mean)
    }

    /// Walks over the mean.
    pub(crate) fn walk(&mut self, walk: &mut dyn Walk<T>) {
        walk.numbers("average.mean", &mut self.mean);
        walk.count("average.count", &mut self.count);
    }

    /// Takes the parameters after the step that began at `clock`.
    pub(crate) fn add(&mut self, values: &[T], clock: Clock) {
        if let Average::Mean { from_epoch } = self.average
            && clock.epoch() < from_epoch
        {
            return;
        }
        self.count += 1;
        let share = match self.average {
            _ if self.count == 1 => {
                self.mean.copy_from_slice(values);
                return;
            }
            Average::Exponential { decay, bias_correction: false } => 1.0 - decay,
            Average::Exponential { decay, bias_correction: true } => {
                (1.0 - decay) / (1.0 - libm::pow(decay, self.count as f64))
            }
            Average::Mean { .. } => 1.0 / self.count as f64,
        };
        let share = T::from_f64(share);
        for (a, &w) in self.mean.iter_mut().zip(values) {
            *a += share * (w - *a);
        }
    }
}
