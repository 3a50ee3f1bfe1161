//! The front door, `cargo xtask COMMAND`: finds or sets up OpenBLAS, builds gradus, hands over.
//!
//! Uses the standard library alone, so that it is there in about a second on a fresh machine and
//! can speak before anything else is compiled. Whatever is not listed in `own_command` is gradus's.

#![forbid(unsafe_code)]

mod arguments;
mod help;
mod process;
mod workspace;

mod openblas;
mod packages;
mod setup;

mod build_output;
mod program;

mod doctor;
mod fault_file;
mod planting;
mod faults;
mod planted;
mod kernels;
mod instructions;
mod outside;
mod reliability;
mod suite;
mod tally;

mod bare;
mod chroot;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::Arguments;
use process::Failure;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_command_line(std::env::args_os().skip(1));
    let result = match arguments.take_command() {
        None => {
            process::print(help::OVERVIEW);
            Ok(0)
        }
        Some(command) => dispatch(&command, &arguments),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            process::message(&format!("error: {}", failure.message));
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(command: &OsString, arguments: &Arguments) -> Result<u8, Failure> {
    let name = command.to_str().unwrap_or_default();
    if matches!(name, "--help" | "-h" | "help") {
        process::print(help::OVERVIEW);
        return Ok(0);
    }
    let own_command = match name {
        "setup" => setup::command,
        "doctor" => doctor::command,
        "test" => suite::command,
        "faults" => faults::command,
        "planted" => planted::command,
        "kernels" => kernels::command,
        "instructions" => instructions::command,
        "reliability" => reliability::command,
        "bare" => bare::command,
        _ => return program::command(command, arguments),
    };
    if arguments.asks_for_help() {
        process::print(help::of(name));
        return Ok(0);
    }
    own_command(arguments)
}
