//! Where things lie: the workspace, its target folder, cargo and its companions.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, is_on_path, message};

/// The root of the workspace, whatever folder the command was called in.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The target folder as cargo would choose it, made absolute.
///
/// Every cargo is told it, so that a setting in a configuration file cannot put the executable
/// where it is not looked for.
pub(crate) fn target_folder() -> PathBuf {
    let chosen = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"]
        .into_iter()
        .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    match chosen {
        // Cargo reads these relative to where it was called, and so do we.
        Some(folder) => std::path::absolute(&folder).unwrap_or_else(|_| folder.into()),
        None => root().join("target"),
    }
}

/// A cargo that starts in the root of the workspace, as from a plain shell.
///
/// `cargo run` gives xtask the variables of xtask's own package. Build scripts that watch one of
/// them (ring's does) would run anew at each change between `cargo xtask` and a plain `cargo`.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Absolute, since the folder it starts in is not the one that a relative path was meant for.
    command.current_dir(root()).env("CARGO_TARGET_DIR", target_folder());
    forget_own_package(&mut command);
    command
}

/// Takes the variables that describe the package xtask out of what `command` inherits.
pub(crate) fn forget_own_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_a_package = text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || matches!(&*text, "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE");
        if of_a_package {
            command.env_remove(&name);
        }
    }
}

/// A program of the running toolchain, for instance `rustc`: beside cargo, else from PATH.
pub(crate) fn tool(name: &str) -> Command {
    let beside = std::env::var_os("CARGO")
        .and_then(|cargo| Some(Path::new(&cargo).parent()?.join(name)))
        .filter(|path| path.is_file());
    Command::new(beside.unwrap_or_else(|| name.into()))
}

/// Whether `cargo NAME` works here, for the companions that a toolchain may lack (`fmt`, `clippy`).
pub(crate) fn has_companion(name: &str) -> bool {
    // rustup leaves a proxy for every companion on PATH, there or not: only trying it tells.
    let mut command = cargo();
    command.args([name, "--version"]);
    crate::process::capture(&mut command).is_ok_and(|output| output.status.success())
}

/// Refuses, in one sentence, to go on where nothing can be linked.
///
/// Rust itself links by `cc`, and the C of SQLite needs it as well.
pub(crate) fn demand_c_compiler() -> Result<(), Failure> {
    if is_on_path("cc") || std::env::var_os("CC").is_some() || cfg!(windows) {
        return Ok(());
    }
    Err(Failure::new(
        "no C compiler: `cc` is not on PATH, and Rust links by it; \
         install it with `cargo xtask setup`, or set CC to the one you have",
    ))
}

/// Waits until no other process holds `folder`, and holds it until the answer is dropped. A lock of
/// the operating system, which ends with the process.
pub(crate) fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join("lock");
    let failed = |error| Failure::new(format!("cannot lock {}: {error}", path.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        message(&format!("another cargo xtask works in {}, waiting for it", folder.display()));
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

/// Reads a file of the workspace or says which one could not be read.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// Writes a file, with the folders above it, or says which one could not be written.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), Failure> {
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, content))
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}
