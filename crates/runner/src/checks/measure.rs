//! The number that a check measures of one run.

use super::{Measure, Moment};
use crate::experiment::Part;
use crate::metric::{Metric, best};
use crate::record::{Curve, Outcome, RunRecord};
use crate::statistics::mean;

/// The value of a run, for a measure with the judge's written out; NaN where it has none.
pub(crate) fn value_of(measure: Measure, record: &RunRecord) -> f64 {
    Reader::new(measure).value(record, None)
}

/// The values of a run at the moments that a check asks for.
///
/// A run that broke, because something in it was not finite, has the worst value there is: `+inf`,
/// or `-inf` of a metric whose higher values are better. Before it broke it has the values that
/// were measured. A run that diverged by its loss has its values, which are finite. A value that
/// was never measured is NaN.
pub(super) struct Reader {
    measure: Measure,
}

impl Reader {
    /// For a measure with the judge's written out.
    pub(super) fn new(measure: Measure) -> Self {
        Self { measure }
    }

    /// The worst value there is.
    pub(super) fn worst(&self) -> f64 {
        if self.measure.higher_is_better() { f64::NEG_INFINITY } else { f64::INFINITY }
    }

    /// The value of a run, or its value after `epoch` where the measure asks for epochs.
    pub(super) fn value(&self, record: &RunRecord, epoch: Option<u64>) -> f64 {
        let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
        match self.measure {
            Measure::Judged => f64::NAN,
            Measure::Metric { metric, split, at } => {
                let curve = record.measured(split.name(), &metric.name());
                self.read(record, curve, at, epoch)
            }
            Measure::Sharpness { at } => {
                self.read(record, record.curve("train", "sharpness"), at, epoch)
            }
            Measure::Epochs => record.epochs as f64,
            Measure::EpochsTo { metric, split, target } => {
                reached(record, (metric, split), target, |curve| &curve.epochs)
            }
            Measure::StepsTo { metric, split, target } => {
                reached(record, (metric, split), target, |curve| &curve.steps)
            }
            Measure::Diverged => flag(record.outcome.is_diverged()),
            Measure::Stalled => flag(record.outcome == Outcome::Stalled),
        }
    }

    fn read(
        &self,
        record: &RunRecord,
        curve: Option<&Curve>,
        at: Moment,
        epoch: Option<u64>,
    ) -> f64 {
        let epoch = match at {
            Moment::Epoch(epoch) => Some(epoch),
            _ => epoch,
        };
        let broke = record.outcome.broke();
        let value = match (curve, epoch) {
            // It may have broken before anything was measured.
            (None, _) => f64::NAN,
            (Some(curve), Some(epoch)) => value_after(curve, epoch),
            (Some(_), None) if broke => f64::NAN,
            (Some(curve), None) => self.value_at(record, curve, at),
        };
        if value.is_finite() || !broke { value } else { self.worst() }
    }

    fn value_at(&self, record: &RunRecord, curve: &Curve, at: Moment) -> f64 {
        let values = &curve.values;
        match at {
            Moment::Best => best(values, self.measure.higher_is_better())
                .map_or(f64::NAN, |index| values[index]),
            Moment::Window(epochs) => {
                // What was measured before the first step belongs to no epoch.
                let trained = curve.epochs.iter().position(|&epoch| epoch > 0).unwrap_or(0);
                let window = usize::try_from(epochs).unwrap_or(usize::MAX);
                mean(&values[values.len().saturating_sub(window).max(trained)..])
            }
            Moment::BestBy { metric, split } => record
                .measured(split.name(), &metric.name())
                .and_then(|by| {
                    best(&by.values, metric.higher_is_better()).map(|index| by.epochs[index])
                })
                .map_or(f64::NAN, |epoch| value_after(curve, epoch)),
            Moment::Final | Moment::Epoch(_) | Moment::EachFrom(_) => {
                values.last().copied().unwrap_or(f64::NAN)
            }
        }
    }
}

/// When a run first reached a target, by the clock of its curve; infinite where it never did.
fn reached(
    record: &RunRecord,
    (metric, split): (Metric, Part),
    target: f64,
    clock: fn(&Curve) -> &[u64],
) -> f64 {
    let Some(curve) = record.measured(split.name(), &metric.name()) else {
        // It may have broken before anything was measured.
        return if record.outcome.broke() { f64::INFINITY } else { f64::NAN };
    };
    let is_good = |value: &f64| {
        if metric.higher_is_better() { *value >= target } else { *value <= target }
    };
    let place = curve.values.iter().position(is_good);
    place.map_or(f64::INFINITY, |place| clock(curve)[place] as f64)
}

/// The value after `epoch`, the last of that epoch.
fn value_after(curve: &Curve, epoch: u64) -> f64 {
    let place = curve.epochs.iter().rposition(|&measured| measured == epoch);
    place.map_or(f64::NAN, |place| curve.values[place])
}
