//! A check against a baseline in words: a table for the terminal, a page for people, and what a new
//! baseline changes.

mod changes;
mod junit;
mod page;
mod unreached;
mod unresolved;

use gradus_runner::Measure;
use gradus_runner::gate::{Compared, Comparison, Criterion, Departure, Evidence, Gate};
use gradus_runner::statistics::mean;

use crate::checks::{CheckedCase, measure, without_moment};
use crate::numbers::{counted, digits, exact};

pub use changes::changes;
pub use junit::junit;
pub use page::{Moved, draw_moved, forget_moved, gate_page};
pub use unreached::unreached;
pub use unresolved::unresolved;

/// A file whose baseline was compared.
#[derive(Clone, Debug)]
pub struct GateCase {
    /// Its file, as it was named.
    pub file: String,
    /// The name of the experiment.
    pub name: String,
    /// What the comparison came to, in a sentence.
    pub sentence: String,
    /// The figures, in the order of the plan; none where every bit is the same.
    pub lines: Vec<GateLine>,
    /// Whether the check fails.
    pub fails: bool,
}

/// Everything that a check has looked at.
#[derive(Clone, Debug, Default)]
pub struct CheckedFiles {
    /// Files with their claims.
    pub claims: Vec<CheckedCase>,
    /// Files with their baselines.
    pub gates: Vec<GateCase>,
    /// Files whose data is not here.
    pub skipped: Vec<String>,
    /// Files that are wrong, or whose baseline is, and why.
    pub refused: Vec<(String, String)>,
}

/// One figure of one cell in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateLine {
    /// `worse`, `better`, `equivalent`, `undecided` or `missing`.
    pub verdict: &'static str,
    /// Whether the check fails by it.
    pub fails: bool,
    /// What is measured: `test loss at the end`.
    pub what: String,
    /// Where; empty where there is one cell only.
    pub cell: String,
    /// Mean over the seeds in the baseline.
    pub before: String,
    /// Mean over the seeds now.
    pub now: String,
    /// The mean paired difference and its interval.
    pub change: String,
    /// The change that matters.
    pub margin: String,
    /// The smallest change that so many seeds show in 90 % of all cases.
    pub shown: String,
    /// What else there is to say, such as of runs that diverged.
    pub remark: String,
}

impl GateCase {
    /// A comparison in words, judged as the file's gate says.
    pub fn new(file: &str, name: &str, gate: &Gate, comparison: &Comparison) -> Self {
        Self {
            file: file.to_string(),
            name: name.to_string(),
            sentence: sentence(comparison),
            lines: comparison.figures.iter().map(|figure| line(gate, figure)).collect(),
            fails: comparison.fails(gate),
        }
    }

    /// The table for the terminal, one line a figure.
    pub fn table(&self) -> String {
        let head = ["", "figure", "cell", "baseline", "now", "change", "margin", "shown from", ""];
        let rows = self.lines.iter().map(|line| {
            let verdict =
                if line.fails { line.verdict.to_uppercase() } else { line.verdict.to_string() };
            let others = [&line.what, &line.cell, &line.before, &line.now, &line.change];
            let last = [&line.margin, &line.shown, &line.remark];
            std::iter::once(verdict).chain(others.into_iter().chain(last).cloned()).collect()
        });
        let head: Vec<String> = head.map(str::to_string).to_vec();
        let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        let passed = if self.fails { "FAILS" } else { "passes" };
        let mut text = format!("{}: {passed}: {}\n", self.file, self.sentence);
        if self.lines.is_empty() {
            return text;
        }
        let width =
            |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..all[0].len()).map(width).collect();
        for row in &all {
            let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
            let cells: Vec<String> =
                cells.map(|(cell, &width)| format!("{cell:<width$}")).collect();
            text += &format!("  {}\n", cells.join("  ").trim_end());
        }
        text
    }
}

/// What a criterion measures: `test loss at the end`, `test loss, mean over all epochs`.
pub(crate) fn what(criterion: Criterion) -> String {
    let words = measure(criterion.of);
    if criterion.course {
        format!("{}, mean over all epochs", without_moment(&words))
    } else {
        words
    }
}

fn sentence(comparison: &Comparison) -> String {
    let seeds = match (comparison.seeds, comparison.all_seeds) {
        (seen, all) if seen == all => counted(seen, "seed"),
        (seen, all) => format!("the first {seen} of {all} seeds"),
    };
    if comparison.same_bits {
        return format!("the bits of the baseline ({seeds})");
    }
    let count = |word: &str| {
        let count = comparison.figures.iter().filter(|figure| figure.word() == word).count();
        (count > 0).then(|| format!("{count} {word}"))
    };
    let words = ["worse", "missing", "undecided", "better", "equivalent"];
    let counts = words.into_iter().filter_map(count).collect::<Vec<_>>().join(", ");
    match &comparison.departure {
        Some(departure) => format!("changed: {}; {counts} ({seeds})", departed(departure)),
        None => format!("other bits, the formulas of the baseline; {counts} ({seeds})"),
    }
}

/// Where a witness differs: `loss of step 3 (seed 0) is 0.5, was 0.25`.
pub(crate) fn departed(departure: &Departure) -> String {
    let Departure { cell, seed, step, quantity, before, now } = departure;
    let cell = if cell.is_empty() { String::new() } else { format!(", {cell}") };
    let step = step.map_or("after the first steps".to_string(), |step| format!("of step {step}"));
    format!("{quantity} {step} (seed {seed}{cell}) is {}, was {}", exact(*now), exact(*before))
}

fn line(gate: &Gate, compared: &Compared) -> GateLine {
    let (before, now) = (mean(&compared.before), mean(&compared.now));
    let verdict = compared.word();
    let judged = compared.judged.as_ref();
    let evidence = judged.and_then(|judged| judged.values);
    let share = judged.and_then(|judged| judged.share);
    let mut remarks: Vec<String> = Vec::new();
    if let Some(judged) = judged {
        let [was, is] = judged.diverged;
        let n_seeds = compared.now.len();
        if matches!(compared.figure.of, Measure::EpochsTo { .. } | Measure::StepsTo { .. }) {
            if was + is > 0 {
                let never = "never reached, or diverged";
                remarks.push(format!("{never}: {was} of {n_seeds} before, {is} now"));
            }
        } else {
            remarks.extend(judged.case.words().map(str::to_string));
            if was + is > 0 {
                remarks.push(format!("{was} of {n_seeds} diverged before, {is} now"));
            }
        }
    } else {
        let missing = compared.now.iter().filter(|value| value.is_nan()).count();
        remarks.push(format!("{} without a value", counted(missing, "run")));
    }
    let of_evidence = |of: &dyn Fn(Evidence) -> String| {
        evidence.map(of).or_else(|| share.map(|share| format!("{} of the runs", of(share))))
    };
    GateLine {
        verdict,
        fails: compared.fails(gate),
        what: what(compared.figure),
        cell: compared.label.clone(),
        before: digits(before, 5),
        now: digits(now, 5),
        change: of_evidence(&change).unwrap_or_default(),
        margin: exact(compared.figure.margin),
        shown: of_evidence(&|evidence| digits(evidence.smallest_shown, 2)).unwrap_or_default(),
        remark: remarks.join("; "),
    }
}

/// `+0.012 (0.003 to 0.021)`.
fn change(evidence: Evidence) -> String {
    let [from, to] = evidence.interval.map(|end| digits(end, 2));
    let sign = if evidence.estimate > 0.0 { "+" } else { "" };
    format!("{sign}{} ({from} to {to})", digits(evidence.estimate, 2))
}
