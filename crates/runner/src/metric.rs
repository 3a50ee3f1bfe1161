//! What is measured of a run, and the one measure that says what "best" means.

use serde::{Deserialize, Serialize};

use crate::experiment::Part;
use crate::record::{Curve, RunRecord};
use crate::statistics::{argmin, mean};

/// A measure of a part. `loss` and `penalized_loss` are means over predictions as the loss defines
/// them; sums run in `f64` in the order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Metric {
    /// The loss without penalties. It is always measured and never named in `metrics`.
    #[default]
    Loss,
    /// The loss plus the value of the optimizer's penalties, such as `½λ‖w‖²` of `L2(λ)`, at the
    /// weights of that moment.
    PenalizedLoss,
    /// Share of samples whose largest output is the one of their class; with one output (a logit
    /// of class 1) the share on the right side of 0.
    Accuracy,
    /// Mean over the classes that occur of the share of their samples that [`Metric::Accuracy`]
    /// counts as right: the mean recall.
    /// Source: Brodersen et al., *The Balanced Accuracy and Its Posterior Distribution*, ICPR 2010.
    BalancedAccuracy,
    /// Share of samples whose class is among the `k` largest outputs; of equal outputs the first
    /// counts as larger.
    TopK(usize),
    /// `exp` of the mean cross-entropy in nats: the number of equally likely classes that would
    /// leave as much in doubt. Neither label smoothing nor class weights count.
    Perplexity,
    /// `1/(nK) Σ (y - t)²`, on the scaled targets that training sees, so that it compares with the
    /// losses.
    Mse,
    /// `√(1/(nK) Σ s²(y - t)²)` in the units of the file: `s` is what the scaling divided each
    /// target column by, which may be below 0.
    Rmse,
    /// `1/(nK) Σ |s (y - t)|` in the units of the file, as [`Metric::Rmse`].
    Mae,
    /// `1 - Σ(y - t)² / Σ(t - mean t)²` on the part that is measured, mean over the outputs; no
    /// scaling changes it. An output whose targets are all equal counts 1 where every prediction is
    /// exact, else 0.
    /// Source: `sklearn.metrics.r2_score`.
    R2,
}

impl Metric {
    /// Its name in tables and curves.
    pub fn name(self) -> String {
        let name = match self {
            Metric::Loss => "loss",
            Metric::PenalizedLoss => "penalized_loss",
            Metric::Accuracy => "accuracy",
            Metric::BalancedAccuracy => "balanced_accuracy",
            Metric::TopK(k) => return format!("top_{k}_accuracy"),
            Metric::Perplexity => "perplexity",
            Metric::Mse => "mse",
            Metric::Rmse => "rmse",
            Metric::Mae => "mae",
            Metric::R2 => "r2",
        };
        name.to_string()
    }

    /// Whether a larger value is better. Each such measure is at most 1.
    pub fn higher_is_better(self) -> bool {
        match self {
            Metric::Accuracy | Metric::BalancedAccuracy | Metric::TopK(_) | Metric::R2 => true,
            Metric::Loss
            | Metric::PenalizedLoss
            | Metric::Perplexity
            | Metric::Mse
            | Metric::Rmse
            | Metric::Mae => false,
        }
    }
}

/// What "best" means, once, for the verdict, `Plateau`, rules that stop and checks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// The measure.
    #[serde(default)]
    pub metric: Metric,
    /// Where it is measured.
    pub split: Part,
    /// When it is measured.
    #[serde(default)]
    pub at: At,
}

/// The moment at which a run is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum At {
    /// After the last epoch.
    #[default]
    Final,
    /// At the best epoch; the first of equal ones.
    Best,
    /// At the epoch that is best by the same metric on this part, such as the test accuracy at the
    /// best validation; the first of equal ones.
    BestOf(Part),
    /// The mean over this many last epochs.
    Window(u64),
}

impl Judge {
    /// The part that choices during a run listen to (`Plateau`, rules that stop): the one that the
    /// moment is chosen on.
    pub fn chosen_on(&self) -> Part {
        match self.at {
            At::BestOf(part) => part,
            At::Final | At::Best | At::Window(_) => self.split,
        }
    }

    /// The curve that it is read from. Training loss is the running mean of the epoch unless the
    /// file asks for an evaluation.
    pub fn curve<'r>(&self, record: &'r RunRecord) -> Option<&'r Curve> {
        record.measured(self.split.name(), &self.metric.name())
    }

    /// Index in [`Judge::curve`] of the best moment; none where nothing is finite.
    pub fn best_index(&self, record: &RunRecord) -> Option<usize> {
        best(&self.curve(record)?.values, self.metric.higher_is_better())
    }

    /// The value as measured, whatever became of the run; NaN where nothing was.
    pub fn value(&self, record: &RunRecord) -> f64 {
        let Some(curve) = self.curve(record) else { return f64::NAN };
        let values = &curve.values;
        let index = match self.at {
            At::Final => values.len().checked_sub(1),
            At::Best => self.best_index(record),
            At::BestOf(part) => {
                record.measured(part.name(), &self.metric.name()).and_then(|chosen| {
                    let best = best(&chosen.values, self.metric.higher_is_better())?;
                    curve.steps.iter().position(|&step| step == chosen.steps[best])
                })
            }
            At::Window(epochs) => {
                let window = usize::try_from(epochs.max(1)).unwrap_or(usize::MAX);
                // What was measured before the first step belongs to no epoch.
                let trained = curve.epochs.iter().position(|&epoch| epoch > 0);
                let first = values.len().saturating_sub(window).max(trained.unwrap_or(0));
                return mean(&values[first..]);
            }
        };
        index.map_or(f64::NAN, |index| values[index])
    }
}

/// Index of the best finite value; the first of equals.
pub fn best(values: &[f64], higher_is_better: bool) -> Option<usize> {
    let sign = if higher_is_better { -1.0 } else { 1.0 };
    argmin(&values.iter().map(|value| sign * value).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{At, Judge, Metric};
    use crate::experiment::Part;
    use crate::record::{Curve, Outcome, RunRecord};

    fn record(curves: &[(&str, &str, &[f64])]) -> RunRecord {
        let curve = |&(split, metric, values): &(&str, &str, &[f64])| Curve {
            split: split.to_string().into(),
            metric: metric.to_string().into(),
            layer: None,
            epochs: (4 - values.len() as u64..4).collect(),
            steps: (4 - values.len() as u64..4).map(|epoch| 10 * epoch).collect(),
            values: values.to_vec(),
        };
        RunRecord {
            key: "".into(),
            stamp: "".into(),
            seed: 0,
            description: String::new(),
            outcome: Outcome::Trained,
            stopped: None,
            parameter_count: 1,
            epochs: 3,
            steps: 30,
            initial_loss: 1.0,
            constant_loss: 1.0,
            curves: curves.iter().map(curve).collect(),
            arrays: Vec::new(),
            weights_digest: String::new(),
        }
    }

    #[test]
    fn a_judge_reads_the_moment_it_names() {
        let record = record(&[
            ("train", "running_loss", &[0.9, 0.2, 0.3]),
            ("validation", "accuracy", &[0.1, 0.8, 0.8, 0.7]),
            ("validation", "loss", &[2.0, 1.0, f64::NAN, 0.5]),
            ("test", "accuracy", &[0.2, 0.6, 0.9, 0.75]),
            ("test", "loss", &[3.0, 2.0, 1.0, 4.0]),
        ]);
        let value = |metric, split, at| Judge { metric, split, at }.value(&record);
        let best_validation = At::BestOf(Part::Validation);
        assert_eq!(value(Metric::Accuracy, Part::Test, At::Final), 0.75);
        assert_eq!(value(Metric::Accuracy, Part::Test, At::Best), 0.9);
        assert_eq!(value(Metric::Accuracy, Part::Test, best_validation), 0.6);
        assert_eq!(value(Metric::Loss, Part::Test, best_validation), 4.0);
        // The running loss has no value before the first step: moments are told by their step.
        assert_eq!(value(Metric::Loss, Part::Test, At::BestOf(Part::Train)), 1.0);
        assert_eq!(value(Metric::Loss, Part::Test, At::Window(2)), 2.5);
        assert!(value(Metric::Mae, Part::Test, At::Final).is_nan());
    }
}
