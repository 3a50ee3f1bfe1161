//! Where a run stands.

use serde::{Deserialize, Serialize};

/// Where a run stands: the step, and what does not change while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Steps done so far.
    pub step: u64,
    /// Steps of one pass over the training data.
    pub steps_per_epoch: u64,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// Samples of a step; the last of an epoch may have fewer.
    pub batch_rows: u64,
    /// Samples of an epoch that are trained on.
    pub epoch_rows: u64,
}

impl Clock {
    /// Whole epochs done so far.
    pub fn epoch(&self) -> u64 {
        self.step / self.steps_per_epoch
    }

    /// Samples of the step that is to come.
    pub fn rows(&self) -> u64 {
        let done = self.step % self.steps_per_epoch * self.batch_rows;
        self.batch_rows.min(self.epoch_rows.saturating_sub(done))
    }

    /// Samples seen so far, each as often as it was seen.
    pub fn samples(&self) -> u64 {
        let done = self.step % self.steps_per_epoch * self.batch_rows;
        self.epoch() * self.epoch_rows + done.min(self.epoch_rows)
    }

    /// The same moment for a schedule that moves once an epoch: its steps are epochs.
    pub(crate) fn by_epochs(&self) -> Self {
        Self {
            step: self.epoch(),
            steps_per_epoch: 1,
            total_steps: self.total_steps.div_ceil(self.steps_per_epoch),
            batch_rows: self.epoch_rows,
            epoch_rows: self.epoch_rows,
        }
    }
}

/// How often a schedule sets the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Each {
    /// Anew before each step; times have fractions of epochs.
    #[default]
    Step,
    /// Before the first step of each epoch, for all of it: times are whole epochs, from 0, as with
    /// Keras's `LearningRateScheduler`.
    Epoch,
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn samples_are_counted_with_the_short_last_batch() {
        let at = |step| Clock {
            step,
            steps_per_epoch: 3,
            total_steps: 7,
            batch_rows: 4,
            epoch_rows: 10,
        };
        let counted: Vec<_> = (0..5).map(|step| (at(step).rows(), at(step).samples())).collect();
        assert_eq!(counted, [(4, 0), (4, 4), (2, 8), (4, 10), (4, 14)]);
        assert_eq!(at(5).by_epochs().samples(), 10);
        assert_eq!((at(5).by_epochs().step, at(5).by_epochs().total_steps), (1, 3));
    }
}
