//! `doctor`: what this build computes with. `cargo xtask doctor` says before it what the machine has.

use std::process::ExitCode;

use clap::Args;
use gradus_runner::stamp;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{exit, print, print_json};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Prints JSON with stable keys in place of text.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let product = gradus_core::product_name();
        let cores = gradus_runner::cores();
        let version = env!("CARGO_PKG_VERSION");
        if self.json {
            let stamp = stamp();
            print_json(&json!({
                "version": version, "matrix_product": product, "stamp": stamp, "cores": cores,
            }))?;
        } else {
            print(&format!(
                "gradus          {version}\nmatrix product  {product}\nstamp           {}\n\
                 workers         {cores} (one run each; each product uses one thread)\n",
                stamp()
            ))?;
        }
        Ok(exit(false))
    }
}
