//! Claims over stored results: what a file says its experiment must show, each with its source.
//!
//! A check changes no bit of any run and is no part of a key: a bound that moves trains nothing.

mod axis_value;
mod mistakes;
mod measure;
mod groups;
mod judge;

use serde::{Deserialize, Serialize};

use crate::experiment::Part;
use crate::metric::{At, Judge, Metric};

pub use axis_value::AxisValue;
pub use judge::{CellFinding, Finding, Interval, judge_checks};
pub(crate) use measure::value_of;
pub(crate) use mistakes::{alone, measure_alone, measure_of_data, measured};

/// One claim: what is measured, in which cells, over which seeds, and what must hold of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What must hold.
    pub claim: Claim,
    /// What is measured of each run; when left out, what the file's `judge` says.
    #[serde(default)]
    pub of: Measure,
    /// The cells it is about: those with these values on their axes, all of them when left out.
    #[serde(default, rename = "where")]
    pub cells: Vec<AxisValue>,
    /// How the seeds of a cell become a number.
    #[serde(default)]
    pub seeds: Seeds,
    /// The value that the source gives, for the table.
    #[serde(default)]
    pub published: Option<f64>,
    /// How far the published value is trusted.
    #[serde(default)]
    pub trust: Option<Trust>,
    /// Where the bound comes from.
    pub source: String,
}

/// What must hold of the measured values. Bounds are included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Claim {
    /// At most this, in each of the cells.
    Below(f64),
    /// At least this, in each of the cells.
    Above(f64),
    /// Between the two, in each of the cells.
    Within {
        /// The least that is allowed.
        from: f64,
        /// The most that is allowed.
        to: f64,
    },
    /// The value rises from each of these cells to the next; each list completes `where` to
    /// exactly one cell.
    Order(Vec<Vec<AxisValue>>),
    /// Along the axis of these values the best cell is one of them: the one with the lowest value,
    /// or the highest of a metric whose higher values are better. Where `where` leaves other axes
    /// open, at each of their combinations.
    BestAt(Vec<AxisValue>),
    /// The same with every value of the axis between these two, which need not be on it.
    BestWithin {
        /// The least value that may be best.
        from: AxisValue,
        /// The largest.
        to: AxisValue,
    },
    /// Along the axis at least half of the runs of each cell above this value diverge, and fewer
    /// than half of those of each other cell. It measures the share that diverged: `of` is left
    /// out.
    DivergesAbove(AxisValue),
    /// The value rises from each cell to the next along the axis, from the one of these two to the
    /// other, whichever stands first. Where `where` leaves other axes open, at each of their
    /// combinations.
    Rises {
        /// Where it is lowest.
        from: AxisValue,
        /// Where it is highest.
        to: AxisValue,
    },
    /// The value of one cell over that of another is between the two bounds; each list completes
    /// `where` to exactly one cell.
    Ratio {
        /// The cell above the line.
        over: Vec<AxisValue>,
        /// The cell below it.
        under: Vec<AxisValue>,
        /// The least that is allowed.
        from: f64,
        /// The most that is allowed.
        to: f64,
    },
    /// The other claim does not hold. Where a result is missing, neither does.
    Not(Box<Claim>),
}

/// A number that is measured of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Measure {
    /// What the file's `judge` says.
    #[default]
    Judged,
    /// Loss or a metric. Training loss is the running mean of the epoch unless the file
    /// evaluates the training part.
    Metric {
        /// The measure.
        metric: Metric,
        /// Where it is measured.
        split: Part,
        /// When it is measured.
        #[serde(default)]
        at: Moment,
    },
    /// The largest eigenvalue of the Hessian, where it is recorded.
    Sharpness {
        /// When it is measured: `Epoch(0)` or `Final`.
        #[serde(default)]
        at: Moment,
    },
    /// Epochs done.
    Epochs,
    /// Epochs until the measure was first as good as the target, at an end of an epoch; infinite
    /// where it never was.
    EpochsTo {
        /// The measure.
        metric: Metric,
        /// Where it is measured.
        split: Part,
        /// At least this, or at most where lower is better.
        target: f64,
    },
    /// The same in steps.
    StepsTo {
        /// The measure.
        metric: Metric,
        /// Where it is measured.
        split: Part,
        /// At least this, or at most where lower is better.
        target: f64,
    },
    /// 1 for a run that diverged, 0 for any other: the mean over seeds is their share.
    Diverged,
    /// 1 for a run that stalled, 0 for any other.
    Stalled,
}

/// When a run is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Moment {
    /// At the end.
    #[default]
    Final,
    /// At its best epoch.
    Best,
    /// The mean over this many last epochs.
    Window(u64),
    /// After this epoch; 0 is before the first step.
    Epoch(u64),
    /// After each epoch from this one on: the claim must hold at every one of them.
    EachFrom(u64),
    /// At the epoch at which another metric is best.
    BestBy {
        /// The other measure.
        metric: Metric,
        /// Where that is measured.
        split: Part,
    },
}

/// How the seeds of a cell become a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Seeds {
    /// Their mean.
    #[default]
    Mean,
    /// Their median.
    Median,
    /// The claim must hold for each seed by itself; cells are compared seed by seed.
    Every,
    /// This seed alone.
    Seed(u64),
}

/// How far a published value can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Trust {
    /// Read in its source, and run again by an independent program.
    ReRun,
    /// Read in its source.
    Read,
    /// Remembered; the source itself was not at hand.
    Remembered,
}

impl Check {
    /// What is measured, with the judge's written out.
    pub fn measure(&self, judge: Judge) -> Measure {
        match self.claim.core() {
            Claim::DivergesAbove(_) => Measure::Diverged,
            _ => self.of.resolved(judge),
        }
    }
}

impl Claim {
    /// What is claimed, or denied.
    pub fn core(&self) -> &Self {
        match self {
            Claim::Not(claim) => claim.core(),
            claim => claim,
        }
    }

    /// Whether cells along an axis are held against each other for the best one.
    pub fn is_of_best(&self) -> bool {
        matches!(self.core(), Claim::BestAt(_) | Claim::BestWithin { .. })
    }
}

impl Trust {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Trust::ReRun => "re-run",
            Trust::Read => "read",
            Trust::Remembered => "remembered",
        }
    }
}

impl Measure {
    /// The same measure with the judge's written out.
    #[must_use]
    pub fn resolved(self, judge: Judge) -> Self {
        match self {
            Measure::Judged => {
                let Judge { metric, split, at } = judge;
                let at = match at {
                    At::Final => Moment::Final,
                    At::Best => Moment::Best,
                    At::BestOf(split) => Moment::BestBy { metric, split },
                    At::Window(epochs) => Moment::Window(epochs),
                };
                Measure::Metric { metric, split, at }
            }
            other => other,
        }
    }

    /// When it is measured; what belongs to the run as a whole is measured at its end.
    pub fn moment(self) -> Moment {
        match self {
            Measure::Metric { at, .. } | Measure::Sharpness { at } => at,
            Measure::Judged
            | Measure::Epochs
            | Measure::EpochsTo { .. }
            | Measure::StepsTo { .. }
            | Measure::Diverged
            | Measure::Stalled => Moment::Final,
        }
    }

    /// Whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Measure::Metric { metric, .. } if metric.higher_is_better())
    }
}
