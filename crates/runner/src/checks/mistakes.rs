//! What is wrong with the checks of a file: cells that the sweep does not have, epochs beyond the
//! run, metrics that are not measured, and claims that could never fail.

use std::cmp::Ordering;

use gradus_core::Mistake;

use super::axis_value::Place;
use super::{AxisValue, Check, Claim, Measure, Moment, Seeds};
use crate::axis::Axis;
use crate::experiment::{Experiment, Part, Quantity};
use crate::metric::Metric;
use crate::plan::LARGEST_PLAN;

/// Everything that can be said without the data.
pub(crate) fn alone(experiment: &Experiment) -> Vec<Mistake> {
    // Axes that are wrong themselves are named by their own check.
    let is_usable = |axis: &Axis| (1..=LARGEST_PLAN).contains(&axis.len());
    let usable = experiment.sweep.axes.iter().all(is_usable);
    let mut found = Vec::new();
    for (position, check) in experiment.checks.iter().enumerate() {
        let mut mistakes = about(check);
        mistakes.extend(measure_alone(experiment, check.of));
        mistakes.extend(seeds(experiment, check));
        if usable {
            mistakes.extend(cells(experiment, check));
        }
        found.extend(mistakes.into_iter().map(|m| m.within(&format!("checks[{position}]"))));
    }
    found
}

/// What needs the parts that the data holds, once the experiment is resolved.
pub(crate) fn measured(experiment: &Experiment) -> Vec<Mistake> {
    let checks = experiment.checks.iter().enumerate();
    let of = |(position, check): (usize, &Check)| {
        measure_of_data(experiment, &format!("checks[{position}].of"), check.of)
    };
    checks.flat_map(of).collect()
}

/// What is wrong with a measure at this place, beside the data that it is taken on.
pub(crate) fn measure_of_data(experiment: &Experiment, place: &str, of: Measure) -> Vec<Mistake> {
    if let Measure::EpochsTo { metric, split, .. } | Measure::StepsTo { metric, split, .. } = of {
        return is_measured(experiment, place, metric, split);
    }
    let Measure::Metric { metric, split, at } = of else { return Vec::new() };
    let mut found = is_measured(experiment, place, metric, split);
    if let Moment::BestBy { metric, split } = at {
        found.extend(is_measured(experiment, &format!("{place}.at"), metric, split));
    }
    let is_evaluated = experiment.evaluated().contains(&split);
    if at == Moment::Epoch(0) && has_running(experiment, metric, split) && !is_evaluated {
        found.push(Mistake::new(
            format!("{place}.at"),
            "the running training loss begins with epoch 1",
            "name `Train` in `evaluate`, or an epoch from 1",
        ));
    }
    found
}

/// Whether there is a running mean of the training batches for it.
fn has_running(experiment: &Experiment, metric: Metric, split: Part) -> bool {
    let is_recorded = match metric {
        Metric::Loss => true,
        Metric::PenalizedLoss => experiment.records(Quantity::RunningPenalizedLoss),
        _ => false,
    };
    is_recorded && split == Part::Train
}

fn is_measured(experiment: &Experiment, place: &str, metric: Metric, split: Part) -> Vec<Mistake> {
    let mut found = Vec::new();
    let is_running = has_running(experiment, metric, split);
    let metrics = experiment.metrics();
    if !is_running && metric != Metric::Loss && !metrics.contains(&metric) {
        let names: Vec<String> = metrics.iter().map(|metric| format!("{metric:?}")).collect();
        found.push(Mistake::new(
            format!("{place}.metric"),
            format!("{metric:?} is not measured"),
            format!(
                "name it in `metrics`, or take {}",
                ["Loss".into()].into_iter().chain(names).collect::<Vec<String>>().join(", ")
            ),
        ));
    }
    if !is_running && !experiment.evaluated().contains(&split) {
        let parts: Vec<String> =
            experiment.evaluated().iter().map(|part| format!("{part:?}")).collect();
        found.push(Mistake::new(
            format!("{place}.split"),
            format!("{split:?} is not evaluated"),
            format!("name it in `evaluate`, or take {}", parts.join(", ")),
        ));
    }
    found
}

/// The check by itself.
fn about(check: &Check) -> Vec<Mistake> {
    let mut found = Vec::new();
    if check.source.trim().is_empty() {
        let help = "name the paper, page or reasoning that the bound comes from";
        found.push(Mistake::new("source", "a bound without a source", help));
    }
    if check.published.is_some() && check.trust.is_none() {
        let help = "add `trust: ReRun`, `trust: Read` or `trust: Remembered`";
        found.push(Mistake::new("published", "nothing says how far this value is trusted", help));
    }
    if matches!(&check.claim, Claim::Not(inner) if matches!(**inner, Claim::Not(_))) {
        let help = "leave both out";
        found.push(Mistake::new("claim", "a denial of a denial", help));
    }
    let is_divergence = matches!(check.claim.core(), Claim::DivergesAbove(_));
    if is_divergence && check.of != Measure::Judged {
        let help = "leave `of` out";
        found.push(Mistake::new("of", "`DivergesAbove` measures the share that diverged", help));
    }
    if let Claim::Within { from, to } | Claim::Ratio { from, to, .. } = check.claim.core()
        && from > to
    {
        let message = format!("nothing lies between {from} and {to}");
        found.push(Mistake::new("claim", message, "`from` is the lower bound, `to` the upper one"));
    }
    found
}

/// What is wrong with a measure by itself.
pub(crate) fn measure_alone(experiment: &Experiment, of: Measure) -> Option<Mistake> {
    if let Measure::Sharpness { at } = of {
        if !experiment.records(Quantity::Sharpness) {
            return Some(Mistake::new("of", "Sharpness is not recorded", "name it in `record`"));
        }
        let holds = matches!(at, Moment::Final | Moment::Epoch(0));
        let message = "sharpness is measured before and after training only";
        return (!holds).then(|| Mistake::new("of.at", message, "allowed: Epoch(0), Final"));
    }
    let epochs = experiment.train.epochs;
    match of.moment() {
        Moment::Window(0) => Some(Mistake::new("of.at", "a window of 0 epochs", "allowed: from 1")),
        Moment::Epoch(epoch) | Moment::EachFrom(epoch) => {
            let epochs = epochs.filter(|&epochs| epoch > epochs)?;
            let message = format!("epoch {epoch} of a run of {epochs}");
            Some(Mistake::new("of.at", message, format!("allowed: 0 to {epochs}")))
        }
        _ => None,
    }
}

fn seeds(experiment: &Experiment, check: &Check) -> Option<Mistake> {
    let Seeds::Seed(seed) = check.seeds else { return None };
    // A count that is refused elsewhere is not walked through here.
    let count = experiment.seed_count().min(LARGEST_PLAN);
    let mut all = (0..count).map(|index| experiment.seed(index));
    if all.any(|other| other == seed) {
        return None;
    }
    let allowed = match count {
        0 => "a seed of the sweep".to_string(),
        n => format!("{} to {}", experiment.seed(0), experiment.seed(n - 1)),
    };
    Some(Mistake::new(
        "seeds",
        format!("the sweep has no seed {seed}"),
        format!("allowed: {allowed}"),
    ))
}

/// The cells that it names.
fn cells(experiment: &Experiment, check: &Check) -> Vec<Mistake> {
    let mut found = Vec::new();
    let fixed = places(experiment, &check.cells, "where", &mut found);
    let axes: Vec<&Axis> = experiment.cell_axes().collect();
    match check.claim.core() {
        Claim::Below(_) | Claim::Above(_) | Claim::Within { .. } | Claim::Not(_) => {}
        Claim::BestWithin { from, to } => {
            found.extend(stretch(experiment, &fixed, [("from", from), ("to", to)]));
        }
        Claim::DivergesAbove(value) => {
            found.extend(edge(experiment, &fixed, value));
        }
        Claim::Rises { from, to } => {
            let before = found.len();
            let both = [from.clone(), to.clone()];
            let named = places_of_one_axis(experiment, &both, &mut found);
            if found.len() > before {
                return found;
            }
            found.extend(left_open(&axes, &fixed, named[0].axis));
            if named[0].index == named[1].index {
                let help = "`from` is the value of the axis where it is lowest, `to` where highest";
                found.push(Mistake::new("claim", "a rise from a cell to itself", help));
            }
        }
        Claim::Ratio { over, under, .. } => {
            let lists = [("over", over), ("under", under)].map(|(name, list)| {
                one_cell(experiment, &fixed, list, &format!("claim.{name}"), &mut found)
            });
            if let [Some(over), Some(under)] = lists
                && over == under
            {
                let help = "name two cells";
                found.push(Mistake::new("claim", "a cell over itself", help));
            }
        }
        Claim::Order(lists) => {
            if lists.len() < 2 {
                let help = "at least two lists, such as `Order([[LearningRate(0.1)], [LearningRate(1.0)]])`";
                found.push(Mistake::new("claim", "an order of fewer than two cells", help));
            }
            let mut seen = Vec::new();
            for (index, list) in lists.iter().enumerate() {
                let place = format!("claim[0][{index}]");
                let Some(all) = one_cell(experiment, &fixed, list, &place, &mut found) else {
                    continue;
                };
                if seen.contains(&all) {
                    let help = "name each cell of the order once";
                    found.push(Mistake::new(&place, "this cell stands twice", help));
                }
                seen.push(all);
            }
        }
        Claim::BestAt(among) => {
            let before = found.len();
            let named = places_of_one_axis(experiment, among, &mut found);
            if found.len() > before {
                return found;
            }
            let Some(first) = named.first() else {
                let help =
                    "name the values that may be best, such as `BestAt([LearningRate(0.1)])`";
                found.push(Mistake::new("claim", "a best value among none", help));
                return found;
            };
            let name = axes[first.axis].name();
            found.extend(left_open(&axes, &fixed, first.axis));
            let mut indices: Vec<usize> = named.iter().map(|place| place.index).collect();
            indices.sort_unstable();
            indices.dedup();
            if indices.len() == axes[first.axis].len() {
                let message = format!("these are all values of the axis {name}: nothing can fail");
                found.push(Mistake::new(
                    "claim",
                    message,
                    "leave out the values that may not be best",
                ));
            }
        }
    }
    found
}

/// `where` must not name a value of the axis that a claim goes along.
fn left_open(axes: &[&Axis], fixed: &[Place], axis: usize) -> Option<Mistake> {
    fixed.iter().any(|place| place.axis == axis).then(|| {
        let message = format!("`where` leaves one value of the axis {}", axes[axis].name());
        Mistake::new("where", message, "leave that axis out of `where`")
    })
}

/// The places of a list that completes `where` to exactly one cell, in order.
fn one_cell(
    experiment: &Experiment,
    fixed: &[Place],
    list: &[AxisValue],
    place: &str,
    found: &mut Vec<Mistake>,
) -> Option<Vec<Place>> {
    let before = found.len();
    let mut all = fixed.to_vec();
    all.extend(places(experiment, list, place, found));
    if found.len() > before {
        return None;
    }
    let axes = experiment.cell_axes().enumerate();
    let open = |(position, axis): (usize, &Axis)| {
        let named = all.iter().filter(|place| place.axis == position).count();
        (axis.len() > 1 && named != 1).then(|| axis.name())
    };
    let open: Vec<&str> = axes.filter_map(open).collect();
    if !open.is_empty() {
        let message = format!("this is not one cell: see {}", open.join(", "));
        let help = "`where` and this list name each axis once, together";
        found.push(Mistake::new(place, message, help));
    }
    all.sort_by_key(|place| (place.axis, place.index));
    Some(all)
}

/// The axis of numbers that a value is of, if `where` leaves it open.
fn numbers(
    experiment: &Experiment,
    fixed: &[Place],
    value: &AxisValue,
    place: &str,
) -> Result<(usize, Vec<f64>), Mistake> {
    let axes: Vec<&Axis> = experiment.cell_axes().collect();
    let axis = value.axis(experiment).map_err(|mistake| mistake.within(place))?;
    if value.number().is_none() {
        let message = format!("the values of the axis {} are no numbers", axes[axis].name());
        return Err(Mistake::new(place, message, "name a value of an axis of numbers"));
    }
    if let Some(mistake) = left_open(&axes, fixed, axis) {
        return Err(mistake);
    }
    let number = |index| axes[axis].coordinate(index).number.unwrap_or(f64::NAN);
    Ok((axis, (0..axes[axis].len()).map(number).collect()))
}

/// A stretch of an axis that holds some of its values, and not all.
fn stretch(
    experiment: &Experiment,
    fixed: &[Place],
    ends: [(&str, &AxisValue); 2],
) -> Vec<Mistake> {
    let [from, to] =
        ends.map(|(name, end)| numbers(experiment, fixed, end, &format!("claim.{name}")));
    let ((axis, values), (other, _)) = match (from, to) {
        (Ok(from), Ok(to)) => (from, to),
        (from, to) => return [from.err(), to.err()].into_iter().flatten().collect(),
    };
    let [(_, from), (_, to)] = ends;
    let is_inside = |number: &f64| {
        from.order(*number) != Some(Ordering::Less) && to.order(*number) != Some(Ordering::Greater)
    };
    let inside = values.iter().copied().filter(is_inside).count();
    let mistake = if axis != other {
        Mistake::new("claim", "two ends on different axes", "both are values of one axis")
    } else if inside == 0 {
        Mistake::new("claim", "no value of the axis lies between", "`from` is the lower end")
    } else if inside == values.len() {
        let message = "every value of the axis lies between: nothing can fail";
        Mistake::new("claim", message, "leave out the values that may not be best")
    } else {
        return Vec::new();
    };
    vec![mistake]
}

/// A value of an axis with another above it.
fn edge(experiment: &Experiment, fixed: &[Place], value: &AxisValue) -> Option<Mistake> {
    let (_, values) = match numbers(experiment, fixed, value, "claim[0]") {
        Ok(found) => found,
        Err(mistake) => return Some(mistake),
    };
    let is_above = |number: &f64| value.order(*number) == Some(Ordering::Greater);
    let help = "where nothing diverges, `claim: Below(0.0), of: Diverged` says so";
    (!values.iter().any(is_above))
        .then(|| Mistake::new("claim[0]", "no value of the axis lies above", help))
}

fn places(
    experiment: &Experiment,
    values: &[AxisValue],
    place: &str,
    found: &mut Vec<Mistake>,
) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let own = format!("{place}[{index}]");
        match value.place(experiment) {
            Err(mistake) => found.push(mistake.within(&own)),
            Ok(at) if places.iter().any(|known| known.axis == at.axis) => {
                let help = "a cell has one value on each axis";
                found.push(Mistake::new(own, "a second value of the same axis", help));
            }
            Ok(at) => places.push(at),
        }
    }
    places
}

fn places_of_one_axis(
    experiment: &Experiment,
    values: &[AxisValue],
    found: &mut Vec<Mistake>,
) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let own = format!("claim[0][{index}]");
        match value.place(experiment) {
            Err(mistake) => found.push(mistake.within(&own)),
            Ok(at) if places.first().is_some_and(|first| first.axis != at.axis) => {
                let help = "all values of `BestAt` are of one axis";
                found.push(Mistake::new(own, "a value of another axis", help));
            }
            Ok(at) => places.push(at),
        }
    }
    places
}
