//! `check`: train what is missing, hold the results against the claims of their files and their
//! baselines.

use std::borrow::Cow;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use gradus_report::{CheckedCase, CheckedFiles, GateCase, gate_page, junit, results_page};
use gradus_runner::data::Dataset;
use gradus_runner::gate::{Baseline, BaselineError};
use gradus_runner::{
    CHECKPOINT_EVERY, File, Finding, Folder, Interval, Plan, Results, has_checks, judge_checks,
    stamp,
};
use serde_json::{Value, json};

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::gating::{BASELINES, Gated, Gating};
use crate::output::{counted, exit, json_number, print, print_json, say, shown, write_file};
use crate::signals::Signals;
use crate::training::Training;

pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask check experiments/article.ron
  cargo xtask check --expect-skips 0
  cargo xtask check --write docs/RESULTS.md experiments/published/*.ron
  cargo xtask check --junit check.xml experiments/guarded/*.ron
Where GITHUB_STEP_SUMMARY names a file, a page of Markdown is added to it.
Exit codes: 0 every claim and baseline holds; 1 one fails, or --expect-skips says another number;
2 a wrong file or baseline.";

#[derive(Debug, Args)]
pub(crate) struct CheckCommand {
    /// The experiment files; when none is given, every one in `experiments` with claims or a gate.
    files: Vec<PathBuf>,
    /// The folder in which paths of a file that lead into `data/` are looked for.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    results: ResultsPlace,
    /// Runs that are trained at the same time; by default one a core. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// The folder of baselines.
    #[arg(long, value_name = "DIR", default_value = BASELINES)]
    baselines: PathBuf,
    /// Takes records that another engine, matrix product or machine made as they are.
    #[arg(long)]
    accept_stamp: bool,
    /// Fails unless exactly so many files are skipped because their data is not here.
    #[arg(long, value_name = "N")]
    expect_skips: Option<usize>,
    /// Writes published values and ours, side by side, to this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Writes the verdicts as JUnit's XML to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Every file in one of three ways.
#[derive(Default)]
struct Outcome {
    checked: Vec<Checked>,
    gated: Vec<Gated>,
    /// Files whose data is not here, with what is said of them.
    skipped: Vec<(PathBuf, String)>,
    /// Files that are wrong, or whose baseline is.
    refused: Vec<(PathBuf, Failure)>,
}

/// A file whose claims were judged.
struct Checked {
    case: CheckedCase,
    findings: Vec<Finding>,
    trained: usize,
}

impl Outcome {
    fn cases(&self) -> CheckedFiles {
        let name = |path: &PathBuf| path.display().to_string();
        let refused =
            self.refused.iter().map(|(path, why)| (name(path), why.message().trim().to_string()));
        CheckedFiles {
            claims: self.checked.iter().map(|checked| checked.case.clone()).collect(),
            gates: self.gated.iter().map(|gated| gated.case.clone()).collect(),
            skipped: self.skipped.iter().map(|(path, _)| name(path)).collect(),
            refused: refused.collect(),
        }
    }
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
            if let Err(failure) = checked {
                outcome.refused.push((path.clone(), failure));
            }
        }
        if self.files.is_empty() {
            self.refuse_orphans(&mut outcome);
        }
        let lines = || outcome.checked.iter().flat_map(|checked| &checked.case.lines);
        let (all, held) = (lines().count(), lines().filter(|line| line.holds).count());
        let n_skipped = outcome.skipped.len();
        let n_failing = outcome.gated.iter().filter(|gated| gated.case.fails).count();
        if self.results.json {
            print_json(&as_json(&outcome))?;
        } else {
            for (path, _) in &outcome.skipped {
                print(&format!("{}: skipped, its data is not here\n", path.display()))?;
            }
            let claims = counted(all, "claim");
            let skipped = counted(n_skipped, "file");
            let failed = all - held;
            let baselines = match (outcome.gated.len(), n_failing) {
                (0, _) => String::new(),
                (n, failing) => {
                    let passed = n - failing;
                    format!("; {}: {passed} passed, {failing} failed", counted(n, "baseline"))
                }
            };
            let line = format!("{claims}: {held} held, {failed} failed{baselines}");
            print(&format!("{line}; {skipped} skipped\n"))?;
        }
        let told = self.tell_others(&outcome);
        let refused = outcome.refused.drain(..).map(|(_, failure)| failure).collect();
        if let Some(worst) = Failure::worst(refused) {
            if let Err(failure) = told {
                failure.report();
            }
            return Err(worst);
        }
        let fails = held < all || n_failing > 0;
        if let Err(failure) = told {
            // A verdict stands, whether or not it could be passed on.
            if !fails {
                return Err(failure);
            }
            failure.report();
        }
        let is_expected = self.expect_skips.is_none_or(|expected| expected == n_skipped);
        if !is_expected {
            let expected = self.expect_skips.unwrap_or_default();
            say(&format!("error: {n_skipped} skipped, --expect-skips says {expected}"));
        }
        if let Some(page) = &self.write {
            write(page, &files, &outcome)?;
        }
        Ok(exit(fails || !is_expected))
    }

    /// Baselines of experiments that are not among the project's any more hold nothing, and nobody
    /// would notice.
    fn refuse_orphans(&self, outcome: &mut Outcome) {
        let Ok(entries) = fs::read_dir(&self.baselines) else { return };
        let mut orphans: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        orphans.retain(|path| {
            let name = path.file_stem().unwrap_or_default();
            let is_baseline = path.extension().is_some_and(|extension| extension == "ron");
            let is_held = outcome.gated.iter().any(|gated| name == gated.case.name.as_str());
            is_baseline && !is_held
        });
        orphans.sort();
        // One whose file was skipped or refused has been told of already.
        if outcome.skipped.is_empty() && outcome.refused.is_empty() {
            outcome.refused.extend(orphans.into_iter().map(|path| {
                let help = "remove it, or bring its file and the `gate` in it back";
                let why =
                    format!("{}: no experiment is held by this baseline; {help}", path.display());
                (path, Failure::usage(why))
            }));
        }
    }

    fn check(&self, path: &Path, signals: &Signals, outcome: &mut Outcome) -> Result<(), Failure> {
        let file = match File::read(path, self.data.as_deref()) {
            Err(errors) if errors.only_missing_data => {
                outcome.skipped.push((path.to_path_buf(), errors.text));
                return Ok(());
            }
            read => read?,
        };
        let File { plan, dataset, .. } = file;
        let experiment = &plan.experiment;
        if experiment.checks.is_empty() && experiment.gate.is_none() {
            self.gate(path, &plan, &dataset, signals, outcome)?;
            return Err(Failure::usage(format!(
                "{}: it claims nothing and has no baseline; add what its results must show, such as \
                 `checks: [(claim: Above(0.9), source: \"…\")]`, or \
                 `gate: (margins: [(margin: 0.01)])` and then `cargo xtask accept {0}`",
                path.display()
            )));
        }
        self.gate(path, &plan, &dataset, signals, outcome)?;
        if !experiment.checks.is_empty() {
            self.claims(path, &plan, dataset, signals, outcome)?;
        }
        Ok(())
    }

    /// Holds the runs against the baseline, where the file has a gate.
    fn gate(
        &self,
        path: &Path,
        plan: &Plan,
        dataset: &Dataset,
        signals: &Signals,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let name = &plan.experiment.name;
        let place = Baseline::path(&self.baselines, name);
        let baseline = Baseline::read(&place)?;
        let Some(gate) = &plan.experiment.gate else {
            return match baseline {
                Some(_) => Err(Failure::usage(format!(
                    "{}: a baseline of {}, which has no `gate` any more; add the gate, or remove \
                     the baseline",
                    place.display(),
                    path.display()
                ))),
                None => Ok(()),
            };
        };
        let missing = || BaselineError::Missing { path: place.clone(), file: path.to_path_buf() };
        let baseline = baseline.ok_or_else(missing)?;
        baseline.fits(plan, &place)?;
        say(&format!("{}: baseline of {}", path.display(), counted(plan.len(), "run")));
        let mut gating = Gating::take(&self.results.out, plan, dataset, self.jobs, signals)?;
        let (comparison, picture) = gating.compare(&baseline)?;
        let case = GateCase::new(&path.display().to_string(), name, gate, &comparison);
        if !self.results.json {
            print(&case.table())?;
            if let Some(picture) = &picture {
                print(&format!("  what moved: {}\n", picture.display()))?;
            }
            print("\n")?;
        }
        outcome.gated.push(Gated { case, comparison, picture });
        Ok(())
    }

    /// Holds the results against the claims of the file.
    fn claims(
        &self,
        path: &Path,
        plan: &Plan,
        dataset: Dataset,
        signals: &Signals,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let mut folder = Folder::take(&self.results.out, plan)?;
        let stamp = stamp();
        let (jobs, accept_stamp) = (self.jobs, self.accept_stamp);
        let training = Training {
            jobs,
            only: None,
            seeds: None,
            accept_stamp,
            checkpoint_every: CHECKPOINT_EVERY,
            signals,
        };
        say(&format!("{}: {}", path.display(), counted(plan.len(), "run")));
        let tally = training.train(plan, Cow::Owned(dataset), &mut folder, &stamp)?;
        let results: Results = folder.store.results(plan, &stamp)?;
        let findings = judge_checks(&results);
        let case = CheckedCase::new(&path.display().to_string(), &results, &findings);
        if !self.results.json {
            print(&format!("{}\n", case.table()))?;
        }
        outcome.checked.push(Checked { case, findings, trained: tally.written });
        Ok(())
    }

    /// The verdicts for who does not read the terminal: JUnit's XML, and the page of a CI's step.
    fn tell_others(&self, outcome: &Outcome) -> Result<(), Failure> {
        let files = outcome.cases();
        if let Some(path) = &self.junit {
            write_file(path, junit(&files).as_bytes())?;
        }
        if let Some(path) = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            let page = gate_page(&files);
            let opened = OpenOptions::new().create(true).append(true).open(&path);
            let written = opened.and_then(|mut file| file.write_all(page.as_bytes()));
            written.map_err(|error| Failure::unwritten(&path, &error))?;
        }
        Ok(())
    }
}

/// The experiments of the project that have claims or a gate, in order.
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
        return Err(Failure::usage(
            "experiments: no file there has `checks` or a `gate`; name one that has",
        ));
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
    let skipped =
        outcome.skipped.iter().map(|(path, why)| json!({ "file": shown(path), "why": why }));
    let refused = outcome
        .refused
        .iter()
        .map(|(path, failure)| json!({ "file": shown(path), "why": failure.message().trim() }));
    json!({
        "checked": checked.collect::<Vec<_>>(),
        "gates": outcome.gated.iter().map(Gated::as_json).collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
        "refused": refused.collect::<Vec<_>>(),
    })
}
