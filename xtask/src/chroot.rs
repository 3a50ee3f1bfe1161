//! A bare Debian in a folder, and commands run inside it.
//!
//! Everything is mounted in a mount namespace of its own, which ends with the command: however it
//! ends, nothing stays mounted, and removing the folder afterwards cannot reach what was mounted.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::packages::is_root;
use crate::process::{self, Failure, message};
use crate::workspace;

/// What a fresh machine has besides Rust: a C compiler, and certificates to download crates with.
const PACKAGES: &str = "gcc,libc6-dev,ca-certificates";
const SUITE: &str = "bookworm";
const LIMIT_OF_BASE: Duration = Duration::from_secs(900);

/// The programs that are needed outside.
const PROGRAMS: [&str; 7] = ["debootstrap", "setpriv", "unshare", "mount", "chroot", "git", "cp"];

/// Where programs are found, in the chroot and around it: no folder of the host's user.
const PATH: &str = "/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Mounts, and becomes the command: folder, toolchain, command.
const ENTER: &str = r#"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/opt/rust"
mount -o remount,bind,ro "$1/opt/rust"
exec chroot "$1" /bin/sh -c "cd /gradus && exec $3"
"#;

/// How this machine reaches registries is taken over at run time and stands in no file of ours.
const PASSED_ON: [&str; 14] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
];

/// What is missing on this machine to make chroots; empty when nothing is.
pub(crate) fn missing() -> Vec<String> {
    if !cfg!(target_os = "linux") {
        return vec!["Linux".to_owned()];
    }
    let programs = PROGRAMS.iter().filter(|name| !process::is_on_path(name));
    let mut missing: Vec<String> = programs.map(|name| format!("the program {name}")).collect();
    if !is_root() {
        missing.push("the rights of root".to_owned());
    }
    missing
}

/// Makes the bare system once; every case starts from a copy of it.
pub(crate) fn base(folder: &Path) -> Result<PathBuf, Failure> {
    let base = folder.join("base");
    let complete = folder.join("base.complete");
    if complete.exists() {
        message("using the bare system of last time (remove target/bare to make it anew)");
        return Ok(base);
    }
    remove(&base)?;
    message(&format!("making a bare Debian {SUITE}: minbase, {PACKAGES}"));
    let mut command = in_namespace();
    command.args(["debootstrap", "--variant=minbase"]).arg(format!("--include={PACKAGES}"));
    command.arg(SUITE).arg(&base).args(mirror());
    let log = folder.join("debootstrap.log");
    if !run_logged(&mut command, &log, LIMIT_OF_BASE)?.is_some_and(|status| status.success()) {
        let tail = process::tail(&workspace::read(&log)?, 8);
        return Err(Failure::new(format!("debootstrap failed or took too long:\n{tail}")));
    }
    // As on a fresh image: no lists of packages, so that set-up must fetch them.
    for folder in ["var/lib/apt/lists", "var/cache/apt/archives"] {
        remove(&base.join(folder))?;
    }
    take_over_clients(&base)?;
    workspace::write(&complete, "")?;
    Ok(base)
}

/// The mirror of this machine, if it is a Debian; else debootstrap knows one.
fn mirror() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    if !release.lines().any(|line| line == "ID=debian") {
        return None;
    }
    let sources = fs::read_dir("/etc/apt/sources.list.d").ok()?.filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = sources.map(|entry| entry.path()).collect();
    paths.sort();
    paths.insert(0, "/etc/apt/sources.list".into());
    paths
        .iter()
        .filter(|path| {
            path.extension().is_some_and(|ending| ending == "list" || ending == "sources")
        })
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|text| main_mirror(&text))
}

/// The first address of a Debian archive in a file of sources, of the old form or the new.
fn main_mirror(sources: &str) -> Option<String> {
    sources
        .lines()
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

/// Gives the system the host's name server, certificates and settings of apt and cargo.
fn take_over_clients(base: &Path) -> Result<(), Failure> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home =
        cargo_home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut files = vec![
        (PathBuf::from("/etc/resolv.conf"), PathBuf::from("etc/resolv.conf")),
        ("/etc/ssl/certs/ca-certificates.crt".into(), "etc/ssl/certs/ca-certificates.crt".into()),
    ];
    files.extend(
        cargo_home.map(|home| (home.join("config.toml"), "root/.cargo/config.toml".into())),
    );
    for entry in fs::read_dir("/etc/apt/apt.conf.d").into_iter().flatten().flatten() {
        // How things are fetched, and nothing that the host's administrator wants after installing.
        if fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("Acquire::")) {
            files.push((entry.path(), Path::new("etc/apt/apt.conf.d").join(entry.file_name())));
        }
    }
    for (from, to) in files {
        // What the host does not have, it does not need.
        if let Ok(text) = fs::read_to_string(&from) {
            workspace::write(&base.join(to), &text)?;
        }
    }
    Ok(())
}

/// Runs `command` in `/gradus` of a fresh copy of `base` that holds a clone of this repository.
/// `look` sees the folder of the clone before everything is removed. `None`: it took too long.
pub(crate) fn run_in_copy<T>(
    base: &Path,
    command: &str,
    log: &Path,
    limit: Duration,
    look: impl FnOnce(&Path) -> T,
) -> Result<(Option<ExitStatus>, T), Failure> {
    let system = base.with_file_name("case");
    remove(&system)?;
    let result = prepare(base, &system).and_then(|toolchain| {
        let mut enter = in_namespace();
        enter.args(["sh", "-euc", ENTER, "sh"]).arg(&system).arg(toolchain).arg(command);
        enter.env_clear().envs(environment());
        Ok((run_logged(&mut enter, log, limit)?, look(&system.join("gradus"))))
    });
    remove(&system)?;
    result
}

/// Copies the system, clones into it, and returns the toolchain to mount.
fn prepare(base: &Path, system: &Path) -> Result<OsString, Failure> {
    let sysroot = process::first_line(workspace::tool("rustc").args(["--print", "sysroot"]))
        .ok_or_else(|| Failure::new("rustc does not tell where its toolchain lies"))?;
    demand(Command::new("cp").args(["-a", "--reflink=auto"]).arg(base).arg(system))?;
    let clone = ["clone", "--quiet", "--no-hardlinks"];
    demand(Command::new("git").args(clone).arg(workspace::root()).arg(system.join("gradus")))?;
    fs::create_dir_all(system.join("opt/rust")).map_err(|error| {
        Failure::new(format!("cannot make a folder for the toolchain: {error}"))
    })?;
    Ok(sysroot.into())
}

fn demand(command: &mut Command) -> Result<(), Failure> {
    let output = process::capture(command)?;
    if output.status.success() {
        return Ok(());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let tail = process::tail(&String::from_utf8_lossy(&output.stderr), 8);
    Err(Failure::new(format!("`{program}` failed:\n{tail}")))
}

/// Mounts and processes of what follows end with it, and with xtask, however that ends.
fn in_namespace() -> Command {
    // The first process of a namespace hears no Ctrl-C: so the end of xtask kills `unshare`, and
    // the end of `unshare` kills what it started.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
    command
}

fn environment() -> Vec<(OsString, OsString)> {
    let passed = std::env::vars_os().filter(|(name, _)| is_passed_on(&name.to_string_lossy()));
    let own = [("PATH", PATH), ("HOME", "/root"), ("LANG", "C.UTF-8")];
    passed.chain(own.map(|(name, value)| (name.into(), value.into()))).collect()
}

fn is_passed_on(name: &str) -> bool {
    PASSED_ON
        .iter()
        .any(|known| name == *known || (known.ends_with('_') && name.starts_with(known)))
}

/// Runs with both outputs in the file `log` and an empty stdin, for no longer than `limit`.
fn run_logged(
    command: &mut Command,
    log: &Path,
    limit: Duration,
) -> Result<Option<ExitStatus>, Failure> {
    let cannot_log = |error| Failure::new(format!("cannot write {}: {error}", log.display()));
    let file = File::create(log).map_err(cannot_log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone().map_err(cannot_log)?).stderr(file);
    let child = command.spawn().map_err(|error| process::cannot_start(command, &error))?;
    process::wait_at_most(child, limit)
}

/// Removes a folder with all it holds, if it is there.
fn remove(folder: &Path) -> Result<(), Failure> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder)
        .map_err(|error| Failure::new(format!("cannot remove {}: {error}", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_found_in_both_forms_of_sources() {
        let new =
            "Types: deb\n# http://old.example/debian\nURIs: http://a.example/debian\nSuites: x\n";
        assert_eq!(main_mirror(new).as_deref(), Some("http://a.example/debian"));
        let old = "deb http://b.example/debian-security x main\ndeb [arch=amd64] http://b.example/debian/ x main\n";
        assert_eq!(main_mirror(old).as_deref(), Some("http://b.example/debian/"));
        assert_eq!(main_mirror("deb http://c.example/node x main\n"), None);
    }

    #[test]
    fn only_the_way_to_the_registries_is_passed_on() {
        for name in
            ["https_proxy", "SSL_CERT_FILE", "CARGO_HTTP_CAINFO", "CARGO_REGISTRIES_X_INDEX"]
        {
            assert!(is_passed_on(name), "{name}");
        }
        for name in
            ["PATH", "HOME", "CARGO_HOME", "CARGO_PKG_NAME", "OPENBLAS_CORETYPE", "SSL_CERT_FILES"]
        {
            assert!(!is_passed_on(name), "{name}");
        }
    }
}
