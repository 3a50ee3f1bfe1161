//! Checks held against stored results: numbers and verdicts, no words.

use super::measure::Reader;
use super::{AxisValue, Check, Claim, Moment, Seeds};
use crate::axis::Coordinate;
use crate::experiment::Experiment;
use crate::record::{Outcome, RunRecord};
use crate::results::{PlannedRun, Results};
use crate::statistics::{argmin, mean, median};

/// What became of one check in one cell, or in one group of cells that it compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The check: its position in the file.
    pub check: usize,
    /// The cells: one for a bound, those of the order, or all along the axis of a best value.
    pub cells: Vec<CellFinding>,
    /// Of a best value, which of the cells is best; none where nothing is finite.
    pub best: Option<usize>,
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

/// The numbers of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellFinding {
    /// Where it lies on each axis.
    pub coordinates: Vec<Coordinate>,
    /// The number that was compared.
    pub number: f64,
    /// Each seed with its value, at the epoch that decided.
    pub values: Vec<(u64, f64)>,
    /// Of a best value, whether the claim names this cell as one that may be best.
    pub named: bool,
    /// How many of the runs diverged.
    pub diverged: usize,
    /// How many of them failed or are missing.
    pub without_result: usize,
}

/// Cells that are compared with each other.
struct Group {
    cells: Vec<usize>,
    /// Of a best value, which of the cells are allowed to be it.
    allowed: Vec<bool>,
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

fn groups(experiment: &Experiment, check: &Check) -> Vec<Group> {
    let place = |value: &AxisValue| value.place(experiment).expect("the checks were checked");
    let cells_at = |values: &[&AxisValue]| -> Vec<usize> {
        let places: Vec<_> = values.iter().map(|value| place(value)).collect();
        let is_there = |cell: &usize| {
            let indices = experiment.indices(*cell);
            places.iter().all(|place| indices[place.axis] == place.index)
        };
        (0..experiment.cell_count()).filter(is_there).collect()
    };
    let fixed: Vec<&AxisValue> = check.cells.iter().collect();
    match &check.claim {
        Claim::Below(_) | Claim::Above(_) | Claim::Within { .. } => {
            let alone = |cell| Group { cells: vec![cell], allowed: Vec::new() };
            cells_at(&fixed).into_iter().map(alone).collect()
        }
        Claim::Order(lists) => {
            let one = |list: &Vec<AxisValue>| {
                let values: Vec<&AxisValue> = fixed.iter().copied().chain(list).collect();
                cells_at(&values)[0]
            };
            vec![Group { cells: lists.iter().map(one).collect(), allowed: Vec::new() }]
        }
        Claim::BestAt(among) => {
            let among: Vec<_> = among.iter().map(place).collect();
            let axis = among[0].axis;
            let mut groups: Vec<(Vec<usize>, Group)> = Vec::new();
            for cell in cells_at(&fixed) {
                let mut others = experiment.indices(cell);
                let index = others.remove(axis);
                let known = groups.iter().position(|(line, _)| *line == others);
                let line = known.unwrap_or_else(|| {
                    groups.push((others, Group { cells: Vec::new(), allowed: Vec::new() }));
                    groups.len() - 1
                });
                let group = &mut groups[line].1;
                group.cells.push(cell);
                group.allowed.push(among.iter().any(|place| place.index == index));
            }
            groups.into_iter().map(|(_, group)| group).collect()
        }
    }
}

fn judge(results: &Results, position: usize, check: &Check, group: &Group) -> Finding {
    let measure = check.of.resolved(results.experiment.judge());
    let reader = Reader::new(measure);
    let cells: Vec<Vec<&PlannedRun>> = group
        .cells
        .iter()
        .map(|&cell| results.runs.iter().filter(|run| run.cell == cell).collect())
        .collect();
    let is_best = matches!(check.claim, Claim::BestAt(_));
    let value = |run: &PlannedRun, epoch: Option<u64>| match finished(run) {
        // What diverged is never best, however good it looked.
        Some(record) if is_best && record.outcome.is_diverged() => reader.worst(),
        Some(record) => reader.value(record, epoch),
        None => f64::NAN,
    };
    let sign = if measure.higher_is_better() { -1.0 } else { 1.0 };
    let costs = |numbers: &[f64]| numbers.iter().map(|number| sign * number).collect::<Vec<f64>>();
    let margin = |numbers: &[f64]| match &check.claim {
        Claim::Below(bound) => bound - numbers[0],
        Claim::Above(bound) => numbers[0] - bound,
        Claim::Within { from, to } => (numbers[0] - from).min(to - numbers[0]),
        Claim::Order(_) => least(numbers.windows(2).map(|pair| pair[1] - pair[0])),
        Claim::BestAt(_) => {
            let costs = costs(numbers);
            let of = |wanted: bool| {
                let chosen = costs.iter().zip(&group.allowed).filter(|(_, is)| **is == wanted);
                least(chosen.map(|(cost, _)| *cost))
            };
            of(false) - of(true)
        }
    };
    let scenarios = scenarios(&cells, measure.moment(), check.seeds, &value);
    let decisive = scenarios
        .into_iter()
        .map(|scenario| (margin(&scenario.numbers), scenario))
        .min_by(|(one, _), (other, _)| nan_first(*one).total_cmp(&nan_first(*other)));
    // Without any epoch to look at there is nothing that holds.
    let (margin, scenario) = decisive.unwrap_or_else(|| {
        let numbers = vec![f64::NAN; cells.len()];
        (f64::NAN, Scenario { epoch: None, seed: None, numbers })
    });
    let holds = match &check.claim {
        Claim::Order(_) => margin > 0.0,
        _ => margin >= 0.0,
    };
    let cell_findings = cells.iter().enumerate().map(|(index, runs)| CellFinding {
        coordinates: runs[0].coordinates.clone(),
        number: scenario.numbers[index],
        named: group.allowed.get(index).copied().unwrap_or(false),
        values: runs.iter().map(|run| (run.seed, value(run, scenario.epoch))).collect(),
        diverged: runs
            .iter()
            .filter(|run| finished(run).is_some_and(|record| record.outcome.is_diverged()))
            .count(),
        without_result: runs.iter().filter(|run| finished(run).is_none()).count(),
    });
    Finding {
        check: position,
        cells: cell_findings.collect(),
        best: if is_best { argmin(&costs(&scenario.numbers)) } else { None },
        epoch: scenario.epoch,
        seed: scenario.seed,
        margin,
        holds,
    }
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
