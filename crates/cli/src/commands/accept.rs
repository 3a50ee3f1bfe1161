//! `accept`: write the baseline that `check` holds an experiment against.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use gradus_report::{changes, unreached, unresolved};
use gradus_runner::File;
use gradus_runner::gate::Baseline;

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::gating::{BASELINES, Gating, without_gate};
use crate::output::{counted, exit, print, print_json, say, shown};
use crate::signals::Signals;
use serde_json::{Value, json};

pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask accept experiments/guarded/digits.ron
  cargo xtask accept --yes experiments/guarded/*.ron
Trains every seed of the file's sweep, shows what changes, asks, and writes NAME.ron, to be reviewed
and committed with what changed it.
Exit codes: 0 written, or nothing to change; 1 a margin is below what the seeds can resolve, or a
run has no value; 2 a wrong file, or nobody to ask. A file that cannot be accepted hides no other: of
several the worst decides.";

/// Below this share of its quantities a witness holds little.
const LEAST_HELD: f64 = 0.5;

#[derive(Debug, Args)]
pub(crate) struct AcceptCommand {
    /// The experiment files, each with a `gate`.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The folder in which paths of a file that lead into `data/` are looked for.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder of baselines.
    #[arg(long, value_name = "DIR", default_value = BASELINES)]
    baselines: PathBuf,
    #[command(flatten)]
    results: ResultsPlace,
    /// Runs that are trained at the same time; by default one a core. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Writes without asking.
    #[arg(long)]
    yes: bool,
}

impl AcceptCommand {
    pub(crate) fn run(self, signals: &Signals) -> Result<ExitCode, Failure> {
        let mut said = Vec::new();
        let mut is_refused = false;
        let mut failures = Vec::new();
        let mut named = BTreeMap::new();
        for (index, file) in self.files.iter().enumerate() {
            match self.accept(file, &mut named, signals) {
                Ok((written, document)) => {
                    is_refused |= !written;
                    said.push(document);
                }
                Err(failure) => {
                    let why = failure.message().trim();
                    said.push(json!({ "file": shown(file), "written": false, "error": why }));
                    failures.push(failure);
                }
            }
            let left = self.files.len() - index - 1;
            if signals.interruption.is_asked() && left > 0 {
                failures.push(Failure::left(
                    signals,
                    &format!("{} not looked at", counted(left, "further file")),
                ));
                break;
            }
        }
        if self.results.json {
            print_json(&json!({ "accepted": said }))?;
        }
        match Failure::worst(failures) {
            Some(worst) => Err(worst),
            None => Ok(exit(is_refused)),
        }
    }

    /// Whether the baseline stands as the results are, and what is said of it to scripts.
    /// `named` holds the names of the files before it.
    fn accept(
        &self,
        path: &Path,
        named: &mut BTreeMap<String, PathBuf>,
        signals: &Signals,
    ) -> Result<(bool, Value), Failure> {
        let File { plan, dataset, .. } = File::read(path, self.data.as_deref())?;
        if plan.experiment.gate.is_none() {
            return Err(without_gate(path));
        }
        let name = plan.experiment.name.clone();
        if let Some(other) = named.insert(name.clone(), path.to_path_buf()) {
            return Err(Failure::usage(format!(
                "{}: its name, {name}, is that of {} too, and a baseline belongs to one of them; \
                 name one of them otherwise",
                path.display(),
                other.display()
            )));
        }
        let place = Baseline::path(&self.baselines, &plan.experiment.name);
        say(&format!("{}: {}", path.display(), counted(plan.len(), "run")));
        let mut gating = Gating::take(&self.results.out, &plan, &dataset, self.jobs, signals)?;
        let new = gating.baseline()?;
        let unreached = unreached(&new);
        if !unreached.is_empty() {
            say(&format!("warning: {}: {}", path.display(), unreached.join("\n  ")));
        }
        let unresolved = unresolved(&new);
        if !unresolved.is_empty() {
            let lines = unresolved.join("\n  ");
            say(&format!(
                "error: {}: margins below what {} can resolve (a change of one margin found in 90 \
                 % of checks, none found without a change in 99.9 %):\n  {lines}\nraise `seeds` of \
                 the sweep, or the margins of the gate; nothing was written",
                path.display(),
                counted(new.seeds.len(), "seed")
            ));
            let document = json!({
                "file": shown(path), "written": false, "unresolved": unresolved, "unreached": unreached,
            });
            return Ok((false, document));
        }
        for witness in new.witness.iter().filter(|witness| witness.held() < LEAST_HELD) {
            let cell = if witness.cell.is_empty() { "" } else { ", " };
            say(&format!(
                "warning: {}: rounding alone moves most of the first steps (seed {}{cell}{}); a \
                 changed formula may be found by the statistics alone",
                path.display(),
                witness.seed,
                witness.cell
            ));
        }
        let old = self.old(&place)?;
        let changes = old.as_ref().map(|old| changes(old, &new));
        let lines = match &changes {
            None => vec!["a first baseline".to_string()],
            Some(changes) => changes.clone(),
        };
        let is_new = !lines.is_empty();
        if !self.results.json {
            let head = format!("{}: ", place.display());
            let what = if is_new { lines.join("\n  ") } else { "nothing changes".to_string() };
            print(&format!("{head}{what}\n"))?;
        }
        if is_new && !self.yes && !is_agreed(&place)? {
            say("not written");
            let document = json!({
                "file": shown(path), "written": false, "changes": lines, "unreached": unreached,
            });
            return Ok((false, document));
        }
        if is_new {
            new.write(&place)?;
        }
        let document = json!({
            "file": shown(path),
            "written": is_new,
            "changes": lines,
            "unreached": unreached,
            "to": shown(&place),
        });
        Ok((true, document))
    }

    /// The baseline that is there; one that cannot be read is said, and replaced.
    fn old(&self, place: &Path) -> Result<Option<Baseline>, Failure> {
        match Baseline::read(place) {
            Err(error) if error.is_about_content() => {
                say(&format!("warning: {error}"));
                Ok(None)
            }
            read => Ok(read?),
        }
    }
}

fn is_agreed(place: &Path) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "{}: nobody to ask whether it may be written; --yes writes without asking",
            place.display()
        )));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "write it? [y/N] ");
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    read.map_err(|error| Failure::usage(format!("no answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
