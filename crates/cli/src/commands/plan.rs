//! `plan`: the runs of an experiment, and what is there of them.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use gradus_runner::{Estimate, File, Plan, Presence, Store, estimate, stamp};
use serde_json::json;

use crate::Place;
use crate::failure::Failure;
use crate::output::{counted, exit, json_number, print, print_json};

#[derive(Debug, Args)]
pub(crate) struct PlanCommand {
    #[command(flatten)]
    place: Place,
}

impl PlanCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let file = File::read(&self.place.file, self.place.data.as_deref())?;
        let plan = &file.plan;
        let store = Store::open_existing(&self.place.results.out.join(&plan.experiment.name))?;
        let presence = match &store {
            Some(store) => store.presence(plan, &stamp())?,
            None => vec![Presence::Missing; plan.len()],
        };
        let estimate = estimate(&file, &presence);
        if self.place.results.json {
            print_json(&as_json(plan, &presence, &estimate))?;
        } else {
            print(&as_text(plan, &presence, &estimate))?;
        }
        Ok(exit(false))
    }
}

fn word(presence: Presence) -> &'static str {
    match presence {
        Presence::Here => "there",
        Presence::OtherStamp => "other stamp",
        Presence::Missing => "missing",
    }
}

fn cell_label(plan: &Plan, position: usize) -> String {
    let coordinates = plan.coordinates(plan.cell(position));
    let labels = coordinates.iter().map(|c| format!("{} {}", c.axis, c.label));
    labels.collect::<Vec<_>>().join(", ")
}

fn as_text(plan: &Plan, presence: &[Presence], estimate: &Estimate) -> String {
    let mut text = format!("{}\n\n", plan.question);
    for (position, key) in plan.keys.iter().enumerate() {
        let (seed, cell) = (plan.seed(position), cell_label(plan, position));
        let state = word(presence[position]);
        let _ = writeln!(text, "{position:>6}  {}  {state:<11}  seed {seed:<4} {cell}", &key[..12]);
    }
    let count = |state| presence.iter().filter(|&&there| there == state).count();
    let (missing, others) = (count(Presence::Missing), count(Presence::OtherStamp));
    let _ = match missing {
        0 => write!(text, "\n{}, none missing", counted(plan.len(), "run")),
        _ => write!(text, "\n{}, {missing} missing", counted(plan.len(), "run")),
    };
    if others > 0 {
        let _ = write!(
            text,
            ", {others} there with another stamp (trained anew but with `run --accept-stamp`)"
        );
    }
    if estimate.steps > 0 {
        let _ = write!(
            text,
            ": {} steps in all; about {:.1} s on this machine (from a few steps of each kind of \
             them), about {:.1} MB of results, at most {:.2} GB of memory for each run",
            estimate.steps,
            estimate.seconds,
            estimate.bytes as f64 / 1e6,
            estimate.memory as f64 / 1e9
        );
    }
    let _ = writeln!(text);
    if let Some((position, why)) = &estimate.refusal {
        let (runs, key) = (counted(estimate.refused, "run"), &plan.keys[*position][..12]);
        let _ = writeln!(text, "{runs} of them will fail, first {key}: {why}");
    }
    text
}

fn as_json(plan: &Plan, presence: &[Presence], estimate: &Estimate) -> serde_json::Value {
    let runs: Vec<_> = plan
        .keys
        .iter()
        .enumerate()
        .map(|(position, key)| {
            let coordinates: serde_json::Map<String, serde_json::Value> = plan
                .coordinates(plan.cell(position))
                .into_iter()
                .map(|c| (c.axis.to_string(), c.label.into()))
                .collect();
            json!({
                "position": position,
                "key": **key,
                "seed": plan.seed(position),
                "cell": coordinates,
                "state": word(presence[position]),
            })
        })
        .collect();
    json!({
        "name": plan.experiment.name,
        "question": plan.question,
        "digest": plan.digest(),
        "runs": runs,
        "missing_steps": estimate.steps,
        "estimated_seconds": json_number(estimate.seconds),
        "estimated_bytes": estimate.bytes,
        "estimated_memory": estimate.memory,
        "refused_runs": estimate.refused,
        "refused": estimate.refusal.as_ref().map(|(position, why)| {
            json!({ "key": *plan.keys[*position], "why": why })
        }),
    })
}
