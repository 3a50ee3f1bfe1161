//! Rules that end a run before its length is reached.

use gradus_optim::Walk;
use serde::{Deserialize, Serialize};

/// One rule. Several are looked at in their order after each epoch; the first that holds ends the
/// run. What is judged counts as an error here: `1 - value` where higher is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Stop {
    /// The running loss of the epoch is below this.
    LossBelow(f64),
    /// An epoch is stale when what is watched is above `best - by`, `best` being the least of all
    /// epochs before. More than `epochs` stale ones in a row end the run: with 10 the 11th.
    ///
    /// Source: scikit-learn's `MLPClassifier` with `n_iter_no_change`, `tol`.
    Stale {
        /// What is watched.
        #[serde(default)]
        of: Watched,
        /// Stale epochs in a row that are borne.
        epochs: u64,
        /// How much better than the best an epoch must be.
        #[serde(default)]
        by: f64,
    },
    /// The run goes on while no more than `patience` steps lie before the present one. An epoch
    /// whose error is below `improvement` times the least before raises `patience`, which begins as
    /// `steps`, to `factor` times the steps that lay before its last one, if that is more. The run
    /// may so end within an epoch.
    ///
    /// Source: `logistic_sgd.py` of the Deep Learning Tutorials (deeplearning.net): 5000 steps, 2,
    /// 0.995.
    Patience {
        /// What is watched.
        #[serde(default)]
        of: Watched,
        /// The steps of a run that never becomes better.
        steps: u64,
        /// How many times as long as until the last improvement the run lasts.
        #[serde(default = "default_factor")]
        factor: f64,
        /// The share of the least error so far below which an error is an improvement.
        #[serde(default = "default_improvement")]
        improvement: f64,
    },
}

fn default_factor() -> f64 {
    2.0
}

fn default_improvement() -> f64 {
    0.995
}

/// What a rule listens to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Watched {
    /// The metric and part of `judge`.
    #[default]
    Judged,
    /// The mean loss of the epoch's batches, each before its step.
    RunningLoss,
    /// The same with the penalties in it.
    RunningPenalizedLoss,
}

impl Stop {
    /// What it listens to.
    pub fn watched(&self) -> Watched {
        match self {
            Stop::LossBelow(_) => Watched::RunningLoss,
            Stop::Stale { of, .. } | Stop::Patience { of, .. } => *of,
        }
    }
}

/// What an epoch came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    /// Steps done.
    pub(crate) steps: u64,
    /// Whether it was not cut short.
    pub(crate) is_whole: bool,
    /// The judged metric as an error.
    pub(crate) judged: f64,
    pub(crate) running_loss: f64,
    pub(crate) running_penalized_loss: f64,
}

/// A rule at work.
#[derive(Clone, Debug)]
pub(crate) struct Stopper {
    rule: Stop,
    best: f64,
    stale_epochs: u64,
    /// Steps that may lie before the last one.
    patience: f64,
}

impl Stopper {
    pub(crate) fn new(rule: Stop) -> Self {
        let patience = match rule {
            Stop::Patience { steps, .. } => steps as f64,
            Stop::LossBelow(_) | Stop::Stale { .. } => f64::INFINITY,
        };
        Self { rule, best: f64::INFINITY, stale_epochs: 0, patience }
    }

    /// Walks over what it remembers; `place` is what names begin with.
    pub(crate) fn walk<T>(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.double(&format!("{place}.best"), &mut self.best);
        walk.count(&format!("{place}.stale_epochs"), &mut self.stale_epochs);
        walk.double(&format!("{place}.patience"), &mut self.patience);
    }

    /// Steps after which the run ends, as far as is known; the last may be within an epoch.
    pub(crate) fn last_step(&self) -> u64 {
        // Saturates where nothing bounds it.
        (self.patience.ceil() as u64).saturating_add(1)
    }

    /// Takes an epoch in. Returns why the run ends, if it does.
    pub(crate) fn observe(&mut self, epoch: Epoch) -> Option<String> {
        let (value, name) = match self.rule.watched() {
            Watched::Judged => (epoch.judged, "what is judged"),
            Watched::RunningLoss => (epoch.running_loss, "the running loss"),
            Watched::RunningPenalizedLoss => {
                (epoch.running_penalized_loss, "the running penalized loss")
            }
        };
        let ends = match self.rule {
            Stop::LossBelow(bound) => value < bound,
            Stop::Stale { epochs, by, .. } => {
                self.stale_epochs = if value > self.best - by { self.stale_epochs + 1 } else { 0 };
                self.stale_epochs > epochs
            }
            Stop::Patience { factor, improvement, .. } => {
                let before = epoch.steps.saturating_sub(1) as f64;
                // What ends within an epoch ends there, whatever is measured afterwards.
                if epoch.is_whole && value < self.best * improvement {
                    self.patience = self.patience.max(before * factor);
                }
                self.patience <= before
            }
        };
        self.best = self.best.min(value);
        ends.then(|| match self.rule {
            Stop::LossBelow(bound) => format!("{name} was below {bound}"),
            Stop::Stale { by, .. } => format!(
                "{name} was not better by {by} than the best before in {} epochs in a row",
                self.stale_epochs
            ),
            Stop::Patience { .. } => {
                format!("{name} did not improve in time: patience ended at step {}", epoch.steps)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Epoch, Stop, Stopper, Watched};

    /// The number of epochs after which the rule ends a run of epochs of `steps` steps.
    fn ends(rule: Stop, steps: u64, values: &[f64]) -> Option<usize> {
        let mut stopper = Stopper::new(rule);
        let mut done = 0;
        for (index, &value) in values.iter().enumerate() {
            done = (done + steps).min(stopper.last_step());
            let epoch = Epoch {
                steps: done,
                is_whole: done.is_multiple_of(steps),
                judged: value,
                running_loss: value,
                running_penalized_loss: value,
            };
            if stopper.observe(epoch).is_some() {
                return Some(index + 1);
            }
            assert!(done < stopper.last_step(), "a run that has reached its last step has ended");
        }
        None
    }

    /// The lines of scikit-learn 1.7, `_update_no_improvement_count` and `_fit_stochastic`.
    fn scikit_learn(losses: &[f64], n_iter_no_change: u64, tol: f64) -> Option<usize> {
        let (mut best_loss, mut no_improvement_count) = (f64::INFINITY, 0);
        for (iteration, &loss) in losses.iter().enumerate() {
            if loss > best_loss - tol {
                no_improvement_count += 1;
            } else {
                no_improvement_count = 0;
            }
            if loss < best_loss {
                best_loss = loss;
            }
            if no_improvement_count > n_iter_no_change {
                return Some(iteration + 1);
            }
        }
        None
    }

    #[test]
    fn stale_epochs_are_counted_as_scikit_learn_counts_them() {
        let rule = Stop::Stale { of: Watched::RunningLoss, epochs: 10, by: 1e-4 };
        // It falls, by less and less; the best goes on falling while the epochs are stale.
        let falling: Vec<f64> = (0..100).map(|epoch| libm::exp(-0.2 * f64::from(epoch))).collect();
        assert_eq!(ends(rule, 5, &falling), scikit_learn(&falling, 10, 1e-4));
        assert_eq!(ends(rule, 5, &falling), Some(50));
        assert_eq!(ends(rule, 5, &[1.0; 12]), Some(12));
        assert_eq!(ends(rule, 5, &[1.0; 11]), None);
        let uneven: Vec<f64> = (0..200).map(|n| 1.0 / f64::from(1 + n % 13 * n)).collect();
        assert_eq!(ends(rule, 5, &uneven), scikit_learn(&uneven, 10, 1e-4));
    }

    /// The loop of `logistic_sgd.py`, with one validation an epoch.
    fn tutorial(errors: &[f64], batches: u64, mut patience: f64) -> Option<usize> {
        let mut best = f64::INFINITY;
        for (epoch, &error) in errors.iter().enumerate() {
            for minibatch in 0..batches {
                let iteration = (epoch as u64 * batches + minibatch) as f64;
                if minibatch + 1 == batches && error < best {
                    if error < best * 0.995 {
                        patience = patience.max(iteration * 2.0);
                    }
                    best = error;
                }
                if patience <= iteration {
                    return Some(epoch + 1);
                }
            }
        }
        None
    }

    #[test]
    fn patience_grows_as_in_the_tutorial() {
        let rule =
            |steps| Stop::Patience { of: Watched::Judged, steps, factor: 2.0, improvement: 0.995 };
        // Falls by 1 % an epoch until epoch 37, then by too little.
        let error =
            |epoch: i32| libm::pow(0.99, f64::from(epoch.min(37)) + 0.01 * f64::from(epoch));
        let errors: Vec<f64> = (1..200).map(error).collect();
        assert_eq!(ends(rule(5000), 83, &errors), Some(74));
        for (steps, batches) in [(5000, 83), (100, 7), (10, 83), (1, 1), (0, 4), (600, 3)] {
            let expected = tutorial(&errors, batches, steps as f64);
            assert_eq!(ends(rule(steps), batches, &errors), expected, "{steps}, {batches}");
        }
        assert_eq!(ends(rule(0), 4, &[1.0; 9]), Some(1));
    }

    #[test]
    fn a_bound_of_the_loss_ends_the_run_at_once() {
        assert_eq!(ends(Stop::LossBelow(0.5), 3, &[0.6, 0.5, 0.49, 0.1]), Some(3));
    }
}
