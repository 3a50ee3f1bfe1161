//! Checks in words: a table for the terminal, and the page that holds published results and ours
//! side by side.

use std::fmt::Write as _;

use gradus_runner::statistics::standard_deviation;
use gradus_runner::{
    AxisValue, CellFinding, Check, Claim, Coordinate, Experiment, Finding, Interval, Measure,
    Metric, Moment, Part, Results, Seeds, Trust,
};

use crate::cells::{metric_words, shown};
use crate::numbers::{counted, digits, exact};

/// One finding in words.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckLine {
    /// What is measured, over which seeds: `test accuracy at the end, mean of 5 seeds`.
    pub what: String,
    /// Where: `learning rate 0.1`; empty where there is one cell only.
    pub cell: String,
    /// What was measured, with the spread of its seeds.
    pub measured: String,
    /// What is allowed.
    pub bound: String,
    /// Whether it holds.
    pub holds: bool,
    /// How much there is to spare, or by how much it fails, or why.
    pub margin: String,
    /// The value of the source, if it gives one.
    pub published: String,
    /// How far that is trusted.
    pub trust: String,
    /// Where the bound comes from.
    pub source: String,
}

/// An experiment whose checks were judged.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedCase {
    /// Its file, as it was named.
    pub file: String,
    /// Its name.
    pub name: String,
    /// The question it asks.
    pub question: String,
    /// Runs of its plan.
    pub n_runs: usize,
    /// Seconds of all of its runs together.
    pub seconds: f64,
    /// Its findings.
    pub lines: Vec<CheckLine>,
}

impl CheckedCase {
    /// The findings of an experiment in words.
    pub fn new(file: &str, results: &Results, findings: &[Finding]) -> Self {
        let experiment = &results.experiment;
        Self {
            file: file.to_string(),
            name: experiment.name.clone(),
            question: results.question.clone(),
            n_runs: results.runs.len(),
            seconds: results.runs.iter().filter_map(|run| run.timing).map(|t| t.seconds).sum(),
            lines: findings.iter().map(|finding| line(experiment, finding)).collect(),
        }
    }

    /// How many of its findings hold.
    pub fn held(&self) -> usize {
        self.lines.iter().filter(|line| line.holds).count()
    }

    /// The table for the terminal, one line a finding.
    pub fn table(&self) -> String {
        let rows: Vec<[String; 6]> = self
            .lines
            .iter()
            .map(|line| {
                let verdict = if line.holds { "holds" } else { "FAILS" };
                [
                    verdict.to_string(),
                    line.what.clone(),
                    line.cell.clone(),
                    line.measured.clone(),
                    line.bound.clone(),
                    line.margin.clone(),
                ]
            })
            .collect();
        let head = ["", "claim", "cell", "measured", "bound", "margin"].map(str::to_string);
        let all: Vec<&[String; 6]> = std::iter::once(&head).chain(&rows).collect();
        let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = format!(
            "{}: {} of {} claims hold ({}, {} s)\n",
            self.file,
            self.held(),
            self.lines.len(),
            counted(self.n_runs, "run"),
            digits(self.seconds, 2)
        );
        for row in all {
            let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
            let cells: Vec<String> =
                cells.map(|(cell, &width)| format!("{cell:<width$}")).collect();
            let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
        }
        text
    }
}

/// The page of published results and ours: the same for the same results, but for the times.
pub fn results_page(cases: &[CheckedCase], command: &str) -> String {
    let mut page = format!(
        "# Published results and ours\n\n\
         Made by `{command}`; not edited by hand. `cargo xtask check` holds the same gates.\n\n\
         *Ours* is the mean over the seeds, or what the line says, ± their standard deviation \
         (`n - 1`), and what 95 % of resampled seeds leave open of what the claim rests on. Bounds \
         are included in a gate. *Trust* says of the published value whether we \
         know it re-run by an independent program, read in its source, or remembered. A run that \
         broke counts as infinity, and its line says so. The time is that of all runs one after \
         the other, on the machine that made this page.\n\n\
         | case | gates that hold | runs | time |\n| --- | --- | --- | --- |\n"
    );
    for case in cases {
        let _ = writeln!(
            page,
            "| [{0}](#{0}) | {1} of {2} | {3} | {4} s |",
            case.name,
            case.held(),
            case.lines.len(),
            case.n_runs,
            digits(case.seconds, 2)
        );
    }
    for case in cases {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n`{}`\n\n\
             | what | cell | published | trust | ours | gate | verdict | source |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n",
            case.name, case.question, case.file
        );
        for line in &case.lines {
            let verdict = if line.holds { "holds" } else { "**fails**" };
            let verdict = format!("{verdict}, {}", line.margin);
            let cells = [
                &line.what,
                &line.cell,
                &line.published,
                &line.trust,
                &line.measured,
                &line.bound,
                &verdict,
                &line.source,
            ];
            // What stands in a cell may not end it.
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            let _ = writeln!(page, "| {} |", cells.join(" | "));
        }
    }
    page
}

/// A measured value with five digits, or as many as show the margin.
fn number(value: f64, margin: f64) -> String {
    const LEAST: i32 = 5;
    const MOST: i32 = 15;
    let ratio = libm::log10(value.abs() / margin.abs());
    // Out of range where either is zero or infinite, which a cast bounds.
    digits(value, (ratio.ceil() as i32).saturating_add(1).clamp(LEAST, MOST))
}

fn line(experiment: &Experiment, finding: &Finding) -> CheckLine {
    let check = &experiment.checks[finding.check];
    let seeds = match (experiment.seed_count(), check.seeds) {
        (1, _) => "one seed".to_string(),
        (n, Seeds::Mean) => format!("mean of {n} seeds"),
        (n, Seeds::Median) => format!("median of {n} seeds"),
        (n, Seeds::Every) => format!("each of {n} seeds"),
        (_, Seeds::Seed(seed)) => format!("seed {seed}"),
    };
    CheckLine {
        what: format!("{}, {seeds}", measure(check.measure(experiment.judge()))),
        cell: cell(check, finding),
        measured: measured(check, finding),
        bound: bound(check, finding),
        holds: finding.holds,
        margin: margin(check, finding),
        published: check.published.map(exact).unwrap_or_default(),
        trust: check.trust.map(Trust::words).unwrap_or_default().to_string(),
        source: check.source.clone(),
    }
}

pub(crate) fn measure(measure: Measure) -> String {
    match measure {
        Measure::Judged => "what is judged".to_string(),
        Measure::Metric { metric, split, at } => {
            format!("{} {}", quantity(metric, split), moment(at))
        }
        Measure::Sharpness { at } => format!("sharpness {}", moment(at)),
        Measure::Epochs => "epochs".to_string(),
        Measure::EpochsTo { metric, split, target } => {
            format!("epochs until the {}", reached(metric, split, target))
        }
        Measure::StepsTo { metric, split, target } => {
            format!("steps until the {}", reached(metric, split, target))
        }
        Measure::Diverged => "share of runs that diverged".to_string(),
        Measure::Stalled => "share of runs that stalled".to_string(),
    }
}

/// What [`measure`] says of a metric, without its moment: `test loss`.
pub(crate) fn without_moment(words: &str) -> &str {
    let end = [" at ", " over ", " after "].iter().filter_map(|start| words.find(start)).min();
    &words[..end.unwrap_or(words.len())]
}

fn quantity(metric: Metric, split: Part) -> String {
    let part = if split == Part::Train { "training" } else { split.name() };
    format!("{part} {}", metric_words(metric))
}

fn reached(metric: Metric, split: Part, target: f64) -> String {
    let bound = if metric.higher_is_better() { "at least" } else { "at most" };
    format!("{} is {bound} {}", quantity(metric, split), exact(target))
}

fn moment(at: Moment) -> String {
    match at {
        Moment::Final => "at the end".to_string(),
        Moment::Best => "at its best epoch".to_string(),
        Moment::Window(epochs) => format!("over the last {}", counted(epochs as usize, "epoch")),
        Moment::Epoch(epoch) => format!("after epoch {epoch}"),
        Moment::EachFrom(epoch) => format!("after each epoch from {epoch} on"),
        Moment::BestBy { metric, split } => {
            format!("at the epoch of the best {}", quantity(metric, split))
        }
    }
}

fn coordinates<'a>(coordinates: impl Iterator<Item = &'a Coordinate>) -> String {
    let words: Vec<String> = coordinates.map(|c| format!("{} {}", c.axis, shown(c))).collect();
    words.join(", ")
}

/// Where all cells of the finding lie alike.
fn cell(check: &Check, finding: &Finding) -> String {
    let first = &finding.cells[0].coordinates;
    let is_common = |coordinate: &&Coordinate| {
        finding.cells.iter().all(|cell| cell.coordinates.contains(coordinate))
    };
    match check.claim.core() {
        Claim::Below(_) | Claim::Above(_) | Claim::Within { .. } => coordinates(first.iter()),
        _ => coordinates(first.iter().filter(is_common)),
    }
}

/// Where a cell of the finding lies that the others do not.
fn own(finding: &Finding, cell: &CellFinding) -> String {
    let differs = |coordinate: &&Coordinate| {
        !finding.cells.iter().all(|other| other.coordinates.contains(coordinate))
    };
    coordinates(cell.coordinates.iter().filter(differs))
}

fn measured(check: &Check, finding: &Finding) -> String {
    let each = || {
        let cell = |cell: &CellFinding| {
            format!("{} at {}", with_spread(cell, finding.margin), own(finding, cell))
        };
        finding.cells.iter().map(cell).collect::<Vec<_>>().join("; ")
    };
    let mut text = match check.claim.core() {
        Claim::Below(_) | Claim::Above(_) | Claim::Within { .. } | Claim::Not(_) => {
            with_spread(&finding.cells[0], finding.margin)
        }
        Claim::Order(_) | Claim::Rises { .. } => each(),
        Claim::Ratio { .. } => {
            let ratio = finding.cells[0].number / finding.cells[1].number;
            format!("{}: {}", number(ratio, finding.margin), each())
        }
        Claim::DivergesAbove(_) => match finding.best.map(|first| &finding.cells[first]) {
            Some(first) => format!("diverges from {} on", own(finding, first)),
            None => "diverges nowhere".to_string(),
        },
        Claim::BestAt(_) | Claim::BestWithin { .. } => {
            match finding.best.map(|best| &finding.cells[best]) {
                Some(best) => {
                    format!("best at {}: {}", own(finding, best), with_spread(best, finding.margin))
                }
                None => "nothing finite".to_string(),
            }
        }
    };
    if let Some(interval) = finding.interval {
        let _ = write!(text, "; 95 % of resampled seeds: {}", between(check, finding, interval));
    }
    if let Some(epoch) = finding.epoch {
        let _ = write!(text, ", epoch {epoch}");
    }
    if let Some(seed) = finding.seed.filter(|_| check.seeds == Seeds::Every) {
        let _ = write!(text, ", seed {seed}");
    }
    let n_runs: usize = finding.cells.iter().map(|cell| cell.values.len()).sum();
    let diverged: usize = finding.cells.iter().map(|cell| cell.diverged).sum();
    let is_share =
        check.of == Measure::Diverged || matches!(check.claim.core(), Claim::DivergesAbove(_));
    if diverged > 0 && !is_share {
        let _ = write!(text, " ({diverged} of {} diverged)", counted(n_runs, "run"));
    }
    text
}

fn between(check: &Check, finding: &Finding, interval: Interval) -> String {
    let place = |index: usize| match finding.cells.get(index) {
        Some(cell) => own(finding, cell),
        None => "nowhere".to_string(),
    };
    match interval {
        Interval::Cells([low, high]) if low == high => place(low),
        Interval::Cells([low, high]) => format!("{} to {}", place(low), place(high)),
        Interval::Numbers(ends) => {
            let [low, high] = ends.map(|end| number(end, finding.margin));
            let what = match check.claim.core() {
                Claim::Order(_) | Claim::Rises { .. } => "least rise ",
                Claim::Ratio { .. } => "ratio ",
                _ => "",
            };
            format!("{what}{low} to {high}")
        }
    }
}

fn with_spread(cell: &CellFinding, margin: f64) -> String {
    let values: Vec<f64> = cell.values.iter().map(|(_, value)| *value).collect();
    let deviation = standard_deviation(&values);
    match deviation.is_finite() {
        true => format!("{} ± {}", number(cell.number, margin), digits(deviation, 2)),
        false => number(cell.number, margin),
    }
}

fn bound(check: &Check, finding: &Finding) -> String {
    bound_of(&check.claim, finding)
}

fn bound_of(claim: &Claim, finding: &Finding) -> String {
    let ends = |from: &AxisValue, to: &AxisValue| format!("{from:?} to {to:?}");
    match claim {
        Claim::Below(bound) => format!("at most {}", exact(*bound)),
        Claim::Above(bound) => format!("at least {}", exact(*bound)),
        Claim::Within { from, to } => format!("{} to {}", exact(*from), exact(*to)),
        Claim::Order(_) => "rising".to_string(),
        Claim::BestAt(_) => {
            let named = finding.cells.iter().filter(|cell| cell.named);
            let places: Vec<String> = named.map(|cell| own(finding, cell)).collect();
            format!("best at {}", places.join(" or "))
        }
        Claim::BestWithin { from, to } => format!("best from {}", ends(from, to)),
        Claim::DivergesAbove(value) => format!("diverges above {value:?}, and not below"),
        Claim::Rises { from, to } => format!("rising from {}", ends(from, to)),
        Claim::Ratio { from, to, .. } => format!("ratio {} to {}", exact(*from), exact(*to)),
        Claim::Not(claim) => format!("not {}", bound_of(claim, finding)),
    }
}

fn margin(check: &Check, finding: &Finding) -> String {
    let margin = finding.margin;
    let without_result: usize = finding.cells.iter().map(|cell| cell.without_result).sum();
    if finding.holds && margin.is_infinite() {
        return "without a bound".to_string();
    }
    if finding.holds {
        return format!("{} to spare", digits(margin, 2));
    }
    if without_result > 0 {
        return format!("{} without a result", counted(without_result, "run"));
    }
    if finding.cells.iter().any(|cell| cell.number.is_nan()) {
        return "a run ended before that epoch".to_string();
    }
    let is_counted = matches!(check.of, Measure::EpochsTo { .. } | Measure::StepsTo { .. });
    match check.claim {
        _ if margin.is_nan() => "nothing finite to compare".to_string(),
        _ if margin.is_infinite() && is_counted => "never reached".to_string(),
        _ if margin.is_infinite() => "a run broke".to_string(),
        Claim::Order(_) | Claim::Rises { .. } if margin == 0.0 => "equal, not rising".to_string(),
        _ => format!("by {}", digits(-margin, 2)),
    }
}
