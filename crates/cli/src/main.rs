//! The program `gradus`: parse, call, print, exit code. It holds no logic of its own.

#![forbid(unsafe_code)]

mod commands;
mod failure;
mod gating;
mod output;
mod signals;
mod stored;
mod training;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use gradus_runner::sabotage::is_removed;

use commands::{
    accept, bench, check, doctor, explain, forget, gradcheck, plan, report, run, status, verify,
    weights,
};
use failure::Failure;
use output::print;
use signals::Signals;

/// Trains neural networks by backpropagation and runs declarative experiments.
#[derive(Debug, Parser)]
#[command(name = "gradus", version, bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trains what is missing of an experiment, draws its report, prints the verdict.
    #[command(after_help = "Example: cargo xtask run experiments/sweep.ron --jobs 2")]
    Run(run::Run),
    /// Lists the runs of an experiment, what is there and what is missing; trains nothing.
    #[command(after_help = "Example: cargo xtask plan experiments/sweep.ron")]
    Plan(plan::PlanCommand),
    /// Draws the report of an experiment again, from what is stored.
    #[command(after_help = "Example: cargo xtask report sweep")]
    Report(report::ReportCommand),
    /// Trains what is missing of experiments and holds their results against their claims.
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckCommand),
    /// Trains an experiment's seeds and writes the baseline that `check` holds it against.
    #[command(after_help = accept::EXAMPLES)]
    Accept(accept::AcceptCommand),
    /// Holds every gradient of an experiment, or of the whole catalogue, against finite differences.
    #[command(
        after_help = "Examples:\n  cargo xtask gradcheck experiments/sweep.ron\n  cargo xtask gradcheck --all"
    )]
    Gradcheck(gradcheck::Gradcheck),
    /// Trains stored runs again in another way and compares every bit.
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::VerifyCommand),
    /// Says where each value of a run came from: an axis, a line of the file, or a default.
    #[command(after_help = "Example: cargo xtask explain sweep 3fa2")]
    Explain(explain::ExplainCommand),
    /// Holds the plan last asked for against what is stored.
    #[command(after_help = "Example: cargo xtask status sweep")]
    Status(status::StatusCommand),
    /// Drops records and checkpoints.
    #[command(after_help = forget::EXAMPLES)]
    Forget(forget::ForgetCommand),
    /// Writes the final weights of a run, where `record` names Weights, as a safetensors file.
    #[command(after_help = "Example: cargo xtask weights article 3f --to article.safetensors")]
    Weights(weights::WeightsCommand),
    /// Measures how fast this machine trains, beside the floor that matrix products alone set.
    #[command(after_help = bench::EXAMPLES)]
    Bench(bench::Bench),
    /// Says what this program computes with: its matrix product, kernel and stamp.
    #[command(after_help = "Example: cargo xtask doctor")]
    Doctor(doctor::Doctor),
}

/// Where an experiment, its data and its results stand.
#[derive(Debug, Args)]
struct Place {
    /// The experiment file.
    file: PathBuf,
    /// The folder in which paths of the file that lead into `data/` are looked for.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    results: ResultsPlace,
}

/// Where results stand, and in which form they are printed.
#[derive(Debug, Args)]
struct ResultsPlace {
    /// The folder of all results.
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// Prints JSON with stable keys in place of text.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    quiet_workers();
    if !is_removed("threads") {
        gradus_core::use_one_thread();
    }
    let signals = Signals::default();
    if !is_removed("signals") {
        signals.listen();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(said) => return told(&said).unwrap_or_else(Failure::report),
    };
    let done = match arguments.command {
        Command::Run(command) => command.run(&signals),
        Command::Plan(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Check(command) => command.run(&signals),
        Command::Accept(command) => command.run(&signals),
        Command::Gradcheck(command) => command.run(),
        Command::Verify(command) => command.run(&signals),
        Command::Explain(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Forget(command) => command.run(),
        Command::Weights(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Doctor(command) => command.run(),
    };
    done.unwrap_or_else(Failure::report)
}

/// What is said in place of a command: help and version, or what is wrong with the arguments.
fn told(said: &clap::Error) -> Result<ExitCode, Failure> {
    let text = said.render().to_string();
    if said.use_stderr() {
        return Err(Failure::arguments(text));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// A panic in a worker is the outcome of its run and is reported as such; anywhere else it is a
/// fault of this program, and says so.
fn quiet_workers() {
    std::panic::set_hook(Box::new(|panic| {
        let name = std::thread::current().name().unwrap_or_default().to_string();
        if !name.starts_with(gradus_runner::WORKER_NAME) {
            // A panic within this hook would abort, and nobody would see why.
            let message = format!("error: a fault in gradus itself, please report it: {panic}\n");
            let _ = std::io::stderr().write_all(message.as_bytes());
        }
    }));
}
