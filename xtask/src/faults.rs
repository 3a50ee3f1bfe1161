//! `cargo xtask faults`: plants faults in a copy of the sources and demands that the tests see them.
//!
//! A gradient test that cannot fail looks like one that passes. Each `*.fault` file is one mistake;
//! it must compile, and the named tests must fail. Before that, the unpatched copy must pass.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::fault_file::{self, Fault};
use crate::process::{self, Failure, wait_at_most};
use crate::suite::Outcome;
use crate::tally::{Counts, Tally};
use crate::workspace;

const FOLDER: &str = "crates/core/tests/faults";
const PAGE: &str = "docs/FAULTS.md";

/// A fault may make a loop endless; a build of all dependencies stays far below this.
const LIMIT: Duration = Duration::from_secs(600);

/// Nearly all of the time is compiling what a fault touches, over and over. Without debug
/// information, without optimizing across the units of a crate, and with kernels that need not be
/// fast, that is less than half.
const PROFILE: [(&str, &str); 2] =
    [("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_PROFILE_DEV_LTO", "off")];
const PLAIN_KERNELS: [&str; 2] = ["--config", "profile.dev.package.gradus-core.opt-level=1"];

/// A fault with what its tests made of it.
struct Verdict {
    fault: Fault,
    /// The names of the tests that failed, or why the fault was not caught.
    caught: Result<Vec<String>, String>,
}

pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    let words = arguments.words("faults", &["--write"], 1)?;
    let name = words.first().copied();
    if name.is_some() && arguments.has("--write") {
        return Err(Failure::wrong_use(
            "cargo xtask faults: --write writes the table of all faults; leave out the name",
        ));
    }
    let verdicts = judge(choose(name)?)?;
    process::print(&table(&verdicts));
    if arguments.has("--write") {
        workspace::write(&workspace::root().join(PAGE), &page(&verdicts))?;
        process::message(&format!("wrote {PAGE}"));
    }
    Ok(u8::from(verdicts.iter().any(|verdict| verdict.caught.is_err())))
}

/// The step of `cargo xtask test`: each fault counts as one test.
pub(crate) fn step() -> Result<Outcome, Failure> {
    let verdicts = judge(choose(None)?)?;
    process::print(&table(&verdicts));
    if fs::read_to_string(workspace::root().join(PAGE)).is_ok_and(|text| text != page(&verdicts)) {
        process::print(&format!(
            "note: {PAGE} is out of date; `cargo xtask faults --write` renews it"
        ));
    }
    let mut outcome = Outcome::default();
    for Verdict { fault, caught } in verdicts {
        outcome.counts.add(if caught.is_ok() { Counts::PASSED } else { Counts::FAILED });
        outcome.failures.extend(caught.err().map(|why| format!("{}: {why}", fault.name)));
    }
    Ok(outcome)
}

/// All faults by name, or the one called `name`.
fn choose(name: Option<&str>) -> Result<Vec<Fault>, Failure> {
    let folder = workspace::root().join(FOLDER);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "fault"));
    paths.sort();
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let names: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    if names.is_empty() {
        return Err(Failure::new(format!(
            "{FOLDER} has no *.fault, so nothing shows that tests see"
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

fn judge(faults: Vec<Fault>) -> Result<Vec<Verdict>, Failure> {
    let bench = Bench::set_up()?;
    bench.demand_that_right_code_passes(&faults)?;
    let mut verdicts = Vec::new();
    for fault in faults {
        process::message(&format!("planting {}", fault.name));
        let caught = bench.try_fault(&fault)?;
        verdicts.push(Verdict { fault, caught });
    }
    Ok(verdicts)
}

/// Where faults are planted: a copy of the sources, and a build folder that is kept between calls.
struct Bench {
    tree: PathBuf,
    build: PathBuf,
    log: PathBuf,
    /// Nobody else plants faults in the same copy meanwhile.
    _lock: File,
}

/// How a test target ended.
enum Ended {
    Passed,
    Failed(Vec<String>),
    /// It did not come to a verdict.
    Broke(String),
}

impl Bench {
    fn set_up() -> Result<Self, Failure> {
        let folder = workspace::target_folder().join("faults");
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

    /// The control: without it, tests that fail for another reason would seem to catch each fault.
    fn demand_that_right_code_passes(&self, faults: &[Fault]) -> Result<(), Failure> {
        let mut targets: Vec<[&str; 2]> =
            faults.iter().map(|fault| [&*fault.package, &*fault.test]).collect();
        targets.sort_unstable();
        targets.dedup();
        for [package, test] in targets {
            let shown = shown(test);
            process::message(&format!("control: {package} {shown} without a fault"));
            let why = match self.test(package, test)? {
                Ended::Passed => continue,
                Ended::Failed(tests) => format!("{} failed", tests.join(", ")),
                Ended::Broke(why) => why,
            };
            return Err(Failure::new(format!(
                "{package} {shown} must pass before faults are planted: {why}"
            )));
        }
        Ok(())
    }

    /// Plants the fault, tests, and puts the right text back.
    fn try_fault(&self, fault: &Fault) -> Result<Result<Vec<String>, String>, Failure> {
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
        let ended = self.test(&fault.package, &fault.test);
        // Written anew, so that its time is newer than the faulty build and cargo sees the change.
        workspace::write(&path, &right)?;
        Ok(match ended? {
            Ended::Failed(tests) => Ok(tests),
            Ended::Passed => Err(format!("{} passes with the fault in it", shown(&fault.test))),
            Ended::Broke(why) => Err(why),
        })
    }

    fn test(&self, package: &str, test: &str) -> Result<Ended, Failure> {
        let (built, output) = self.cargo(package, test, &["--no-run"])?;
        if built != Some(true) {
            return Ok(Ended::Broke(format!("does not compile:\n{}", process::tail(&output, 12))));
        }
        let (passed, output) = self.cargo(package, test, &[])?;
        let mut tally = Tally::of(&output);
        // Tests end in any order; the table must not.
        tally.failed.sort();
        Ok(match passed {
            Some(true) if tally.counts.passed == 0 => Ended::Broke("no test ran".to_owned()),
            Some(true) => Ended::Passed,
            Some(false) if !tally.failed.is_empty() => Ended::Failed(tally.failed),
            Some(false) => {
                Ended::Broke(format!("died without naming a test:\n{}", process::tail(&output, 12)))
            }
            None => Ended::Broke(format!("still ran after {} s", LIMIT.as_secs())),
        })
    }

    /// Whether it succeeded (`None`: it took too long), and what it printed.
    fn cargo(
        &self,
        package: &str,
        test: &str,
        flags: &[&str],
    ) -> Result<(Option<bool>, String), Failure> {
        let cannot_log =
            |error| Failure::new(format!("cannot write {}: {error}", self.log.display()));
        let log = File::create(&self.log).map_err(cannot_log)?;
        let mut cargo: Command = workspace::cargo();
        cargo.current_dir(&self.tree).args(["test", "--package", package]);
        cargo
            .args(target(test))
            .args(PLAIN_KERNELS)
            .args(flags)
            .arg("--target-dir")
            .arg(&self.build);
        cargo.envs(PROFILE);
        // Both outputs into one file: a pipe that nobody empties would stop a talkative test.
        cargo.stdin(Stdio::null()).stderr(log.try_clone().map_err(cannot_log)?).stdout(log);
        let status = wait_at_most(process::spawn_group(&mut cargo)?, LIMIT)?;
        Ok((status.map(|status| status.success()), workspace::read(&self.log)?))
    }
}

/// How cargo calls a test target; `lib` stands for the tests inside of the sources.
fn target(test: &str) -> Vec<&str> {
    if test == fault_file::LIB { vec!["--lib"] } else { vec!["--test", test] }
}

fn shown(test: &str) -> String {
    target(test).join(" ")
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

fn table(verdicts: &[Verdict]) -> String {
    let width = |of: fn(&Verdict) -> usize, title: usize| {
        verdicts.iter().map(of).max().unwrap_or(0).max(title)
    };
    let names = width(|verdict| verdict.fault.name.len(), 5);
    let files = width(|verdict| verdict.fault.file.len(), 4);
    let mut text = format!("{:<names$} | {:<files$} | caught by\n", "fault", "file");
    for Verdict { fault, caught } in verdicts {
        let caught = match caught {
            Ok(tests) => tests.join(", "),
            Err(why) => format!("NOT CAUGHT: {}", why.trim_end()),
        };
        text.push_str(&format!("{:<names$} | {:<files$} | {caught}\n", fault.name, fault.file));
    }
    text.push_str(&closing_line(verdicts));
    text
}

fn closing_line(verdicts: &[Verdict]) -> String {
    let caught = verdicts.iter().filter(|verdict| verdict.caught.is_ok()).count();
    format!("{caught} of {} caught\n", verdicts.len())
}

/// The same as a page of Markdown, with what each fault is.
fn page(verdicts: &[Verdict]) -> String {
    let mut text = format!(
        "# Planted faults\n\n\
         Written by `cargo xtask faults --write`; do not edit. Each row is one deliberate mistake \
         from `{FOLDER}/`, planted in a copy of the sources. It compiles, and the named tests fail. \
         The copy without a fault passes them.\n\n\
         | fault | what is wrong | file | caught by |\n| --- | --- | --- | --- |\n"
    );
    for Verdict { fault, caught } in verdicts {
        let caught = match caught {
            Ok(tests) => format!("`{}`", tests.join("`, `")),
            Err(_) => "**not caught**".to_owned(),
        };
        let about = fault.about.replace('|', "\\|");
        text.push_str(&format!("| {} | {about} | `{}` | {caught} |\n", fault.name, fault.file));
    }
    text.push_str(&format!("\n{}", closing_line(verdicts)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts() -> Vec<Verdict> {
        let text = "# The sign of |db| is wrong.\nfile src/affine.rs\n<<<<\n+\n====\n-\n>>>>\n";
        let fault = |name: &str| Fault::parse(name, text).expect("it is well formed");
        let tests = vec!["affine".to_owned(), "conv".to_owned()];
        vec![
            Verdict { fault: fault("bias_sign"), caught: Ok(tests) },
            Verdict { fault: fault("x"), caught: Err("no test ran\n".to_owned()) },
        ]
    }

    #[test]
    fn the_table_tells_caught_from_missed() {
        assert_eq!(
            table(&verdicts()),
            "fault     | file          | caught by\n\
             bias_sign | src/affine.rs | affine, conv\n\
             x         | src/affine.rs | NOT CAUGHT: no test ran\n\
             1 of 2 caught\n"
        );
    }

    #[test]
    fn the_page_escapes_what_would_break_its_table() {
        let page = page(&verdicts());
        assert!(page.contains(
            "| bias_sign | The sign of \\|db\\| is wrong. | `src/affine.rs` | `affine`, `conv` |\n"
        ));
        assert!(page.ends_with("| **not caught** |\n\n1 of 2 caught\n"), "{page}");
    }
}
