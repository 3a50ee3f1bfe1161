//! Which cells a claim compares with each other.

use std::cmp::Ordering;

use super::{AxisValue, Check, Claim};
use crate::experiment::Experiment;

/// Cells that are compared with each other.
pub(super) struct Group {
    pub(super) cells: Vec<usize>,
    /// Of a best value, which of the cells are allowed to be it; of an edge, which lie above it.
    pub(super) allowed: Vec<bool>,
}

impl Group {
    fn of(cells: Vec<usize>) -> Self {
        Self { allowed: Vec::new(), cells }
    }
}

/// One group for each cell that a bound is about, for each order or ratio, and for each line along
/// an axis.
pub(super) fn groups(experiment: &Experiment, check: &Check) -> Vec<Group> {
    let fixed: Vec<&AxisValue> = check.cells.iter().collect();
    let with = |list: &Vec<AxisValue>| {
        let values: Vec<&AxisValue> = fixed.iter().copied().chain(list).collect();
        cells_at(experiment, &values)[0]
    };
    let place = |value: &AxisValue| value.place(experiment).expect("the checks were checked");
    let axis = |value: &AxisValue| value.axis(experiment).expect("the checks were checked");
    match check.claim.core() {
        Claim::Below(_) | Claim::Above(_) | Claim::Within { .. } => {
            cells_at(experiment, &fixed).into_iter().map(|cell| Group::of(vec![cell])).collect()
        }
        Claim::Order(lists) => vec![Group::of(lists.iter().map(with).collect())],
        Claim::Ratio { over, under, .. } => vec![Group::of(vec![with(over), with(under)])],
        Claim::BestAt(among) => {
            let among: Vec<_> = among.iter().map(place).collect();
            let is_allowed = |index: usize| among.iter().any(|place| place.index == index);
            lines(experiment, &fixed, among[0].axis, is_allowed)
        }
        Claim::BestWithin { from, to } => {
            let axis = axis(from);
            let is_allowed = |index: usize| {
                let number = number(experiment, axis, index);
                from.order(number) != Some(Ordering::Less)
                    && to.order(number) != Some(Ordering::Greater)
            };
            lines(experiment, &fixed, axis, is_allowed)
        }
        Claim::DivergesAbove(value) => {
            let axis = axis(value);
            let is_above =
                |index| value.order(number(experiment, axis, index)) == Some(Ordering::Greater);
            let mut lines = lines(experiment, &fixed, axis, is_above);
            for Group { cells, allowed } in &mut lines {
                let mut both: Vec<_> = cells.iter().copied().zip(allowed.iter().copied()).collect();
                both.sort_by(|(one, _), (other, _)| {
                    let [one, other] = [one, other]
                        .map(|&cell| number(experiment, axis, experiment.indices(cell)[axis]));
                    one.total_cmp(&other)
                });
                (*cells, *allowed) = both.into_iter().unzip();
            }
            lines
        }
        Claim::Rises { from, to } => {
            let (from, to) = (place(from), place(to));
            let [low, high] = [from.index.min(to.index), from.index.max(to.index)];
            let mut lines = lines(experiment, &fixed, from.axis, |_| true);
            for Group { cells, allowed } in &mut lines {
                cells.retain(|&cell| (low..=high).contains(&experiment.indices(cell)[from.axis]));
                if from.index > to.index {
                    cells.reverse();
                }
                allowed.clear();
            }
            lines
        }
        Claim::Not(_) => unreachable!("the core of a claim denies nothing"),
    }
}

/// The cells with these values.
fn cells_at(experiment: &Experiment, values: &[&AxisValue]) -> Vec<usize> {
    let place = |value: &&AxisValue| value.place(experiment).expect("the checks were checked");
    let places: Vec<_> = values.iter().map(place).collect();
    let is_there = |cell: &usize| {
        let indices = experiment.indices(*cell);
        places.iter().all(|place| indices[place.axis] == place.index)
    };
    (0..experiment.cell_count()).filter(is_there).collect()
}

/// The value of an axis of numbers.
fn number(experiment: &Experiment, axis: usize, index: usize) -> f64 {
    let axis = experiment.cell_axes().nth(axis).expect("the checks were checked");
    axis.coordinate(index).number.unwrap_or(f64::NAN)
}

/// The cells along an axis, at each combination of the others.
fn lines(
    experiment: &Experiment,
    fixed: &[&AxisValue],
    axis: usize,
    is_allowed: impl Fn(usize) -> bool,
) -> Vec<Group> {
    let mut lines: Vec<(Vec<usize>, Group)> = Vec::new();
    for cell in cells_at(experiment, fixed) {
        let mut others = experiment.indices(cell);
        let index = others.remove(axis);
        let known = lines.iter().position(|(line, _)| *line == others);
        let line = known.unwrap_or_else(|| {
            lines.push((others, Group::of(Vec::new())));
            lines.len() - 1
        });
        let group = &mut lines[line].1;
        group.cells.push(cell);
        group.allowed.push(is_allowed(index));
    }
    lines.into_iter().map(|(_, group)| group).collect()
}
