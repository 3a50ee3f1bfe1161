//! The tables of the page: one line a cell, and what the cells say together.

use std::fmt::Write as _;

use gradus_runner::{At, Outcome, Part, RunRecord};

use crate::cells::{Cell, Measure, Survey, shown};
use crate::charts::gradients::norms;
use crate::numbers::{digits, short};
use crate::verdict::{RateVerdict, Verdict};
use gradus_runner::statistics::{median, quantile, standard_deviation};

/// From this many seeds on, the spread is given as a standard deviation.
const SEEDS_FOR_DEVIATION: usize = 10;
/// Networks up to this size have their parameters shown one by one.
const SHOWN_PARAMETERS: u64 = 16;

/// One line a cell: how its runs ended, and what they reached.
pub(super) fn table(survey: &Survey<'_>) -> String {
    let judged = &survey.judged;
    let metrics = metrics(survey);
    let spread = if survey.n_seeds() >= SEEDS_FOR_DEVIATION { "sd" } else { "middle half" };
    let axes = survey.cells.first().map_or(&[][..], |cell| cell.coordinates);
    let mut head: Vec<String> = axes.iter().map(|coordinate| coordinate.axis.into()).collect();
    head.extend(["seeds".into(), "diverged (at step)".into()]);
    head.push(format!("{} {}, median", judged.words(), judged.moment()));
    head.extend([spread.into(), "best".into(), "at epoch".into()]);
    head.extend(metrics.iter().map(|measure| format!("{} at the end", measure.words())));
    let mut table = row(&head);
    table.push_str(&row(&vec!["---".to_string(); head.len()]));
    for cell in &survey.cells {
        let counts = cell.counts();
        let mut line: Vec<String> = cell.coordinates.iter().map(shown).collect();
        line.push(match counts.missing {
            0 => counts.planned.to_string(),
            missing => format!("{} ({missing} missing)", counts.planned),
        });
        line.push(ends(cell));
        line.push(number(cell.value_at(judged, 0.5), 4));
        line.push(spread_of(survey, cell));
        line.push(number(cell.value_at(&judged.at(At::Best), 0.5), 4));
        line.push(best_epoch(survey, cell));
        line.extend(metrics.iter().map(|measure| number(cell.value_at(measure, 0.5), 5)));
        table.push_str(&row(&line));
    }
    table.push_str("\nMedians are over seeds; a diverged run counts as the worst there is.\n");
    table
}

fn row(cells: &[String]) -> String {
    // A bar inside a cell would end it.
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A number, or a dash where diverged runs leave none.
fn number(value: f64, significant: i32) -> String {
    if value.is_finite() { digits(value, significant) } else { "–".to_string() }
}

/// Every metric of every evaluated part, but for what judges already.
fn metrics(survey: &Survey<'_>) -> Vec<Measure> {
    let experiment = &survey.results.experiment;
    let of_part = |part: Part| {
        experiment.metrics().iter().map(move |&metric| Measure::of(metric, &experiment.loss, part))
    };
    let all: Vec<Measure> = survey.evaluated().iter().flat_map(|&part| of_part(part)).collect();
    all.into_iter().filter(|measure| *measure != survey.judged).collect()
}

/// `3 of 5 (15, 22, 349)`, and what else did not end as wished.
fn ends(cell: &Cell<'_>) -> String {
    let counts = cell.counts();
    let steps: Vec<String> = cell
        .records()
        .filter_map(|record| match record.outcome {
            Outcome::Diverged { step, .. } => Some(step.to_string()),
            _ => None,
        })
        .collect();
    let mut words = match steps.len() {
        0 => "0".to_string(),
        n if n <= 5 => format!("{n} ({})", steps.join(", ")),
        n => format!("{n} ({}, …)", steps[..5].join(", ")),
    };
    for (count, word) in [(counts.stalled, "stalled"), (counts.failed, "failed")] {
        if count > 0 {
            let _ = write!(words, ", {count} {word}");
        }
    }
    words
}

fn spread_of(survey: &Survey<'_>, cell: &Cell<'_>) -> String {
    let costs = cell.costs(&survey.judged);
    if costs.len() < 2 || !median(&costs).is_finite() {
        return "–".to_string();
    }
    if survey.n_seeds() >= SEEDS_FOR_DEVIATION {
        // With a diverged run among them there is no finite spread.
        let deviation = standard_deviation(&costs);
        return if deviation.is_finite() { short(deviation) } else { "inf".to_string() };
    }
    let ends = [quantile(&costs, 0.25), quantile(&costs, 0.75)];
    let [a, b] = ends.map(|cost| survey.judged.value_of_cost(cost));
    format!("{} to {}", short(a.min(b)), short(a.max(b)))
}

/// The median epoch at which the runs were at their best.
fn best_epoch(survey: &Survey<'_>, cell: &Cell<'_>) -> String {
    let judged = &survey.judged;
    let epoch = |record: &RunRecord| {
        let curve = judged.curve(record)?;
        let index = gradus_runner::best(&curve.values, judged.metric.higher_is_better())?;
        curve.epochs.get(index).map(|&epoch| epoch as f64)
    };
    let epochs: Vec<f64> = cell.records().filter_map(epoch).collect();
    let has_value = cell.value_at(judged, 0.5).is_finite();
    if epochs.is_empty() || !has_value { "–".to_string() } else { short(median(&epochs)) }
}

/// What the learning rates say, one line for each combination of the other axes.
pub(super) fn rates(verdict: &Verdict) -> String {
    if verdict.learning_rates.is_empty() {
        return String::new();
    }
    let several = verdict.learning_rates.len() > 1;
    let mut head: Vec<String> = Vec::new();
    if several {
        head.push("other axes".into());
    }
    let names = [
        "best rate",
        "95 % interval",
        "within one standard error",
        "plateau",
        "width (decades)",
        "first diverges at",
        "margin (decades)",
    ];
    head.extend(names.map(String::from));
    let mut table = format!("\n{}", row(&head));
    table.push_str(&row(&vec!["---".to_string(); head.len()]));
    for rate in &verdict.learning_rates {
        let mut line = if several { vec![rate.others.clone()] } else { Vec::new() };
        line.extend(rate_line(rate));
        table.push_str(&row(&line));
    }
    table.push_str(
        "\nThe interval resamples seeds (2,000 times, fixed draws); the plateau holds the rates \
         around the best whose median is within 10 % of its loss (or 0.01 of its accuracy); the \
         margin reaches from the best rate to the first above it at which a run diverged.\n",
    );
    table
}

fn rate_line(rate: &RateVerdict) -> [String; 7] {
    let none = || "–".to_string();
    let number = |value: Option<f64>| value.map_or_else(none, short);
    let ends = |ends: Option<[f64; 2]>| match ends {
        Some([low, high]) if low == high => short(low),
        Some([low, high]) => format!("{} to {}", short(low), short(high)),
        None => none(),
    };
    let edge = rate.first_diverged.map_or_else(none, |edge| {
        format!("{} ({} of {})", short(edge.rate), edge.diverged, edge.seeds)
    });
    [
        number(rate.best_rate),
        ends(rate.interval),
        ends(rate.within_one_error),
        ends(rate.plateau),
        number(rate.plateau_decades),
        edge,
        number(rate.margin_decades),
    ]
}

/// The final parameters of networks that are small enough to read.
pub(super) fn parameters(survey: &Survey<'_>) -> String {
    let is_shown = |record: &&RunRecord| {
        record.parameter_count <= SHOWN_PARAMETERS && !record.arrays.is_empty()
    };
    let Some(first) = survey.records().find(is_shown) else { return String::new() };
    let mut head = vec!["cell".to_string()];
    for array in &first.arrays {
        let many = array.values.len() > 1;
        let name = |index| {
            if many { format!("{}[{index}]", array.name) } else { array.name.clone() }
        };
        head.extend((0..array.values.len()).map(name));
    }
    let mut table = format!("\nFinal parameters, median over seeds:\n\n{}", row(&head));
    table.push_str(&row(&vec!["---".to_string(); head.len()]));
    for cell in &survey.cells {
        let mut line = vec![cell.label()];
        for index in 0..head.len() - 1 {
            let of_run = |record: &RunRecord| {
                record.arrays.iter().flat_map(|array| &array.values).nth(index).copied()
            };
            let values: Vec<f64> = cell.records().filter_map(of_run).collect();
            line.push(digits(median(&values), 10));
        }
        table.push_str(&row(&line));
    }
    table
}

/// How much of the gradient reaches the first layer, before and after training.
pub(super) fn gradients(survey: &Survey<'_>) -> String {
    let is_deep = |cell: &&Cell<'_>| norms(cell, <[f64]>::first).len() > 1;
    if !survey.cells.iter().any(|cell| is_deep(&cell)) {
        return String::new();
    }
    let head = [
        "cell",
        "layers with parameters",
        "first layer, first step",
        "last layer",
        "ratio",
        "first layer, end",
        "last layer",
        "ratio",
    ];
    let mut table = format!(
        "\nGradient norm of the first and the last layer, medians over seeds (a ratio far below 1: \
         the gradient vanishes on its way back; far above 1: it explodes):\n\n{}",
        row(&head.map(String::from))
    );
    table.push_str(&row(&vec!["---".to_string(); head.len()]));
    for cell in survey.cells.iter().filter(is_deep) {
        let (start, end) = (norms(cell, <[f64]>::first), norms(cell, <[f64]>::last));
        let mut line = vec![cell.label(), start.len().to_string()];
        for norms in [start, end] {
            let (first, last) = (norms[0], norms[norms.len() - 1]);
            // Against an infinite norm every other looks like nothing.
            let ratio = if last.is_finite() { short(first / last) } else { "–".to_string() };
            line.extend([short(first), short(last), ratio]);
        }
        table.push_str(&row(&line));
    }
    table
}

/// Curvature before and after, and the largest stable rate that it allows.
pub(super) fn sharpness(survey: &Survey<'_>) -> String {
    let ends = |record: &RunRecord| {
        let values = &record.curve("train", "sharpness")?.values;
        Some((*values.first()?, *values.last()?))
    };
    if survey.records().find_map(ends).is_none() {
        return String::new();
    }
    let head = ["cell", "λ at the start", "2/λ", "λ at the end", "2/λ"].map(String::from);
    let mut table =
        format!("\nSharpness λ (largest curvature of the training loss):\n\n{}", row(&head));
    table.push_str(&row(&vec!["---".to_string(); head.len()]));
    for cell in &survey.cells {
        let (starts, finals): (Vec<f64>, Vec<f64>) = cell.records().filter_map(ends).unzip();
        let mut line = vec![cell.label()];
        for lambda in [median(&starts), median(&finals)] {
            line.extend([digits(lambda, 7), digits(2.0 / lambda, 6)]);
        }
        table.push_str(&row(&line));
    }
    table.push_str("\nFull-batch gradient descent is stable along a direction below 2/λ.\n");
    table
}
