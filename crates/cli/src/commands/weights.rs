//! `weights`: the final weights of a run as a safetensors file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gradus_runner::{Store, safetensors_bytes, stamp};
use serde_json::json;

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::output::{exit, print, print_json, shown, write_file};

#[derive(Debug, Args)]
pub(crate) struct WeightsCommand {
    /// The name of the experiment: the folder of its results.
    name: String,
    /// The key of the run, or its beginning; `plan` lists them.
    key: String,
    /// The file to write; one that is there is replaced.
    #[arg(long, value_name = "FILE.safetensors")]
    to: PathBuf,
    #[command(flatten)]
    place: ResultsPlace,
}

impl WeightsCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        // So that a slip of the pen replaces no file of another kind, such as a store of results.
        if self.to.extension().is_none_or(|extension| extension != "safetensors") {
            let message = format!("{}: not the name of a safetensors file", self.to.display());
            return Err(Failure::usage(format!("{message}; end it in `.safetensors`")));
        }
        let folder = self.place.out.join(&self.name);
        let nothing = || {
            let store = folder.join("runs.sqlite");
            Failure::usage(format!("{}: no results; `run` makes them", store.display()))
        };
        let store = Store::open_existing(&folder)?.ok_or_else(nothing)?;
        let plan = store.plan()?.ok_or_else(nothing)?;
        let mut keys = plan.keys.iter().filter(|key| key.starts_with(&self.key));
        let (Some(key), None) = (keys.next(), keys.next()) else {
            let message = format!("{}: not the beginning of exactly one key", self.key);
            return Err(Failure::usage(format!("{message}; `plan` lists the keys")));
        };
        let record = store.record(key, &stamp())?;
        let arrays = match &record {
            None => return Err(Failure::usage(format!("{key}: not trained; `run` does"))),
            Some(record) if record.arrays.is_empty() => {
                let message = format!("{key}: its weights were not kept");
                let help = "name Weights in `record` and run the experiment again";
                return Err(Failure::usage(format!("{message}; {help}")));
            }
            Some(record) => &record.arrays,
        };
        let unusable = |error: String| Failure::usage(format!("{}: {error}", self.to.display()));
        let bytes = safetensors_bytes(arrays, plan.experiment.train.precision).map_err(unusable)?;
        write_file(&self.to, &bytes)?;
        if self.place.json {
            print_json(&json!({ "key": **key, "file": shown(&self.to), "tensors": arrays.len() }))?;
        } else {
            let (count, path) = (arrays.len(), self.to.display());
            print(&format!("{count} tensors of run {key} written: {path}\n"))?;
        }
        Ok(exit(false))
    }
}
