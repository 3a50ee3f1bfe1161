//! `verify`: train stored runs again in another way, and hold the bits against the records.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gradus_runner::{Verified, VerifyError, stamp, verify};
use serde_json::json;

use crate::ResultsPlace;
use crate::failure::Failure;
use crate::output::{counted, print, print_json};
use crate::signals::Signals;
use crate::stored::Stored;

pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask verify sweep
  cargo xtask verify mnist --runs 1 --data DIR
Each run is trained by another number of threads than before, last to first, and every second one is
cut in its middle, saved, and carried on from what was saved.
Exit codes: 0 every bit is the same; 2 there is nothing to compare; 3 results differ.";

#[derive(Debug, Args)]
pub(crate) struct VerifyCommand {
    /// The name of the experiment: the folder of its results.
    name: String,
    /// Runs that are trained again, spread over the plan.
    #[arg(long, value_name = "N", default_value = "5",
          value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The folder in which paths of the file that lead into `data/` are looked for.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    place: ResultsPlace,
}

impl VerifyCommand {
    pub(crate) fn run(self, signals: &Signals) -> Result<ExitCode, Failure> {
        let Stored { store, mut plan, folder } = Stored::open(&self.place.out, &self.name)?;
        let data = plan.load(self.data.as_deref()).map_err(|said| {
            Failure::usage(format!(
                "{}: its data cannot be read as it was for training:\n{said}\n--data DIR says \
                 where it is",
                plan.source.path.display()
            ))
        })?;
        let interruption = &signals.interruption;
        let stamp = stamp();
        let verified = verify(&plan, &data, &store, &stamp, self.runs as usize, interruption);
        let verified = verified.map_err(|error| match error {
            VerifyError::Store(error) => error.into(),
            VerifyError::Shortage { .. } => Failure::shortage(&folder, &error.to_string()),
            VerifyError::Interrupted => Failure::left(signals, "nothing was changed"),
        })?;
        if verified.comparable == 0 {
            return Err(Failure::usage(format!(
                "{}: no run with the present stamp ({stamp}); bits are only promised for equal \
                 stamps; `run` trains what is missing",
                folder.display()
            )));
        }
        if self.place.json {
            print_json(&as_json(&verified))?;
        } else {
            print(&as_text(&verified))?;
        }
        Ok(if verified.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}

fn as_text(verified: &Verified) -> String {
    let mut text = String::new();
    for difference in &verified.differences {
        let (key, way, quantity) = (&difference.key, &difference.way, &difference.quantity);
        let (stored, again) = (&difference.stored, &difference.again);
        text += &format!(
            "run {key} trained again {way}: {quantity}: {stored} is stored, {again} came out\n"
        );
    }
    let compared = counted(verified.compared, "run");
    let differ = verified.differences.len();
    text += &format!(
        "{compared} of {} trained again, {} cut and carried on: {}\n",
        verified.comparable,
        verified.cut,
        if differ == 0 {
            "every bit is the same".to_string()
        } else {
            format!("{differ} differ; the machine, the library or this program is at fault")
        }
    );
    text
}

fn as_json(verified: &Verified) -> serde_json::Value {
    let differences: Vec<_> = verified
        .differences
        .iter()
        .map(|difference| {
            json!({
                "key": difference.key,
                "way": difference.way,
                "quantity": difference.quantity,
                "stored": difference.stored,
                "again": difference.again,
            })
        })
        .collect();
    json!({
        "compared": verified.compared,
        "cut": verified.cut,
        "comparable": verified.comparable,
        "differences": differences,
    })
}
