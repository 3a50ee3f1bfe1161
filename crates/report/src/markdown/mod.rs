//! `report.md`: the answer, the pictures, the table, what to beware of, and where it all came from.

mod cells;
mod notes;

use std::fmt::Write as _;

use gradus_runner::{Results, experiment_text};

use crate::cells::Survey;
use crate::charts::Chart;
use crate::numbers::counted;
use crate::verdict::Verdict;

/// The whole page. Nothing in it depends on the clock or on where the folder stands.
pub(crate) fn text(survey: &Survey<'_>, verdict: &Verdict, charts: &[&Chart]) -> String {
    let results = survey.results;
    let name = &results.experiment.name;
    let question = if results.question.is_empty() { name } else { &results.question };
    let mut page = format!("# {question}\n\n**{}**\n", verdict.sentence);
    for chart in charts {
        let _ = write!(
            page,
            "\n## {}\n\n![{}]({})\n\n{}\n",
            chart.heading, chart.heading, chart.file, chart.caption
        );
    }
    page.push_str("\n## Every cell\n\n");
    page.push_str(&cells::table(survey));
    page.push_str(&cells::rates(verdict));
    page.push_str(&cells::parameters(survey));
    page.push_str(&cells::sharpness(survey));
    page.push_str(&cells::gradients(survey));
    page.push_str("\n## To be read with it\n\n");
    for note in notes::all(survey, verdict) {
        let _ = writeln!(page, "- {note}");
    }
    let _ = write!(page, "\n## The experiment\n\n```ron\n{}\n```\n", resolved(results).trim_end());
    page.push_str(&provenance(survey));
    page
}

/// The experiment with every default written out, as a file that can be run.
pub(crate) fn resolved(results: &Results) -> String {
    format!("// {}\n{}\n", results.question, experiment_text(&results.experiment))
}

fn provenance(survey: &Survey<'_>) -> String {
    let data = &survey.results.data;
    let mut page = String::from("\n## Provenance\n\n| what | value |\n| --- | --- |\n");
    let mut row = |what: &str, value: String| {
        let _ = writeln!(page, "| {what} | {value} |");
    };
    let mut stamps: Vec<&str> = survey.records().map(|record| &*record.stamp).collect();
    stamps.sort_unstable();
    stamps.dedup();
    row("stamp", stamps.join("<br>"));
    let kind = if data.classes { "classes" } else { "target values a sample" };
    row("data", format!("{}; {} {kind}", data.input, data.target_width));
    row(
        "rows",
        format!(
            "{} training, {} validation, {} test",
            data.train_rows, data.validation_rows, data.test_rows
        ),
    );
    row("digest of the data", format!("`{}`", data.digest));
    row("digest of the results", format!("`{}`", survey.results.digest));
    let mut counts: Vec<u64> = survey.records().map(|record| record.parameter_count).collect();
    counts.sort_unstable();
    counts.dedup();
    let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
    row("parameters", counts.join(", "));
    row("runs", counted(survey.results.runs.len(), "run"));
    page
}
