//! `check`: train what is missing, hold the results against the claims of their files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use gradus_report::{CheckedCase, results_page};
use gradus_runner::{
    CHECKPOINT_EVERY, File, Finding, Folder, Interval, Results, has_checks, judge_checks, stamp,
};
use serde_json::{Value, json};

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::output::{counted, exit, json_number, print, print_json, say, write_file};
use crate::signals::Signals;
use crate::training::Training;

pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask check experiments/article.ron
  cargo xtask check --expect-skips 0
  cargo xtask check --write docs/RESULTS.md experiments/published/*.ron
Exit codes: 0 every claim holds; 1 one fails, or --expect-skips says another number; 2 a wrong file.";

#[derive(Debug, Args)]
pub(crate) struct CheckCommand {
    /// The experiment files; when none is given, every one in `experiments` that has claims.
    files: Vec<PathBuf>,
    /// The folder in which paths of a file that lead into `data/` are looked for.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    results: ResultsPlace,
    /// Runs that are trained at the same time; by default one a core. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Takes records that another engine, matrix product or machine made as they are.
    #[arg(long)]
    accept_stamp: bool,
    /// Fails unless exactly so many files are skipped because their data is not here.
    #[arg(long, value_name = "N")]
    expect_skips: Option<usize>,
    /// Writes published values and ours, side by side, to this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Every file in one of three ways.
#[derive(Default)]
struct Outcome {
    checked: Vec<Checked>,
    /// Files whose data is not here, with what is said of them.
    skipped: Vec<(PathBuf, String)>,
    refused: Option<Failure>,
}

/// A file whose claims were judged.
struct Checked {
    case: CheckedCase,
    findings: Vec<Finding>,
    trained: usize,
}

impl CheckCommand {
    pub(crate) fn run(self, signals: &Signals) -> Result<ExitCode, Failure> {
        let files = if self.files.is_empty() { with_checks()? } else { self.files.clone() };
        let mut outcome = Outcome::default();
        for path in &files {
            // One wrong file must not hide what the others hold.
            let checked = self.check(path, signals, &mut outcome);
            if signals.interruption.is_asked() {
                return checked.map(|()| ExitCode::from(signals.exit_code()));
            }
            if let Err(failure) = checked
                && let Some(earlier) = outcome.refused.replace(failure)
            {
                earlier.report();
            }
        }
        let lines = || outcome.checked.iter().flat_map(|checked| &checked.case.lines);
        let (all, held) = (lines().count(), lines().filter(|line| line.holds).count());
        let n_skipped = outcome.skipped.len();
        if self.results.json {
            print_json(&as_json(&outcome))?;
        } else {
            for (path, _) in &outcome.skipped {
                print(&format!("{}: skipped, its data is not here\n", path.display()))?;
            }
            let claims = counted(all, "claim");
            let skipped = counted(n_skipped, "file");
            print(&format!("{claims}: {held} held, {} failed; {skipped} skipped\n", all - held))?;
        }
        if let Some(refused) = outcome.refused {
            return Err(refused);
        }
        let is_expected = self.expect_skips.is_none_or(|expected| expected == n_skipped);
        if !is_expected {
            let expected = self.expect_skips.unwrap_or_default();
            say(&format!("error: {n_skipped} skipped, --expect-skips says {expected}"));
        }
        if let Some(page) = &self.write {
            write(page, &files, &outcome)?;
        }
        Ok(exit(held < all || !is_expected))
    }

    fn check(&self, path: &Path, signals: &Signals, outcome: &mut Outcome) -> Result<(), Failure> {
        let file = match File::read(path, self.data.as_deref()) {
            Err(errors) if errors.only_missing_data => {
                outcome.skipped.push((path.to_path_buf(), errors.text));
                return Ok(());
            }
            read => read?,
        };
        if file.plan.experiment.checks.is_empty() {
            return Err(Failure::usage(format!(
                "{}: it claims nothing; add what its results must show, such as `checks: [(claim: \
                 Above(0.9), source: \"…\")]`",
                path.display()
            )));
        }
        let mut folder = Folder::take(&self.results.out, &file.plan)?;
        let stamp = stamp();
        let (jobs, accept_stamp) = (self.jobs, self.accept_stamp);
        let training = Training {
            jobs,
            only: None,
            accept_stamp,
            checkpoint_every: CHECKPOINT_EVERY,
            signals,
        };
        say(&format!("{}: {}", path.display(), counted(file.plan.len(), "run")));
        let File { plan, dataset, .. } = file;
        let tally = training.train(&plan, dataset, &mut folder, &stamp)?;
        let results: Results = folder.store.results(&plan, &stamp)?;
        let findings = judge_checks(&results);
        let case = CheckedCase::new(&path.display().to_string(), &results, &findings);
        if !self.results.json {
            print(&format!("{}\n", case.table()))?;
        }
        outcome.checked.push(Checked { case, findings, trained: tally.written });
        Ok(())
    }
}

/// The experiments of the project that have claims, in order.
fn with_checks() -> Result<Vec<PathBuf>, Failure> {
    let top = Path::new("experiments");
    let mut found = Vec::new();
    let read = walk(top, &mut found);
    read.map_err(|error| {
        Failure::usage(format!("{}: {error}; name the files to check", top.display()))
    })?;
    found.sort();
    let mut chosen = Vec::new();
    for path in found {
        if has_checks(&path)? {
            chosen.push(path);
        }
    }
    if chosen.is_empty() {
        return Err(Failure::usage("experiments: no file there has `checks`; name one that has"));
    }
    Ok(chosen)
}

/// Every experiment file below `folder`, data aside.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && entry.file_name() != "data" {
            walk(&path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "ron") {
            found.push(path);
        }
    }
    Ok(())
}

/// A page that lacks what was skipped would take the place of a whole one.
fn write(page: &Path, files: &[PathBuf], outcome: &Outcome) -> Result<(), Failure> {
    if let Some((path, _)) = outcome.skipped.first() {
        return Err(Failure::usage(format!(
            "{}: not written, for the data of {} is not here; `plan` says where to get it",
            page.display(),
            path.display()
        )));
    }
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let command = format!("cargo xtask check --write {} {}", page.display(), names.join(" "));
    let cases: Vec<CheckedCase> =
        outcome.checked.iter().map(|checked| checked.case.clone()).collect();
    write_file(page, results_page(&cases, &command).as_bytes())
}

/// Numbers, or positions among the finding's cells.
fn interval(interval: Interval) -> Value {
    match interval {
        Interval::Numbers(ends) => json!({ "numbers": ends.map(json_number) }),
        Interval::Cells(ends) => json!({ "cells": ends }),
    }
}

fn as_json(outcome: &Outcome) -> Value {
    let finding = |finding: &Finding, case: &CheckedCase, index: usize| {
        let line = &case.lines[index];
        let cells: Vec<Value> = finding
            .cells
            .iter()
            .map(|cell| {
                let coordinates: serde_json::Map<String, Value> = cell
                    .coordinates
                    .iter()
                    .map(|c| (c.axis.to_string(), c.label.clone().into()))
                    .collect();
                let values: Vec<Value> = cell
                    .values
                    .iter()
                    .map(|(seed, value)| json!({ "seed": seed, "value": json_number(*value) }))
                    .collect();
                json!({
                    "cell": coordinates,
                    "number": json_number(cell.number),
                    "values": values,
                    "diverged": cell.diverged,
                    "without_result": cell.without_result,
                })
            })
            .collect();
        json!({
            "check": finding.check,
            "what": line.what,
            "cells": cells,
            "bound": line.bound,
            "best": finding.best,
            "interval": finding.interval.map(interval),
            "epoch": finding.epoch,
            "seed": finding.seed,
            "margin": json_number(finding.margin),
            "holds": finding.holds,
            "source": line.source,
        })
    };
    let checked = outcome.checked.iter().map(|Checked { case, findings, trained }| {
        let findings: Vec<Value> =
            findings.iter().enumerate().map(|(index, found)| finding(found, case, index)).collect();
        json!({
            "file": case.file,
            "name": case.name,
            "runs": case.n_runs,
            "trained": trained,
            "seconds": json_number(case.seconds),
            "findings": findings,
        })
    });
    let skipped = outcome.skipped.iter().map(|(path, why)| json!({ "file": path, "why": why }));
    json!({ "checked": checked.collect::<Vec<_>>(), "skipped": skipped.collect::<Vec<_>>() })
}
