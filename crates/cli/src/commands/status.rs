//! `status`: the plan last asked for against what is stored.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use gradus_runner::{Status, stamp};
use serde_json::json;

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::output::{counted, exit, print, print_json};
use crate::stored::{Stored, run_label};

#[derive(Debug, Args)]
pub(crate) struct StatusCommand {
    /// The name of the experiment: the folder of its results.
    name: String,
    #[command(flatten)]
    place: ResultsPlace,
}

impl StatusCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let stored = Stored::open(&self.place.out, &self.name)?;
        let stamp = stamp();
        let status = stored.store.status(&stored.plan, &stamp)?;
        if self.place.json {
            print_json(&as_json(&stored, &status))?;
        } else {
            print(&as_text(&stored, &status, &stamp))?;
        }
        Ok(exit(false))
    }
}

fn as_text(stored: &Stored, status: &Status, stamp: &str) -> String {
    let plan = &stored.plan;
    let mut text = format!(
        "{}: {} planned: {} there, {} with another stamp only, {} failed, {} missing\n",
        plan.experiment.name,
        counted(plan.len(), "run"),
        status.here.len(),
        status.other_stamp.len(),
        status.failed.len(),
        status.missing.len(),
    );
    let of = |key: &str| {
        let position = plan.keys.iter().position(|planned| **planned == *key);
        position.map_or("of another plan".to_string(), |position| run_label(plan, position))
    };
    for (position, message) in &status.failed {
        let key = &plan.keys[*position];
        let _ = writeln!(text, "  failed  {}  {}: {message}", &key[..12], of(key));
    }
    for entry in &status.checkpoints {
        let usable = if entry.stamp == stamp { "" } else { ", of another stamp" };
        let (key, step) = (&entry.key, entry.steps);
        let _ = writeln!(text, "  checkpoint  {}  {}: step {step}{usable}", short(key), of(key));
    }
    if status.unplanned > 0 {
        let records = counted(status.unplanned, "record");
        let _ = writeln!(text, "  {records} of other plans or stamps beside: `forget` drops them");
    }
    text
}

fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

fn as_json(stored: &Stored, status: &Status) -> serde_json::Value {
    let keys = |positions: &[usize]| {
        positions.iter().map(|&position| &*stored.plan.keys[position]).collect::<Vec<_>>()
    };
    let failed = status.failed.iter();
    let failed = failed
        .map(|(position, message)| json!({ "key": *stored.plan.keys[*position], "why": message }));
    let checkpoints = status
        .checkpoints
        .iter()
        .map(|entry| json!({ "key": entry.key, "stamp": entry.stamp, "steps": entry.steps }));
    json!({
        "name": stored.plan.experiment.name,
        "runs": stored.plan.len(),
        "there": keys(&status.here),
        "other_stamp": keys(&status.other_stamp),
        "missing": keys(&status.missing),
        "failed": failed.collect::<Vec<_>>(),
        "checkpoints": checkpoints.collect::<Vec<_>>(),
        "beside": status.unplanned,
    })
}
