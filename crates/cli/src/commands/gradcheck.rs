//! `gradcheck`: finite differences over the very net, loss and penalties of a file.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gradus_runner::{CheckedCell, File, gradcheck};
use serde_json::json;

use super::gradient_table;
use crate::failure::Failure;
use crate::output::{exit, json_number, print, print_json};

#[derive(Debug, Args)]
pub(crate) struct Gradcheck {
    /// The experiment files.
    #[arg(required_unless_present = "all")]
    files: Vec<PathBuf>,
    /// Checks every layer and loss of the catalogue in place of a file.
    #[arg(long, conflicts_with_all = ["files", "data"])]
    all: bool,
    /// Writes the table of `--all` to this file, as a page of Markdown.
    #[arg(long, value_name = "FILE", requires = "all", conflicts_with = "files")]
    write: Option<PathBuf>,
    /// The folder in which paths of a file that lead into `data/` are looked for.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Prints JSON with stable keys in place of text.
    #[arg(long)]
    json: bool,
}

impl Gradcheck {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        if self.all {
            return gradient_table::run(self.json, self.write.as_deref());
        }
        let mut failed = false;
        let mut refused = None;
        let mut documents = Vec::new();
        for path in &self.files {
            // One file whose data is missing must not hide what the others hold.
            let file = match File::read(path, self.data.as_deref()) {
                Ok(file) => file,
                Err(errors) => {
                    if let Some(earlier) = refused.replace(Failure::from(errors)) {
                        earlier.report();
                    }
                    continue;
                }
            };
            let cells = match gradcheck(&file) {
                Ok(cells) => cells,
                Err(why) => {
                    let failure = Failure::shortage(&file.path, &why);
                    if let Some(earlier) = refused.replace(failure) {
                        earlier.report();
                    }
                    continue;
                }
            };
            for cell in cells {
                failed |= !cell.check.passed();
                if self.json {
                    documents.push(as_json(&file, &cell));
                } else {
                    print(&as_text(&file, &cell))?;
                }
            }
        }
        if self.json {
            print_json(&documents.into())?;
        }
        refused.map_or(Ok(exit(failed)), Err)
    }
}

fn as_text(file: &File, cell: &CheckedCell) -> String {
    let check = &cell.check;
    let verdict = if check.passed() { "pass" } else { "FAIL" };
    let mut text = format!(
        "{verdict}  {}  {}: {} of {} coordinates compared, {} beyond the bound, {} at a corner",
        file.path.display(),
        if cell.label.is_empty() { "its one model" } else { &cell.label },
        check.coordinates,
        cell.parameter_count,
        check.failures,
        check.corners,
    );
    if let Some(worst) = &check.worst {
        let _ = write!(
            text,
            "; worst {}: {:e} by backpropagation, {:e} by differences, {:.2} of the bound",
            worst.place, worst.analytic, worst.numeric, worst.share_of_bound
        );
    }
    text.push('\n');
    text
}

fn as_json(file: &File, cell: &CheckedCell) -> serde_json::Value {
    let check = &cell.check;
    json!({
        "file": file.path,
        "cell": cell.label,
        "passed": check.passed(),
        "parameters": cell.parameter_count,
        "compared": check.coordinates,
        "failures": check.failures,
        "corners": check.corners,
        "worst": check.worst.as_ref().map(|worst| json!({
            "place": worst.place,
            "analytic": json_number(worst.analytic),
            "numeric": json_number(worst.numeric),
            "share_of_bound": json_number(worst.share_of_bound),
        })),
    })
}
