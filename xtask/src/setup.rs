//! Installs OpenBLAS where that needs no password, and decides which product a command is built with.

use std::io::{BufRead, IsTerminal};

use crate::arguments::Arguments;
use crate::openblas;
use crate::packages::{Installer, by_hand};
use crate::process::{self, Failure, message};
use crate::workspace;

/// Where the matrix product comes from: a feature of the crate core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Product {
    OpenBlas,
    /// In pure Rust, inside the program.
    Embedded,
}

/// Why an installation did not happen or did not help, in one sentence or some lines.
type Reason = String;

/// `cargo xtask setup`.
pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    arguments.words("setup", &[], 0)?;
    if arguments.no_setup {
        return Err(Failure::wrong_use("cargo xtask setup: --no-setup forbids what setup is for"));
    }
    if workspace::demand_c_compiler().is_ok()
        && let Ok(found) = openblas::find()
    {
        process::print(&format!(
            "nothing to do: OpenBLAS is there, by {} ({})",
            found.how, found.config
        ));
        return Ok(0);
    }
    let installed = install(Consent::Given).map_err(|reason| {
        Failure::new(format!("OpenBLAS was not set up: {reason}\nby hand, one of:\n{}", by_hand()))
    })?;
    process::print(&installed);
    Ok(0)
}

/// The product to build with. Sets OpenBLAS up where it is missing and that is allowed; else says
/// in one loud line that the embedded product serves, and why.
pub(crate) fn product(arguments: &Arguments) -> Product {
    if arguments.embedded {
        return Product::Embedded;
    }
    let missing = match openblas::find() {
        Ok(_) => return Product::OpenBlas,
        Err(reason) => reason,
    };
    let reason = if arguments.no_setup {
        format!("{missing}, and --no-setup forbids installing it")
    } else {
        match install(Consent::AskAtTerminal) {
            Ok(installed) => {
                message(&installed);
                return Product::OpenBlas;
            }
            Err(reason) => reason,
        }
    };
    // What a package manager printed stands above, so that the warning is one line.
    let (reason, details) = reason.split_once('\n').unwrap_or((&reason, ""));
    if !details.is_empty() {
        message(details.trim_end());
    }
    message(&format!(
        "WARNING: no OpenBLAS, so matrix products are the slower embedded ones, with other last \
         bits; `cargo xtask setup` mends it ({})",
        reason.trim_end_matches(':')
    ));
    Product::Embedded
}

/// Whether the person at the terminal has already said yes.
enum Consent {
    Given,
    AskAtTerminal,
}

/// Installs what is missing and looks again; the answer says what was done.
fn install(consent: Consent) -> Result<String, Reason> {
    let installer = Installer::of_this_machine()?;
    let packages = installer.packages(workspace::demand_c_compiler().is_err());
    let shown = installer.shown(&packages);
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if matches!(consent, Consent::AskAtTerminal) && terminal {
        message(&format!("OpenBLAS is missing. Install it now with `{shown}`? [Y/n]"));
        if !answered_yes(std::io::stdin().lock()) {
            return Err("you answered no".to_owned());
        }
    } else {
        message(&format!("OpenBLAS is missing, installing it: {shown}"));
    }
    installer.install(&packages).map_err(|tail| format!("`{shown}` failed:\n{tail}"))?;
    openblas::find()
        .map(|found| format!("installed OpenBLAS, found by {} ({})", found.how, found.config))
        .map_err(|reason| format!("`{shown}` succeeded, and still {reason}"))
}

/// An empty line is a yes, the end of the input is not.
fn answered_yes(mut input: impl BufRead) -> bool {
    let mut line = String::new();
    let length = input.read_line(&mut line).unwrap_or(0);
    length > 0 && matches!(line.trim().to_lowercase().as_str(), "" | "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_or_an_empty_line_installs() {
        for (typed, yes) in [
            ("\n", true),
            ("Y\n", true),
            ("yes\n", true),
            ("n\n", false),
            ("what\n", false),
            ("", false),
        ] {
            assert_eq!(answered_yes(typed.as_bytes()), yes, "typed {typed:?}");
        }
    }

    #[test]
    fn the_embedded_product_is_given_when_it_is_asked_for() {
        let arguments = Arguments { embedded: true, ..Arguments::default() };
        assert_eq!(product(&arguments), Product::Embedded);
    }
}
