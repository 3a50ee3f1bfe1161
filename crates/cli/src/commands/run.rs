//! `run`: train what is missing, draw the report, print the verdict.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use gradus_report::write_report;
use gradus_runner::{File, Folder, Outcome, stamp};
use serde_json::json;

use crate::Place;
use crate::failure::Failure;
use crate::output::{counted, exit, print, print_json};
use crate::signals::Signals;
use crate::training::Training;

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    place: Place,
    /// Runs that are trained at the same time; by default one a core. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Trains only the run whose key begins so.
    #[arg(long, value_name = "KEY")]
    only: Option<String>,
    /// Trains, and draws nothing.
    #[arg(long)]
    no_report: bool,
    /// Time between two checkpoints of a run that goes on, from which a killed process carries it on
    /// with the same bits; 0 writes none.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    checkpoint_every: Duration,
    /// Takes records that another engine, matrix product or machine made as they are.
    #[arg(long)]
    accept_stamp: bool,
}

impl Run {
    pub(crate) fn run(self, signals: &Signals) -> Result<ExitCode, Failure> {
        let File { plan, dataset, .. } = File::read(&self.place.file, self.place.data.as_deref())?;
        self.check_only(&plan.keys)?;
        let mut folder = Folder::take(&self.place.results.out, &plan)?;
        let stamp = stamp();
        let training = Training {
            jobs: self.jobs,
            only: self.only.as_deref(),
            seeds: None,
            accept_stamp: self.accept_stamp,
            checkpoint_every: self.checkpoint_every,
            signals,
        };
        let tally = training.train(&plan, Cow::Owned(dataset), &mut folder, &stamp)?;
        let outcomes = counts(&folder.store.outcomes(&plan, &stamp)?);
        let report = if self.no_report {
            None
        } else {
            let results = folder.store.results(&plan, &stamp)?;
            Some(write_report(&results, &folder.path)?)
        };
        let verdict = report.as_ref().map(|report| report.verdict.as_str());
        if self.place.results.json {
            print_json(&json!({
                "name": plan.experiment.name,
                "folder": folder.path,
                "runs": plan.len(),
                "trained": tally.written,
                "outcomes": outcomes,
                "verdict": verdict,
                "files": report.as_ref().map(|report| &report.files),
            }))?;
        } else {
            let of_each: Vec<String> =
                outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
            let runs = counted(plan.len(), "run");
            print(&format!("{runs}: {}\n", of_each.join(", ")))?;
            if let (Some(verdict), Some(report)) = (verdict, &report) {
                let state = if report.unchanged { "unchanged" } else { "written" };
                let page = folder.path.join("report.md");
                print(&format!("{verdict}\nreport {state}: {}\n", page.display()))?;
            }
        }
        Ok(exit(tally.failed > 0))
    }

    /// Before anything is written.
    fn check_only(&self, keys: &[Arc<str>]) -> Result<(), Failure> {
        match &self.only {
            Some(only) if !keys.iter().any(|key| key.starts_with(only.as_str())) => {
                Err(Failure::usage(format!(
                    "--only {only}: no run of {} has a key that begins so; `plan` lists them",
                    self.place.file.display()
                )))
            }
            _ => Ok(()),
        }
    }
}

/// A length of time.
fn seconds(text: &str) -> Result<Duration, String> {
    const ALLOWED: &str = "allowed: seconds from 0, such as 60 or 0.5";
    let seconds: f64 = text.parse().map_err(|_| ALLOWED)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| ALLOWED.to_string())
}

/// How many runs ended in each way.
fn counts(outcomes: &[Option<Outcome>]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for outcome in outcomes {
        let word = outcome.as_ref().map_or("missing", Outcome::word);
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}
