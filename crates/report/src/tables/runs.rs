//! `runs.csv`: one line a run, in plan order; nothing timed.

use gradus_runner::{Metric, Outcome, PlannedRun, Quantity, RunRecord, best};

use super::Writer;
use crate::cells::{Measure, Survey};
use crate::numbers::exact;

/// A curve that runs are summed up by: split, name of the metric, whether higher is better.
type Summary = (&'static str, String, bool);

pub(super) fn write(survey: &Survey<'_>, writer: &mut Writer) -> csv::Result<()> {
    let summaries = summaries(survey);
    let axes = survey.cells.first().map_or(&[][..], |cell| cell.coordinates);
    let mut head: Vec<String> = vec!["position".into(), "key".into()];
    head.extend(axes.iter().map(|coordinate| snake_case(coordinate.axis)));
    let fixed = "seed outcome diverged_step diverged_quantity diverged_layer stopped epochs steps \
                 parameters initial_loss constant_loss judged";
    head.extend(fixed.split_whitespace().map(String::from));
    for (split, metric, _) in &summaries {
        head.extend(["final", "best", "best_epoch"].map(|end| format!("{split}_{metric}_{end}")));
    }
    head.push("weights_digest".into());
    writer.write_record(&head)?;
    for run in &survey.results.runs {
        let mut row = row(run, &survey.judged, &summaries);
        row.resize(head.len(), String::new());
        writer.write_record(&row)?;
    }
    Ok(())
}

/// The curves that the experiment asks for, whether or not a run has them yet.
fn summaries(survey: &Survey<'_>) -> Vec<Summary> {
    let experiment = &survey.results.experiment;
    let mut summaries = vec![("train", "running_loss".to_string(), false)];
    if experiment.records(Quantity::RunningPenalizedLoss) {
        summaries.push(("train", "running_penalized_loss".to_string(), false));
    }
    for part in survey.evaluated() {
        for metric in [&Metric::Loss].into_iter().chain(experiment.metrics()) {
            summaries.push((part.name(), metric.name(), metric.higher_is_better()));
        }
    }
    summaries
}

/// The cells of a run, as far as there are any; a short row is padded afterwards.
fn row(run: &PlannedRun, judged: &Measure, summaries: &[Summary]) -> Vec<String> {
    let mut row = vec![run.position.to_string(), run.key.to_string()];
    row.extend(run.coordinates.iter().map(|coordinate| coordinate.label.clone()));
    row.push(run.seed.to_string());
    let Some(record) = &run.record else {
        row.push("missing".into());
        return row;
    };
    row.push(record.outcome.word().into());
    row.extend(match &record.outcome {
        Outcome::Diverged { step, quantity, layer } => {
            [step.to_string(), quantity.clone(), layer.clone().unwrap_or_default()]
        }
        _ => [String::new(), String::new(), String::new()],
    });
    row.push(record.stopped.clone().unwrap_or_default());
    row.extend([record.epochs, record.steps, record.parameter_count].map(|n| n.to_string()));
    let judged = judged.value_of_cost(judged.cost(record));
    row.extend([record.initial_loss, record.constant_loss, judged].map(exact));
    row.extend(summaries.iter().flat_map(|summary| summed_up(record, summary)));
    row.push(record.weights_digest.clone());
    row
}

fn summed_up(record: &RunRecord, (split, metric, higher_is_better): &Summary) -> [String; 3] {
    let Some(curve) = record.curve(split, metric) else { return Default::default() };
    let last = curve.values.last().copied().map(exact).unwrap_or_default();
    let Some(index) = best(&curve.values, *higher_is_better) else {
        return [last, String::new(), String::new()];
    };
    [last, exact(curve.values[index]), curve.epochs[index].to_string()]
}

/// `Nesterov momentum` as a column: `nesterov_momentum`.
fn snake_case(name: &str) -> String {
    name.to_lowercase().replace(' ', "_")
}
