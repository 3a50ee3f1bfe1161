//! Everything a person looks at: tables, charts and the report, drawn from the results alone.
//!
//! [`write_report`] is the front door. Read on in the order of the modules: `cells` puts the runs in
//! order, `verdict` answers the question, `tables` and `markdown` write,
//! `canvas`, `colors` and `axes` are what the `charts` are drawn with. Nothing here reads a
//! clock, a folder of the machine or an unordered map: equal results give equal bytes.

#![forbid(unsafe_code)]

mod numbers;
mod cells;
mod verdict;
mod tables;
mod markdown;
mod canvas;
mod colors;
mod axes;
mod charts;
mod files;
mod checks;
mod gate;
mod performance;

use std::path::{Path, PathBuf};

use gradus_runner::Results;

use crate::cells::Survey;
use crate::files::{read_note, write_file, write_note};

pub use checks::{CheckLine, CheckedCase, results_page};
pub use files::ReportError;
pub use gate::{
    CheckedFiles, GateCase, GateLine, Moved, changes, draw_moved, forget_moved, gate_page, junit,
    unreached, unresolved,
};
pub use performance::{Machine, Performance, cliff_sentence, write_performance};
pub use verdict::{Best, Border, Edge, RateVerdict, Verdict, verdict};

/// Version of what is drawn: it changes when the same results give another report, and makes
/// reports that are there be drawn anew.
pub const REPORT_VERSION: u32 = 6;

/// What [`write_report`] did.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The sentence that answers the experiment's question.
    pub verdict: String,
    /// Every file of the report, in the order in which they are written.
    pub files: Vec<PathBuf>,
    /// Whether all of them were there already, drawn from the same results.
    pub unchanged: bool,
}

/// Draws and writes everything into `folder`: the tables, the charts and `report.md`.
///
/// Every file is written under another name and renamed, so that a reader never sees half of
/// one; `.report` notes last what was drawn from which results, and nothing is drawn again while
/// it still holds. Charts of an earlier report that the results no longer give are removed.
///
/// # Errors
/// When a file cannot be written.
pub fn write_report(results: &Results, folder: &Path) -> Result<Report, ReportError> {
    let survey = Survey::new(results);
    let verdict = verdict::verdict_of(&survey);
    let digest = format!("{} {REPORT_VERSION}", results.digest);
    let noted = read_note(folder);
    if let Some(names) = noted.names_if(&digest, folder) {
        let files = names.iter().map(|name| folder.join(name)).collect();
        return Ok(Report { verdict: verdict.sentence, files, unchanged: true });
    }
    let mut names = Vec::new();
    for (name, write) in tables::TABLES {
        let bytes = tables::text(&survey, write)
            .map_err(|error| ReportError::new(&folder.join(name), error))?;
        write_file(folder, name, &bytes)?;
        names.push(name);
    }
    let mut drawn = Vec::new();
    for chart in &charts::CHARTS {
        if let Some(canvas) = (chart.draw)(&survey) {
            write_file(folder, chart.file, &canvas.png())?;
            names.push(chart.file);
            drawn.push(chart);
        }
    }
    write_file(folder, "experiment.ron", markdown::resolved(results).as_bytes())?;
    names.push("experiment.ron");
    write_file(folder, "report.md", markdown::text(&survey, &verdict, &drawn).as_bytes())?;
    names.push("report.md");
    noted.remove_all_but(&names, folder);
    write_note(folder, &digest, &names)?;
    let files = names.iter().map(|name| folder.join(name)).collect();
    Ok(Report { verdict: verdict.sentence, files, unchanged: false })
}
