//! `cargo xtask doctor`: what this machine has, what is missing, and the one command that mends it.

use std::process::Command;

use crate::arguments::Arguments;
use crate::openblas;
use crate::process::{self, Failure, first_line};
use crate::program;
use crate::setup::Product;
use crate::workspace;

/// One line of the report.
struct Finding {
    name: &'static str,
    /// What was found.
    found: Result<String, Missing>,
}

/// What was not found.
struct Missing {
    reason: String,
    remedy: &'static str,
}

/// Prints its own findings, then hands over to `gradus doctor`, which adds kernel and stamp.
/// A diagnosis changes nothing: it never installs.
pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    let report = report(&findings());
    // With --json, stdout belongs to gradus alone, so that a script can parse it.
    if arguments.has("--json") {
        process::message(report.trim_end());
    } else {
        process::print(&report);
    }
    workspace::demand_c_compiler()?;
    let product = if arguments.embedded || openblas::find().is_err() {
        Product::Embedded
    } else {
        Product::OpenBlas
    };
    let mut call = Command::new(program::build(product)?);
    call.arg("doctor").args(&arguments.rest);
    program::hand_over(call)
}

fn findings() -> Vec<Finding> {
    let missing = |reason: &str, remedy| Missing { reason: reason.to_owned(), remedy };
    let openblas = openblas::find()
        .map(|found| format!("{}, kernel {}, found by {}", found.config, found.kernel, found.how));
    let companion = |name: &'static str, remedy| Finding {
        name: if name == "fmt" { "rustfmt" } else { name },
        found: first_line(workspace::cargo().args([name, "--version"]))
            .ok_or(missing("not in this toolchain", remedy)),
    };
    vec![
        Finding { name: "rustc", found: rustc() },
        Finding {
            name: "C compiler",
            found: first_line(Command::new("cc").arg("--version"))
                .ok_or(missing("no `cc` on PATH", "cargo xtask setup")),
        },
        Finding {
            name: "pkg-config",
            found: openblas::pkg_config_program()
                .and_then(|program| first_line(Command::new(program).arg("--version")))
                .ok_or(missing("not on PATH", "cargo xtask setup")),
        },
        Finding {
            name: "OpenBLAS",
            found: openblas.map_err(|reason| Missing { reason, remedy: "cargo xtask setup" }),
        },
        Finding { name: "cores", found: Ok(cores()) },
        companion("fmt", "rustup component add rustfmt"),
        companion("clippy", "rustup component add clippy"),
    ]
}

fn cores() -> String {
    std::thread::available_parallelism().map_or("unknown".to_owned(), |count| count.to_string())
}

/// The compiler against the oldest one that the manifest allows.
fn rustc() -> Result<String, Missing> {
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    let remedy = "rustup update stable";
    let Some(version) = first_line(workspace::tool("rustc").arg("--version")) else {
        return Err(Missing { reason: "does not start".to_owned(), remedy });
    };
    if is_at_least(&version, oldest) {
        return Ok(format!("{version} (the manifest asks for {oldest} or newer)"));
    }
    Err(Missing { reason: format!("{version}, but the manifest asks for {oldest}"), remedy })
}

/// Whether `rustc 1.95.0 (…)` is at least `1.89`.
fn is_at_least(version: &str, oldest: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        let number = text.split_whitespace().find(|word| word.contains('.')).unwrap_or_default();
        number.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
    };
    numbers(version) >= numbers(oldest)
}

fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut remedies: Vec<&str> = Vec::new();
    for Finding { name, found } in findings {
        match found {
            Ok(what) => text.push_str(&format!("{name:<12} {what}\n")),
            Err(Missing { reason, remedy }) => {
                text.push_str(&format!("{name:<12} MISSING: {reason}\n"));
                if !remedies.contains(remedy) {
                    remedies.push(remedy);
                }
            }
        }
    }
    match remedies.is_empty() {
        true => text.push_str("missing      nothing\n"),
        false => text.push_str(&format!("mend it      {}\n", remedies.join(" && "))),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, enough) in [
            ("rustc 1.95.0 (59807616e 2026-04-14)", true),
            ("rustc 1.89.0", true),
            ("rustc 1.100.0-nightly (abc 2027-01-01)", true),
            ("rustc 1.9.0 (old)", false),
            ("rustc 1.88.1", false),
        ] {
            assert_eq!(is_at_least(version, "1.89"), enough, "{version}");
        }
    }

    #[test]
    fn each_remedy_is_named_once() {
        let missing = |name| Finding {
            name,
            found: Err(Missing { reason: "not there".to_owned(), remedy: "cargo xtask setup" }),
        };
        let cores = Finding { name: "cores", found: Ok("2".to_owned()) };
        assert_eq!(
            report(&[missing("OpenBLAS"), missing("pkg-config"), cores]),
            "OpenBLAS     MISSING: not there\n\
             pkg-config   MISSING: not there\n\
             cores        2\n\
             mend it      cargo xtask setup\n"
        );
    }
}
