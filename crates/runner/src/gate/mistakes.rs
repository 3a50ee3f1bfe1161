//! What is wrong with the gate of a file.

use gradus_core::Mistake;

use super::description::{Gate, Margin};
use crate::checks::{Measure, Moment, measure_alone, measure_of_data};
use crate::experiment::Experiment;
use crate::metric::Metric;

/// Everything that can be said without the data.
pub(crate) fn alone(experiment: &Experiment) -> Vec<Mistake> {
    let Some(gate) = &experiment.gate else { return Vec::new() };
    let mut found = Vec::new();
    if gate.margins.is_empty() {
        let help = "name at least one, such as `margins: [(margin: 0.01)]`";
        found.push(Mistake::new("gate.margins", "a gate that judges nothing", help));
    }
    for (position, margin) in gate.margins.iter().enumerate() {
        let mut mistakes: Vec<Mistake> = numbers(margin);
        mistakes.extend(measure_alone(experiment, margin.of));
        if matches!(margin.of.moment(), Moment::EachFrom(_)) {
            let help = "name one moment, such as `Final`; the course is judged beside it";
            mistakes.push(Mistake::new("of.at", "a gate judges one number of a run", help));
        }
        if gate.margins[..position].iter().any(|other| other.of == margin.of) {
            let help = "name each measure once";
            mistakes.push(Mistake::new("of", "a second margin of the same measure", help));
        }
        let place = format!("gate.margins[{position}]");
        found.extend(mistakes.into_iter().map(|mistake| mistake.within(&place)));
    }
    found
}

fn numbers(margin: &Margin) -> Vec<Mistake> {
    let mut found = Vec::new();
    for (name, value) in [("margin", Some(margin.margin)), ("course", margin.course)] {
        if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
            let message = format!("a margin of {value}");
            found.push(Mistake::new(name, message, "allowed: finite numbers above 0"));
        }
    }
    let is_share = match margin.of {
        Measure::Diverged | Measure::Stalled => true,
        Measure::Metric { metric, .. } => metric.higher_is_better() && metric != Metric::R2,
        _ => false,
    };
    if is_share && margin.margin >= 1.0 {
        let message = format!("a margin of {} for a share", margin.margin);
        found.push(Mistake::new("margin", message, "allowed: above 0, below 1"));
    }
    let has_curve = matches!(margin.of, Measure::Judged | Measure::Metric { .. });
    if margin.course.is_some() && !has_curve {
        let message = format!("{:?} has no curve over the epochs", margin.of);
        found.push(Mistake::new("course", message, "leave `course` out"));
    }
    found
}

/// What needs the parts that the data holds, once the experiment is resolved.
pub(crate) fn of_data(experiment: &Experiment) -> Vec<Mistake> {
    let margins = experiment.gate.iter().flat_map(|Gate { margins, .. }| margins).enumerate();
    let of = |(position, margin): (usize, &Margin)| {
        measure_of_data(experiment, &format!("gate.margins[{position}].of"), margin.of)
    };
    margins.flat_map(of).collect()
}
