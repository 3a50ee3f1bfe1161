//! A check against a baseline as Markdown, and the pictures of what moved.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gradus_runner::gate::Envelope;

use super::{CheckedFiles, GateLine};
use crate::charts::moved;
use crate::files::{ReportError, write_file};

/// The picture, in the folder of the results.
const FILE: &str = "moved.png";

/// What the curves of one cell came to, before and now, for a picture.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The cell in words; empty where there is one only.
    pub cell: String,
    /// The envelope in the baseline.
    pub before: Envelope,
    /// The envelope now, of the same measure.
    pub now: Envelope,
}

/// Claims and baselines as a page of Markdown: what fails comes first in each table, what is
/// equivalent is counted.
pub fn gate_page(files: &CheckedFiles) -> String {
    let CheckedFiles { claims, gates, skipped, refused } = files;
    let mut page = "# Checks\n".to_string();
    for case in gates {
        let sign = if case.fails { "**fails**" } else { "passes" };
        let _ = write!(page, "\n## `{}`: baseline {sign}\n\n{}\n", case.file, case.sentence);
        let is_notable = |line: &&GateLine| line.fails || line.verdict != "equivalent";
        let mut notable: Vec<&GateLine> = case.lines.iter().filter(is_notable).collect();
        notable.sort_by_key(|line| !line.fails);
        if notable.is_empty() {
            continue;
        }
        page.push_str(
            "\n| verdict | figure | cell | baseline | now | change | margin | shown from |  |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for line in notable {
            let verdict =
                if line.fails { format!("**{}**", line.verdict) } else { line.verdict.to_string() };
            let cells = [
                &verdict,
                &line.what,
                &line.cell,
                &line.before,
                &line.now,
                &line.change,
                &line.margin,
                &line.shown,
                &line.remark,
            ];
            row(&mut page, &cells);
        }
    }
    for case in claims {
        let held = case.held();
        let sign = if held == case.lines.len() { "hold" } else { "**fail**" };
        let _ = write!(
            page,
            "\n## `{}`: claims {sign}\n\n{held} of {} hold\n",
            case.file,
            case.lines.len()
        );
        let failed: Vec<_> = case.lines.iter().filter(|line| !line.holds).collect();
        if failed.is_empty() {
            continue;
        }
        page.push_str(
            "\n| claim | cell | measured | bound |  |\n| --- | --- | --- | --- | --- |\n",
        );
        for line in failed {
            row(&mut page, &[&line.what, &line.cell, &line.measured, &line.bound, &line.margin]);
        }
    }
    for (file, why) in refused {
        let _ = write!(page, "\n## `{file}`: **refused**\n\n{why}\n");
    }
    for file in skipped {
        let _ = write!(page, "\n## `{file}`: skipped, its data is not here\n");
    }
    page
}

fn row(page: &mut String, cells: &[&String]) {
    // What stands in a cell may not end it.
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

/// Removes the picture of an earlier check.
pub fn forget_moved(folder: &Path) {
    // One that stays behind is untidy, not wrong.
    let _ = std::fs::remove_file(folder.join(FILE));
}

/// Draws the envelopes of what moved, baseline and now on the same axes, into `folder`; returns the
/// picture's path.
///
/// # Errors
/// When it cannot be written.
pub fn draw_moved(name: &str, all: &[Moved], folder: &Path) -> Result<PathBuf, ReportError> {
    write_file(folder, FILE, &moved::draw(name, all).png())?;
    Ok(folder.join(FILE))
}
