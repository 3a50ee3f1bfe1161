//! `report`: draw again from what is stored.

use std::process::ExitCode;

use clap::Args;
use gradus_report::write_report;
use gradus_runner::{Store, stamp};
use serde_json::json;

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::output::{exit, print, print_json};

#[derive(Debug, Args)]
pub(crate) struct ReportCommand {
    /// The name of the experiment: the folder of its results.
    name: String,
    #[command(flatten)]
    place: ResultsPlace,
}

impl ReportCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let folder = self.place.out.join(&self.name);
        let nothing = || {
            Failure::usage(format!(
                "{}: no results of that name; `run` makes them",
                folder.join("runs.sqlite").display()
            ))
        };
        let store = Store::open_existing(&folder)?.ok_or_else(nothing)?;
        let plan = store.plan()?.ok_or_else(nothing)?;
        let results = store.results(&plan, &stamp())?;
        let report = write_report(&results, &folder)?;
        if self.place.json {
            print_json(&json!({ "verdict": report.verdict, "files": report.files }))?;
        } else {
            let state = if report.unchanged { "unchanged" } else { "written" };
            let page = folder.join("report.md");
            print(&format!("{}\nreport {state}: {}\n", report.verdict, page.display()))?;
        }
        Ok(exit(false))
    }
}
