//! What a gate reads of stored runs: a number of each, and the envelope of each curve.

use serde::{Deserialize, Serialize};

use crate::checks::{Measure, value_of};
use crate::digest::Digest;
use crate::plan::Plan;
use crate::record::{Curve, Outcome, RunRecord};
use crate::statistics::{mean, quantile};

/// Epochs that an envelope keeps, at most, beside that before the first step.
const KEPT: u32 = 9;

/// Hexadecimal digits of a digest that a baseline keeps: 64 bits, for one comparison each.
const DIGITS: usize = 16;

/// One number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// What is measured, with the judge's written out.
    pub of: Measure,
    /// Whether it is the mean of its curve over all epochs in place of its end.
    pub course: bool,
    /// The change that matters.
    pub margin: f64,
}

/// The lowest, median and highest value over the seeds, at some epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// What is measured.
    pub of: Measure,
    /// The epochs: spread evenly on a logarithmic scale, first and last among them.
    pub epochs: Vec<u64>,
    /// The lowest value at each.
    pub low: Vec<f64>,
    /// The median.
    pub median: Vec<f64>,
    /// The highest.
    pub high: Vec<f64>,
}

/// The numbers that the gate of a plan is about, the same for each cell.
pub(super) fn criteria(plan: &Plan) -> Vec<Criterion> {
    let judge = plan.experiment.judge();
    let margins = plan.experiment.gate.iter().flat_map(|gate| &gate.margins);
    let mut criteria: Vec<Criterion> = Vec::new();
    for margin in margins {
        let of = margin.of.resolved(judge);
        criteria.push(Criterion { of, course: false, margin: margin.margin });
        // One curve has one course, whatever moments of it are judged.
        let is_new = !criteria.iter().any(|other| other.course && has_the_curve_of(other.of, of));
        if matches!(of, Measure::Metric { .. }) && is_new {
            let margin = margin.course.unwrap_or(margin.margin);
            criteria.push(Criterion { of, course: true, margin });
        }
    }
    criteria
}

/// Whether both measure the same metric of the same part.
fn has_the_curve_of(one: Measure, other: Measure) -> bool {
    let curve = |of| match of {
        Measure::Metric { metric, split, .. } => Some((metric, split)),
        _ => None,
    };
    curve(one).is_some() && curve(one) == curve(other)
}

/// Epochs of a run that goes on to its end.
pub(super) fn planned_epochs(plan: &Plan) -> u64 {
    let train = &plan.experiment.train;
    let steps_per_epoch = train.steps_per_epoch(plan.data.train_rows);
    train.total_steps(steps_per_epoch).div_ceil(steps_per_epoch)
}

impl Criterion {
    /// The value of a run: infinite where it diverged, NaN where there is none.
    pub(super) fn value(self, record: &RunRecord, planned: u64) -> f64 {
        match record.outcome {
            Outcome::Failed { .. } => f64::NAN,
            // Where that is what is measured, it has a margin of its own.
            Outcome::Diverged { .. }
                if !matches!(self.of, Measure::Diverged | Measure::Stalled) =>
            {
                f64::INFINITY
            }
            _ if self.course => course(record, self.of, planned),
            _ => value_of(self.of, record),
        }
    }
}

fn curve(record: &RunRecord, of: Measure) -> Option<&Curve> {
    let Measure::Metric { metric, split, .. } = of else { return None };
    record.measured(split.name(), &metric.name()).filter(|curve| !curve.values.is_empty())
}

/// The value after so many epochs; that of the last where a rule ended the run before.
fn value_after(curve: &Curve, epoch: u64) -> f64 {
    let place = curve.epochs.partition_point(|&done| done <= epoch);
    place.checked_sub(1).map_or(f64::NAN, |place| curve.values[place])
}

fn course(record: &RunRecord, of: Measure, planned: u64) -> f64 {
    let Some(curve) = curve(record, of) else { return f64::NAN };
    let values: Vec<f64> = (1..=planned).map(|epoch| value_after(curve, epoch)).collect();
    mean(&values)
}

/// The envelope of a measure over the seeds of a cell; none where it has no curve, or no run has.
pub(super) fn envelope(records: &[&RunRecord], of: Measure, planned: u64) -> Option<Envelope> {
    let curves: Vec<(&RunRecord, &Curve)> =
        records.iter().filter_map(|&record| Some((record, curve(record, of)?))).collect();
    let first = curves.iter().filter_map(|(_, curve)| curve.epochs.first()).min()?;
    let spread = |place: u32| {
        let share = f64::from(place) / f64::from(KEPT - 1);
        (planned as f64).powf(share).round() as u64
    };
    let mut epochs: Vec<u64> = std::iter::once(*first)
        .chain((0..KEPT).map(spread))
        .filter(|epoch| epoch >= first)
        .collect();
    epochs.dedup();
    let at = |epoch: u64| -> Vec<f64> {
        let value = |(record, curve): &(&RunRecord, &Curve)| {
            let is_over = curve.epochs.last().is_some_and(|&last| last < epoch);
            let is_gone = record.outcome.is_diverged() && is_over;
            if is_gone { f64::INFINITY } else { value_after(curve, epoch) }
        };
        curves.iter().map(value).collect()
    };
    let edge = |share: f64| epochs.iter().map(|&epoch| quantile(&at(epoch), share)).collect();
    Some(Envelope { of, low: edge(0.0), median: edge(0.5), high: edge(1.0), epochs })
}

/// Digests of a run's weights and of its curves.
pub(super) fn digests(record: &RunRecord) -> [String; 2] {
    let mut digest = Digest::default();
    for curve in &record.curves {
        digest.add(curve.split.as_bytes()).add(curve.metric.as_bytes());
        digest.add(&curve.layer.unwrap_or(u64::MAX).to_le_bytes());
        digest.add_numbers(&curve.values);
    }
    [record.weights_digest.clone(), digest.finish()].map(|mut digest| {
        digest.truncate(DIGITS);
        digest
    })
}
