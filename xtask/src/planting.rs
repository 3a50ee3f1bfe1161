//! Where faults are planted: a copy of the sources, one fault at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::fault_file::Fault;
use crate::process::{self, Failure, wait_at_most};
use crate::workspace;

/// A fault may make a loop endless; a build of all dependencies stays far below this.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);

/// Nearly all of the time is compiling what a fault touches, over and over. Without debug
/// information, without optimizing across the units of a crate, and with kernels that need not be
/// fast, that is less than half.
const PROFILE: [(&str, &str); 2] =
    [("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_PROFILE_DEV_LTO", "off")];
const PLAIN_KERNELS: [&str; 2] = ["--config", "profile.dev.package.gradus-core.opt-level=1"];

/// A copy of the sources, and a build folder that is kept between calls.
pub(crate) struct Bench {
    tree: PathBuf,
    pub(crate) build: PathBuf,
    log: PathBuf,
    /// Nobody else plants faults in the same copy meanwhile.
    _lock: File,
}

/// All faults of a folder of the workspace by name, or the one called `name`.
pub(crate) fn choose(folder_name: &str, name: Option<&str>) -> Result<Vec<Fault>, Failure> {
    let folder = workspace::root().join(folder_name);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "fault"));
    paths.sort();
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let names: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    if names.is_empty() {
        return Err(Failure::new(format!(
            "{folder_name} has no *.fault, so nothing shows that anything sees"
        )));
    }
    if let Some(name) = name {
        paths.retain(|path| stem(path) == name);
        if paths.is_empty() {
            return Err(Failure::wrong_use(format!(
                "no fault is called `{name}`; there are: {}",
                names.join(", ")
            )));
        }
    }
    let parse =
        |path: &PathBuf| Fault::parse(&stem(path), &workspace::read(path)?).map_err(Failure::new);
    paths.iter().map(parse).collect()
}

impl Bench {
    /// In this folder of the target folder.
    pub(crate) fn set_up(name: &str) -> Result<Self, Failure> {
        let folder = workspace::target_folder().join(name);
        let bench = Self {
            tree: folder.join("tree"),
            build: folder.join("build"),
            log: folder.join("log"),
            _lock: workspace::lock(&folder)?,
        };
        let failed = |error| {
            Failure::new(format!("cannot copy the sources to {}: {error}", bench.tree.display()))
        };
        if bench.tree.exists() {
            fs::remove_dir_all(&bench.tree).map_err(failed)?;
        }
        copy_sources(workspace::root(), &bench.tree).map_err(failed)?;
        Ok(bench)
    }

    /// Plants the fault, does `work`, and puts the right text back; `Err` inside where the fault no
    /// longer fits.
    pub(crate) fn with<R>(
        &self,
        fault: &Fault,
        work: impl FnOnce() -> Result<R, Failure>,
    ) -> Result<Result<R, String>, Failure> {
        let path = self.tree.join(&fault.file);
        let right = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return Ok(Err(format!("stale: {} cannot be read: {error}", fault.file))),
        };
        let wrong = match fault.apply(&right) {
            Ok(text) => text,
            Err(stale) => return Ok(Err(stale)),
        };
        workspace::write(&path, &wrong)?;
        let result = work();
        // Written anew, so that its time is newer than the faulty build and cargo sees the change.
        workspace::write(&path, &right)?;
        result.map(Ok)
    }

    /// A call of cargo in the copy.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut cargo: Command = workspace::cargo();
        cargo.current_dir(&self.tree).args(arguments).args(PLAIN_KERNELS);
        cargo.arg("--target-dir").arg(&self.build).envs(PROFILE);
        cargo
    }

    /// Whether cargo succeeded in the copy (`None`: it took too long), and what it printed.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<(Option<bool>, String), Failure> {
        let (code, output) = self.logged(&mut self.command(arguments))?;
        Ok((code.map(|code| code == 0), output))
    }

    /// The exit code of a program (`None`: it took too long), and all that it printed.
    pub(crate) fn logged(&self, command: &mut Command) -> Result<(Option<u8>, String), Failure> {
        let cannot_log =
            |error| Failure::new(format!("cannot write {}: {error}", self.log.display()));
        let log = File::create(&self.log).map_err(cannot_log)?;
        // Both outputs into one file: a pipe that nobody empties would stop a talkative program.
        command.stdin(Stdio::null()).stderr(log.try_clone().map_err(cannot_log)?).stdout(log);
        let status = wait_at_most(process::spawn_group(command)?, LIMIT)?;
        Ok((status.map(process::exit_code), workspace::read(&self.log)?))
    }
}

/// Copies what cargo needs: all but build folders, git's own, data and results.
///
/// Files are written, not copied: on some systems a copy keeps the old time, and cargo would take
/// what it built from a faulty text for up to date.
fn copy_sources(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let left_out = matches!(name.to_str(), Some(".git" | "data" | "results"))
            && path.parent().is_some_and(|folder| {
                folder == workspace::root() || folder.ends_with("experiments")
            });
        // Cargo marks its target folders so.
        if left_out || path.join("CACHEDIR.TAG").exists() {
            continue;
        }
        if path.is_dir() {
            copy_sources(&path, &to.join(name))?;
        } else {
            fs::write(to.join(name), fs::read(&path)?)?;
        }
    }
    Ok(())
}
