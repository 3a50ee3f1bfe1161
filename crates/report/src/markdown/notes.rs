//! The traps that a good report names by itself, as far as they apply.

use gradus_core::{Layer, Loss};
use gradus_runner::{Axis, Metric, Order, Outcome, Part, RunRecord};

use crate::cells::{Cell, Survey};
use crate::numbers::{counted, digits, short};
use crate::verdict::{Border, Verdict};
use gradus_runner::statistics::median;

/// Cells that a note names one by one, at most.
const SHOWN_CELLS: usize = 5;

/// Every note that applies, most weighty first.
pub(super) fn all(survey: &Survey<'_>, verdict: &Verdict) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(unfinished(verdict));
    notes.extend(borders(verdict));
    notes.extend(diverged(survey, verdict));
    notes.extend(worse_than_at_first(survey));
    notes.extend(stalled(survey, verdict));
    notes.extend(stopped(survey));
    notes.extend(saturated(survey));
    notes.push(judge(survey));
    notes.push(seeds(survey));
    notes.extend(schedule(survey));
    notes.push(survey.results.experiment.loss.factor(survey.results.data.target_width) + ".");
    notes.push(
        "Losses are without penalties. `running_loss` is the mean over the batches of an epoch, \
         each before its step; `loss` is evaluated at the end of the epoch."
            .to_string(),
    );
    notes.extend(survey.results.data.notes.iter().map(|note| format!("Data: {note}.")));
    notes
}

fn unfinished(verdict: &Verdict) -> Vec<String> {
    let mut notes = Vec::new();
    if verdict.missing > 0 {
        notes.push(format!(
            "{} of {} are missing: `run` trains them.",
            counted(verdict.missing, "run"),
            verdict.runs
        ));
    }
    if verdict.failed > 0 {
        let failed = counted(verdict.failed, "run");
        notes.push(format!("{failed} failed and count nowhere: `run` tries them again."));
    }
    notes
}

fn borders(verdict: &Verdict) -> Option<String> {
    let rate = crate::verdict::best_rate_verdict(verdict)?;
    let (end, side) = match rate.border? {
        Border::Lowest => ("lowest", "below"),
        Border::Highest => ("highest", "above"),
    };
    Some(format!(
        "The best rate {} is the {end} that was tried: a better one may lie {side} it; extend the \
         axis by a decade on that side.",
        short(rate.best_rate?)
    ))
}

fn diverged(survey: &Survey<'_>, verdict: &Verdict) -> Option<String> {
    let train = &survey.results.experiment.train;
    (verdict.diverged > 0).then(|| {
        format!(
            "{} of {} diverged: a value was not finite, or the training loss over the last {} was \
             above {} times the loss at the initial weights. They are never best, and count as \
             worst in every median.",
            verdict.diverged,
            counted(verdict.runs, "run"),
            counted(train.window as usize, "epoch"),
            short(train.diverged_above),
        )
    })
}

/// The rule of divergence looks at the training loss alone: what is judged can end above its start
/// all the same.
fn worse_than_at_first(survey: &Survey<'_>) -> Option<String> {
    let judged = &survey.judged;
    if judged.split == Part::Train || judged.metric.higher_is_better() {
        return None;
    }
    let first = |record: &RunRecord| judged.curve(record)?.values.first().copied();
    let is_worse = |cell: &&Cell<'_>| {
        let end = cell.value_at(judged, 0.5);
        let start = median(&cell.records().filter_map(first).collect::<Vec<_>>());
        end.is_finite() && start.is_finite() && end > start
    };
    let labels: Vec<String> = survey.cells.iter().filter(is_worse).map(Cell::label).collect();
    let shown: Vec<&str> = labels.iter().take(SHOWN_CELLS).map(String::as_str).collect();
    (!labels.is_empty()).then(|| {
        format!(
            "The median {} ends above its value before the first step, although at most half of \
             the runs count as diverged, in {}: {}{}. The training loss, by which divergence is \
             told, was within its bound at the end.",
            judged.words(),
            counted(labels.len(), "cell"),
            shown.join("; "),
            if labels.len() > shown.len() { "; …" } else { "" },
        )
    })
}

fn stalled(survey: &Survey<'_>, verdict: &Verdict) -> Option<String> {
    let is_stalled = |record: &&RunRecord| record.outcome == Outcome::Stalled;
    let constants: Vec<f64> =
        survey.records().filter(is_stalled).map(|record| record.constant_loss).collect();
    (!constants.is_empty()).then(|| {
        format!(
            "{} of {} stalled: never better than the best constant prediction, whose training loss \
             is {}.",
            constants.len(),
            counted(verdict.runs, "run"),
            digits(median(&constants), 4),
        )
    })
}

/// Runs that a rule ended have had different lengths.
fn stopped(survey: &Survey<'_>) -> Option<String> {
    let is_stopped = |record: &&RunRecord| record.stopped.is_some();
    let stopped: Vec<&RunRecord> = survey.records().filter(is_stopped).collect();
    let steps = |record: &&RunRecord| record.steps;
    let (first, last) = (stopped.iter().map(steps).min()?, stopped.iter().map(steps).max()?);
    let when =
        if first == last { format!("step {first}") } else { format!("steps {first} to {last}") };
    Some(format!(
        "{} of {} were ended by a rule of `stop` before their length was reached, at {when}; \
         `runs.csv` names the reason of each.",
        stopped.len(),
        counted(survey.results.runs.len(), "run"),
    ))
}

/// A sigmoid ends at 1: targets beyond cannot be reached, and the closer it comes to its end the
/// less of a gradient is left.
fn saturated(survey: &Survey<'_>) -> Option<String> {
    let experiment = &survey.results.experiment;
    let ends_in_sigmoid = matches!(experiment.model.last(), Some(Layer::Sigmoid));
    let has_squared_loss = matches!(experiment.loss, Loss::HalfMse | Loss::Mse);
    let is_stalled = |record: &RunRecord| record.outcome == Outcome::Stalled;
    if !(ends_in_sigmoid && has_squared_loss && survey.records().any(is_stalled)) {
        return None;
    }
    let last = |record: &RunRecord| {
        let measured = record.curve("train", "mse").or_else(|| record.curve("train", "loss"))?;
        measured.values.last().copied()
    };
    let measured: Vec<f64> = survey.records().filter_map(last).collect();
    let name = if experiment.metrics().contains(&Metric::Mse) {
        "mean squared error"
    } else {
        "training loss"
    };
    Some(format!(
        "The output is a sigmoid, which lies between 0 and 1, and targets lie beyond: the output \
         goes to its end and saturates. There its derivative y (1 - y) vanishes, and with it the \
         gradient, so that the loss creeps towards the value of an output stuck at 1 and never \
         passes it ({name} after the last epoch, median over runs: {}). A linear output has no \
         such end.",
        digits(median(&measured), 5),
    ))
}

fn judge(survey: &Survey<'_>) -> String {
    let judged = format!("Runs are judged by the {}", survey.judged.words());
    match survey.judged.split {
        Part::Train => format!(
            "{judged}: it says how well the data is fitted, not how well new data is predicted."
        ),
        Part::Validation => format!(
            "{judged}. The best value is chosen on the same rows that it is reported on, so it is \
             optimistic; keep a test part for the last word."
        ),
        Part::Test if survey.cells.len() > 1 => format!(
            "{judged}. Choosing among {} cells on the test part makes the best of them \
             optimistic: choose on a validation part.",
            survey.cells.len()
        ),
        Part::Test => format!("{judged}; nothing is chosen on it."),
    }
}

fn seeds(survey: &Survey<'_>) -> String {
    let experiment = &survey.results.experiment;
    let batch_varies = experiment.sweep.axes.iter().any(|axis| matches!(axis, Axis::Batch(_)));
    let mut varied = vec!["the initial weights"];
    if experiment.train.order == Order::Shuffled
        && (experiment.train.batch.is_some() || batch_varies)
    {
        varied.push("the order of the samples");
    }
    if experiment.data.split.depends_on_seed() {
        varied.push("the split of the data");
    }
    let end = match survey.n_seeds() {
        0 | 1 => return "One seed a cell: nothing is known of the spread.".to_string(),
        n if n < 3 => "; fewer than three say little of the spread",
        _ => "; the same seed is paired across all cells",
    };
    format!("{} a cell vary {}{end}.", counted(survey.n_seeds(), "seed"), listed(&varied))
}

/// `a, b and c`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_string(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

fn schedule(survey: &Survey<'_>) -> Option<String> {
    let schedule = &survey.results.experiment.optimizer.schedule;
    schedule.depends_on_length().then(|| {
        format!(
            "The schedule {} ends with the run: the best rate holds for this length of training.",
            schedule.kind()
        )
    })
}
