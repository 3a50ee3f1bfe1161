//! `run`: train what is missing, draw the report, print the verdict.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use gradus_report::write_report;
use gradus_runner::{File, Folder, Presence, Results, stamp, train_runs};
use serde_json::json;

use crate::Place;
use crate::failure::Failure;
use crate::output::{counted, exit, print, print_json, say};

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
    /// Takes records that another engine, matrix product or machine made as they are.
    #[arg(long)]
    accept_stamp: bool,
}

impl Run {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let file = File::read(&self.place.file, self.place.data.as_deref())?;
        self.check_only(&file.plan.keys)?;
        let mut folder = Folder::take(&self.place.results.out, &file.plan)?;
        let stamp = stamp();
        let missing = self.missing(&file, &folder, &stamp)?;
        let tally = if missing.is_empty() {
            Default::default()
        } else {
            let jobs = self.jobs.map_or_else(cores, usize::from).min(missing.len());
            train_runs(&file, &mut folder.store, &missing, &stamp, jobs)?
        };
        if tally.doubles > 0 {
            say(&format!(
                "{} runs were trained by another process too, with equal bits",
                tally.doubles
            ));
        }
        let results = folder.store.results(&file.plan, &stamp)?;
        let report =
            if self.no_report { None } else { Some(write_report(&results, &folder.path)?) };
        let outcomes = outcomes(&results);
        let verdict = report.as_ref().map(|report| report.verdict.as_str());
        if self.place.results.json {
            print_json(&json!({
                "name": file.plan.experiment.name,
                "folder": folder.path,
                "runs": results.runs.len(),
                "trained": tally.written,
                "outcomes": outcomes,
                "verdict": verdict,
                "files": report.as_ref().map(|report| &report.files),
            }));
        } else {
            let of_each: Vec<String> =
                outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
            let runs = counted(results.runs.len(), "run");
            print(&format!("{runs}: {}\n", of_each.join(", ")));
            if let (Some(verdict), Some(report)) = (verdict, &report) {
                let state = if report.unchanged { "unchanged" } else { "written" };
                let page = folder.path.join("report.md");
                print(&format!("{verdict}\nreport {state}: {}\n", page.display()));
            }
        }
        Ok(exit(tally.failed > 0))
    }

    /// Before anything is written.
    fn check_only(&self, keys: &[String]) -> Result<(), Failure> {
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

    fn missing(&self, file: &File, folder: &Folder, stamp: &str) -> Result<Vec<usize>, Failure> {
        let keys = &file.plan.keys;
        let is_wanted = |position: &usize| {
            self.only.as_ref().is_none_or(|only| keys[*position].starts_with(only.as_str()))
        };
        let presence = folder.store.presence(&file.plan, stamp)?;
        let is_missing = |position: &usize| match presence[*position] {
            Presence::Here => false,
            Presence::OtherStamp => !self.accept_stamp,
            Presence::Missing => true,
        };
        let others = presence.iter().filter(|&&there| there == Presence::OtherStamp).count();
        if others > 0 && !self.accept_stamp {
            say(&format!(
                "{others} runs are there with another stamp and are kept; they are trained anew \
                 with this one ({stamp}); --accept-stamp takes them as they are"
            ));
        }
        Ok((0..keys.len()).filter(is_wanted).filter(is_missing).collect())
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn outcomes(results: &Results) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for run in &results.runs {
        let word = run.record.as_ref().map_or("missing", |record| record.outcome.word());
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}
