//! Checks held against stored results: numbers and verdicts, no words.

use super::groups::{Group, groups};
use super::measure::Reader;
use super::{Check, Claim, Measure, Moment, Seeds};
use crate::axis::Coordinate;
use crate::record::{Outcome, RunRecord};
use crate::results::{PlannedRun, Results};
use crate::statistics::{argmin, bootstrap, mean, median};

/// What became of one check in one cell, or in one group of cells that it compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The check: its position in the file.
    pub check: usize,
    /// The cells: one for a bound, those of the order, or all along the axis of a best value.
    pub cells: Vec<CellFinding>,
    /// Of a best value, which of the cells is best; none where nothing is finite. Of an edge, the
    /// first at which at least half of the runs diverge.
    pub best: Option<usize>,
    /// What resampled seeds leave open, 95 % of it; none where one seed or each decides by itself,
    /// or where a result is missing.
    pub interval: Option<Interval>,
    /// The epoch that decided, of a claim that must hold at each.
    pub epoch: Option<u64>,
    /// The seed that decided, of a claim that must hold for each or for one.
    pub seed: Option<u64>,
    /// How much there is to spare, in the unit of what is measured; below 0, by how much it
    /// fails. NaN where a value is missing or nothing can be compared.
    pub margin: f64,
    /// Whether the claim holds.
    pub holds: bool,
}

/// The middle 95 % of what a claim rests on, over seeds drawn with replacement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interval {
    /// Of the measured number, the ratio, or the least rise.
    Numbers([f64; 2]),
    /// Of the best cell or the edge: positions among the cells; behind the last, there is none.
    Cells([usize; 2]),
}

/// The numbers of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellFinding {
    /// Where it lies on each axis.
    pub coordinates: Vec<Coordinate>,
    /// The number that was compared.
    pub number: f64,
    /// Each seed with its value, at the epoch that decided.
    pub values: Vec<(u64, f64)>,
    /// Of a best value, whether the claim names this cell as one that may be best; of an edge,
    /// whether it lies above.
    pub named: bool,
    /// How many of the runs diverged.
    pub diverged: usize,
    /// How many of them failed or are missing.
    pub without_result: usize,
}

/// The numbers of a group's cells at one epoch and for one seed, or over all of them.
struct Scenario {
    epoch: Option<u64>,
    seed: Option<u64>,
    numbers: Vec<f64>,
}

/// Holds every check of a resolved experiment against its results: one finding for each cell that
/// a bound is about, for each order, and for each line along which a best value is claimed.
///
/// # Panics
/// If the experiment was not checked (see [`crate::File`]).
pub fn judge_checks(results: &Results) -> Vec<Finding> {
    let experiment = &results.experiment;
    let mut findings = Vec::new();
    for (position, check) in experiment.checks.iter().enumerate() {
        for group in groups(experiment, check) {
            findings.push(judge(results, position, check, &group));
        }
    }
    findings
}

fn judge(results: &Results, position: usize, check: &Check, group: &Group) -> Finding {
    let measure = check.measure(results.experiment.judge());
    let reader = Reader::new(measure);
    let cells: Vec<Vec<&PlannedRun>> = group
        .cells
        .iter()
        .map(|&cell| results.runs.iter().filter(|run| run.cell == cell).collect())
        .collect();
    let is_best = check.claim.is_of_best();
    let value = |run: &PlannedRun, epoch: Option<u64>| match finished(run) {
        // What diverged is never best, however good it looked.
        Some(record) if is_best && record.outcome.is_diverged() => reader.worst(),
        Some(record) => reader.value(record, epoch),
        None => f64::NAN,
    };
    let held = Held { claim: check.claim.core(), allowed: &group.allowed, measure };
    let scenarios = scenarios(&cells, measure.moment(), check.seeds, &value);
    let decisive = scenarios
        .into_iter()
        .map(|scenario| (held.margin(&scenario.numbers), scenario))
        .min_by(|(one, _), (other, _)| nan_first(*one).total_cmp(&nan_first(*other)));
    // Without any epoch to look at there is nothing that holds.
    let (margin, scenario) = decisive.unwrap_or_else(|| {
        let numbers = vec![f64::NAN; cells.len()];
        (f64::NAN, Scenario { epoch: None, seed: None, numbers })
    });
    let holds = if held.is_strict(&scenario.numbers) { margin > 0.0 } else { margin >= 0.0 };
    let (margin, holds) = denied(&check.claim, margin, holds);
    let cell_findings: Vec<CellFinding> = cells
        .iter()
        .enumerate()
        .map(|(index, runs)| CellFinding {
            coordinates: runs[0].coordinates.to_vec(),
            number: scenario.numbers[index],
            named: group.allowed.get(index).copied().unwrap_or(false),
            values: runs.iter().map(|run| (run.seed, value(run, scenario.epoch))).collect(),
            diverged: runs
                .iter()
                .filter(|run| finished(run).is_some_and(|record| record.outcome.is_diverged()))
                .count(),
            without_result: runs.iter().filter(|run| finished(run).is_none()).count(),
        })
        .collect();
    Finding {
        check: position,
        best: held.chosen(&scenario.numbers),
        interval: interval(check, &held, &cell_findings),
        cells: cell_findings,
        epoch: scenario.epoch,
        seed: scenario.seed,
        margin,
        holds,
    }
}

/// Each `Not` turns what can be told.
fn denied(claim: &Claim, margin: f64, holds: bool) -> (f64, bool) {
    match claim {
        Claim::Not(claim) => {
            let (margin, holds) = denied(claim, margin, holds);
            (-margin, !holds && !margin.is_nan())
        }
        _ => (margin, holds),
    }
}

/// At least this share of its runs, and a cell diverges.
const HALF: f64 = 0.5;

/// A claim over the numbers of its cells.
struct Held<'a> {
    claim: &'a Claim,
    allowed: &'a [bool],
    measure: Measure,
}

impl Held<'_> {
    fn costs(&self, numbers: &[f64]) -> Vec<f64> {
        let sign = if self.measure.higher_is_better() { -1.0 } else { 1.0 };
        numbers.iter().map(|number| sign * number).collect()
    }

    /// How much there is to spare; below 0, by how much it fails.
    fn margin(&self, numbers: &[f64]) -> f64 {
        match self.claim {
            Claim::Below(bound) => bound - numbers[0],
            Claim::Above(bound) => numbers[0] - bound,
            Claim::Within { from, to } => (numbers[0] - from).min(to - numbers[0]),
            Claim::Order(_) | Claim::Rises { .. } => least_rise(numbers),
            Claim::Ratio { from, to, .. } => {
                let ratio = numbers[0] / numbers[1];
                least([ratio - from, to - ratio].into_iter())
            }
            Claim::DivergesAbove(_) => {
                let beyond = |(share, is_above): (&f64, &bool)| {
                    if *is_above { share - HALF } else { HALF - share }
                };
                least(numbers.iter().zip(self.allowed).map(beyond))
            }
            Claim::BestAt(_) | Claim::BestWithin { .. } => {
                let costs = self.costs(numbers);
                let of = |wanted: bool| {
                    let chosen = costs.iter().zip(self.allowed).filter(|(_, is)| **is == wanted);
                    least(chosen.map(|(cost, _)| *cost))
                };
                of(false) - of(true)
            }
            Claim::Not(_) => unreachable!("the core of a claim denies nothing"),
        }
    }

    /// Whether nothing to spare is too little.
    fn is_strict(&self, numbers: &[f64]) -> bool {
        match self.claim {
            Claim::Order(_) | Claim::Rises { .. } => true,
            // Half of the runs are enough to diverge.
            Claim::DivergesAbove(_) => numbers
                .iter()
                .zip(self.allowed)
                .any(|(&share, &is_above)| !is_above && share >= HALF),
            _ => false,
        }
    }

    /// The best cell, or the first that diverges.
    fn chosen(&self, numbers: &[f64]) -> Option<usize> {
        match self.claim {
            Claim::BestAt(_) | Claim::BestWithin { .. } => argmin(&self.costs(numbers)),
            Claim::DivergesAbove(_) => numbers.iter().position(|&share| share >= HALF),
            _ => None,
        }
    }
}

/// What resampled seeds leave open of what the claim rests on.
fn interval(check: &Check, held: &Held<'_>, cells: &[CellFinding]) -> Option<Interval> {
    let center = match check.seeds {
        Seeds::Mean => mean,
        Seeds::Median => median,
        Seeds::Every | Seeds::Seed(_) => return None,
    };
    if cells.iter().any(|cell| cell.without_result > 0) {
        return None;
    }
    let values: Vec<Vec<f64>> =
        cells.iter().map(|cell| cell.values.iter().map(|(_, value)| *value).collect()).collect();
    let numbers =
        |values: &[Vec<f64>]| -> Vec<f64> { values.iter().map(|values| center(values)).collect() };
    let is_of_cells = check.claim.is_of_best() || matches!(held.claim, Claim::DivergesAbove(_));
    let ends = bootstrap(&values, |values| {
        let numbers = numbers(values);
        match held.claim {
            _ if is_of_cells => held.chosen(&numbers).unwrap_or(numbers.len()) as f64,
            Claim::Order(_) | Claim::Rises { .. } => least_rise(&numbers),
            Claim::Ratio { .. } => numbers[0] / numbers[1],
            _ => numbers[0],
        }
    })?;
    Some(if is_of_cells {
        Interval::Cells(ends.map(|end| end as usize))
    } else {
        Interval::Numbers(ends)
    })
}

fn least_rise(numbers: &[f64]) -> f64 {
    least(numbers.windows(2).map(|pair| pair[1] - pair[0]))
}

/// The record of a run that ended by itself.
fn finished(run: &PlannedRun) -> Option<&RunRecord> {
    run.record.as_ref().filter(|record| !matches!(record.outcome, Outcome::Failed { .. }))
}

/// The least of them; NaN where one is NaN or there is none.
fn least(values: impl Iterator<Item = f64>) -> f64 {
    let smaller = |one: f64, other: f64| if one <= other || one.is_nan() { one } else { other };
    values.reduce(smaller).unwrap_or(f64::NAN)
}

fn nan_first(value: f64) -> f64 {
    if value.is_nan() { f64::NEG_INFINITY } else { value }
}

fn scenarios(
    cells: &[Vec<&PlannedRun>],
    moment: Moment,
    seeds: Seeds,
    value: &impl Fn(&PlannedRun, Option<u64>) -> f64,
) -> Vec<Scenario> {
    let epochs: Vec<Option<u64>> = match moment {
        Moment::EachFrom(first) => (first..=last_epoch(cells)).map(Some).collect(),
        _ => vec![None],
    };
    let mut scenarios = Vec::new();
    for epoch in epochs {
        let values: Vec<Vec<f64>> =
            cells.iter().map(|runs| runs.iter().map(|run| value(run, epoch)).collect()).collect();
        let over = |center: fn(&[f64]) -> f64| Scenario {
            epoch,
            seed: None,
            numbers: values.iter().map(|values| center(values)).collect(),
        };
        let of_seed = |index: usize| Scenario {
            epoch,
            seed: Some(cells[0][index].seed),
            numbers: values.iter().map(|values| values[index]).collect(),
        };
        match seeds {
            Seeds::Mean => scenarios.push(over(mean)),
            Seeds::Median => scenarios.push(over(median_if_all)),
            Seeds::Every => scenarios.extend((0..cells[0].len()).map(of_seed)),
            Seeds::Seed(seed) => {
                let index = cells[0].iter().position(|run| run.seed == seed);
                scenarios.extend(index.map(of_seed));
            }
        }
    }
    scenarios
}

/// The median counts NaN as a bad value; here it is one that is missing.
fn median_if_all(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) { f64::NAN } else { median(values) }
}

/// The last epoch that every run reached which did not break: such a run has the worst value from
/// there on, and one that was ended early has none.
fn last_epoch(cells: &[Vec<&PlannedRun>]) -> u64 {
    let records = || cells.iter().flatten().filter_map(|run| finished(run));
    let sound = records().filter(|record| !record.outcome.broke()).map(|record| record.epochs);
    sound.min().or_else(|| records().map(|record| record.epochs).max()).unwrap_or(0)
}
