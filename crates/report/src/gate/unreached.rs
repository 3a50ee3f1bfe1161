//! Targets that runs of a baseline never reach, so that it cannot hold when they do.

use gradus_runner::Measure;
use gradus_runner::gate::Baseline;

use super::what;
use crate::numbers::counted;

/// One line for each figure that waits for a target which some seed never reaches, or diverges
/// before.
pub fn unreached(baseline: &Baseline) -> Vec<String> {
    let figures = baseline
        .cells
        .iter()
        .flat_map(|cell| cell.figures.iter().map(move |figure| (&cell.cell, figure)));
    let waiting = figures.filter(|(_, figure)| {
        matches!(figure.figure.of, Measure::EpochsTo { .. } | Measure::StepsTo { .. })
    });
    let lines = waiting.filter_map(|(cell, figure)| {
        let never = figure.values.iter().filter(|value| value.is_infinite()).count();
        let place = if cell.is_empty() { String::new() } else { format!(", {cell}") };
        let all = figure.values.len();
        let held = match never {
            0 => return None,
            never if never == all => "it holds nothing but that; name a target that is reached",
            _ => "of these it holds their share alone",
        };
        let (figure, seeds) = (what(figure.figure), counted(all, "seed"));
        Some(format!("{figure}{place}: never reached by {never} of {seeds}: {held}"))
    });
    lines.collect()
}
