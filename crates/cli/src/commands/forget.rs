//! `forget`: drop records and checkpoints.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use gradus_runner::{Folder, Forgotten, Selection, stamp};
use serde_json::json;

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::output::{counted, exit, print, print_json, visible};
use crate::stored::Stored;

pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask forget sweep 3fa2
  cargo xtask forget sweep --failed --yes
  cargo xtask forget sweep --other-stamps --other-plans
What is chosen by any of these is dropped, with its checkpoint; `run` trains it again where the plan
asks for it. Nothing else is touched.";

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true)))]
pub(crate) struct ForgetCommand {
    /// The name of the experiment: the folder of its results.
    name: String,
    /// Beginnings of keys: all that begin so are dropped.
    #[arg(group = "what", value_name = "KEY")]
    keys: Vec<String>,
    /// Runs that failed.
    #[arg(long, group = "what")]
    failed: bool,
    /// What was trained with another stamp than the present one.
    #[arg(long, group = "what")]
    other_stamps: bool,
    /// What the plan last asked for does not hold.
    #[arg(long, group = "what")]
    other_plans: bool,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: ResultsPlace,
}

impl ForgetCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        // Says what is wrong with the name before anything is taken.
        let Stored { plan, folder, .. } = Stored::open(&self.place.out, &self.name)?;
        if let Some(key) = self.keys.iter().find(|key| key.is_empty()) {
            let help = "name the beginning of a key, or --failed, --other-stamps, --other-plans";
            return Err(Failure::usage(format!("{key:?}: every key begins so; {help}")));
        }
        let mut folder = Folder::take_alone(&folder)?;
        let stamp = stamp();
        let selection = Selection {
            prefixes: &self.keys,
            failed: self.failed,
            other_stamps: self.other_stamps.then_some(stamp.as_str()),
            not_in: self.other_plans.then_some(&plan),
        };
        let chosen = folder.store.select(selection)?;
        let is_agreed = chosen.is_empty() || self.yes || agree(&chosen)?;
        let dropped = if is_agreed { chosen } else { Forgotten::default() };
        folder.store.forget(&dropped)?;
        if self.place.json {
            print_json(&json!({
                "records": dropped.records.len(),
                "checkpoints": dropped.checkpoints.len(),
            }))?;
        } else {
            print(&format!("dropped {}\n", words(&dropped)))?;
        }
        Ok(exit(false))
    }
}

fn words(chosen: &Forgotten) -> String {
    let records = counted(chosen.records.len(), "record");
    format!("{records} and {}", counted(chosen.checkpoints.len(), "checkpoint"))
}

/// Asks who sits at a terminal.
fn agree(chosen: &Forgotten) -> Result<bool, Failure> {
    let words = words(chosen);
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "{words} would be dropped, and there is no terminal to ask at; --yes drops them"
        )));
    }
    let question = format!("drop {words}, for good? [y/N] ");
    let _ = std::io::stderr().write_all(visible(&question).as_bytes());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    Ok(read.is_ok() && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
