//! Builds gradus in release mode and hands over to it.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::arguments::Arguments;
use crate::build_output;
use crate::process::{self, Failure};
use crate::setup::{self, Product};
use crate::workspace;

/// Any command that is not xtask's own: `cargo xtask run FILE.ron` and its like.
pub(crate) fn command(command: &OsString, arguments: &Arguments) -> Result<u8, Failure> {
    // First, as it may install a compiler too.
    let product = setup::product(arguments);
    workspace::demand_c_compiler()?;
    let program = build(product)?;
    let mut call = Command::new(program);
    call.arg(command).args(&arguments.rest);
    // Gradus uses one thread a product in any case. Told before it is loaded, OpenBLAS does not
    // even start the others, which would spin on the cores of the first runs.
    call.env("OPENBLAS_NUM_THREADS", "1");
    hand_over(call)
}

/// Builds the program and returns its path. Prints nothing where there is nothing to compile.
pub(crate) fn build(product: Product) -> Result<PathBuf, Failure> {
    let target = target_folder(product);
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--package", "gradus", "--target-dir"]).arg(&target);
    if product == Product::OpenBlas {
        cargo.args(["--features", "openblas"]);
    }
    if std::io::stderr().is_terminal() {
        // Cargo writes into our pipe, where by itself it would show neither colors nor progress.
        // It cannot know the width there; 80 columns is what every terminal has.
        cargo.env("CARGO_TERM_COLOR", "always");
        cargo.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "80");
    }
    cargo.stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = cargo.spawn().map_err(|error| process::cannot_start(&cargo, &error))?;
    if let Some(stderr) = child.stderr.take() {
        build_output::pass_on(stderr, std::io::stderr());
    }
    let status = child.wait().map_err(|error| process::cannot_start(&cargo, &error))?;
    if !status.success() {
        return Err(Failure::new("gradus was not built: cargo says above why"));
    }
    let program = target.join("release").join(format!("gradus{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    Err(Failure::new(format!(
        "gradus was built, but it is not at {}; a `build.target` in a cargo configuration puts it \
         elsewhere: take that out, or start it by `cargo run --release --package gradus`",
        program.display()
    )))
}

/// Each product has a target folder of its own. In one folder the two would take turns at
/// `release/gradus`: a run could start the other product than the one just built, and whoever
/// starts the file by hand could not tell which it is.
fn target_folder(product: Product) -> PathBuf {
    match product {
        Product::OpenBlas => workspace::target_folder(),
        Product::Embedded => workspace::target_folder().join("embedded"),
    }
}

/// Becomes the program: signals, exit code and terminal are its own. Returns only on failure.
#[cfg(unix)]
pub(crate) fn hand_over(mut call: Command) -> Result<u8, Failure> {
    use std::os::unix::process::CommandExt;
    workspace::forget_own_package(&mut call);
    let error = call.exec();
    Err(process::cannot_start(&call, &error))
}

/// Starts the program and passes its exit code on.
#[cfg(not(unix))]
pub(crate) fn hand_over(mut call: Command) -> Result<u8, Failure> {
    workspace::forget_own_package(&mut call);
    let status = call.status().map_err(|error| process::cannot_start(&call, &error))?;
    Ok(process::exit_code(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_products_never_share_an_executable() {
        let [openblas, embedded] = [Product::OpenBlas, Product::Embedded].map(target_folder);
        assert_ne!(openblas, embedded);
        assert!(embedded.starts_with(&openblas), "both lie where git ignores them");
        assert!(openblas.is_absolute());
    }
}
