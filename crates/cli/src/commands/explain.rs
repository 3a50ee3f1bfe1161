//! `explain`: where each value of a run came from.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use gradus_runner::{Explained, Origin, explain};
use serde_json::{Value, json};

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::output::{exit, print, print_json};
use crate::stored::{Stored, run_label};

#[derive(Debug, Args)]
pub(crate) struct ExplainCommand {
    /// The name of the experiment: the folder of its results.
    name: String,
    /// The key of the run, or its beginning; `plan` lists them.
    key: String,
    #[command(flatten)]
    place: ResultsPlace,
}

impl ExplainCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let stored = Stored::open(&self.place.out, &self.name)?;
        let position = stored.position(&self.key)?;
        let plan = &stored.plan;
        let explained = explain(plan, position);
        let path = relative(&plan.source.path);
        if self.place.json {
            let values: Vec<Value> = explained.iter().map(as_json).collect();
            let seed = plan.seed(position);
            print_json(&json!({
                "key": *plan.keys[position],
                "seed": seed,
                "file": path,
                "data": plan.data.digest,
                "values": values,
            }))?;
        } else {
            let head = format!("run {}: {}\n", plan.keys[position], run_label(plan, position));
            let data = &plan.data;
            let content =
                format!("data: {} training rows, digest {}\n\n", data.train_rows, data.digest);
            print(&(head + &content + &as_text(&explained, path)))?;
        }
        Ok(exit(false))
    }
}

/// As short as it can be said here.
fn relative(path: &Path) -> &Path {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path)
}

fn as_text(explained: &[Explained], path: &Path) -> String {
    let width = |text: fn(&Explained) -> &str| {
        explained.iter().map(|value| text(value).chars().count()).max().unwrap_or(0)
    };
    let (places, values) = (width(|value| &value.place), width(|value| &value.value));
    let line = |Explained { place, value, origin }: &Explained| {
        let origin = match origin {
            Origin::File { line, column } => format!("{}:{line}:{column}", path.display()),
            Origin::Axis { axis, value, values, line, column } => format!(
                "axis {axis}, value {value} of {values}: {}:{line}:{column}",
                path.display()
            ),
            Origin::Default => "default".to_string(),
        };
        format!("{place:<places$}  {value:<values$}  {origin}\n")
    };
    explained.iter().map(line).collect()
}

fn as_json(explained: &Explained) -> Value {
    let Explained { place, value, origin } = explained;
    match origin {
        Origin::File { line, column } => json!({
            "place": place, "value": value, "origin": "file", "line": line, "column": column,
        }),
        Origin::Axis { axis, value: number, values, line, column } => json!({
            "place": place, "value": value, "origin": "axis", "axis": axis,
            "number": number, "of": values, "line": line, "column": column,
        }),
        Origin::Default => json!({ "place": place, "value": value, "origin": "default" }),
    }
}
