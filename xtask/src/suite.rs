//! `cargo xtask test`: the one test command, for a person and for CI alike.
//!
//! A step that fails does not stop the later ones. The last line is `N passed, N failed, N skipped`
//! over all tests and steps.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::arguments::Arguments;
use crate::faults;
use crate::instructions;
use crate::outside::Tool;
use crate::process::{self, Failure};
use crate::setup::{self, Product};
use crate::tally::{Counts, Tally};
use crate::workspace;

/// What one step gave.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    /// What failed, one line each.
    pub(crate) failures: Vec<String>,
    /// What was skipped and why, one line each.
    pub(crate) skips: Vec<String>,
}

impl Outcome {
    fn passed() -> Self {
        Self { counts: Counts::PASSED, ..Self::default() }
    }

    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self { counts: Counts::FAILED, failures: vec![why.into()], ..Self::default() }
    }

    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self { counts: Counts::SKIPPED, skips: vec![why.into()], ..Self::default() }
    }

    pub(crate) fn add_failure(&mut self, why: String) {
        self.counts.add(Counts::FAILED);
        self.failures.push(why);
    }

    pub(crate) fn add_skip(&mut self, why: String) {
        self.counts.add(Counts::SKIPPED);
        self.skips.push(why);
    }
}

/// A step that is done.
struct Step {
    name: &'static str,
    seconds: f64,
    outcome: Outcome,
}

pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    arguments.words("test", &[], 0)?;
    let mut steps = Vec::new();
    let mut product = Product::Embedded;
    take("openblas", &mut steps, || {
        product = setup::product(arguments);
        Ok(set_up(product, arguments))
    });
    workspace::demand_c_compiler()?;
    let features: &[&str] = match product {
        Product::OpenBlas => &["--features", "gradus/openblas"],
        Product::Embedded => &[],
    };
    take("fmt", &mut steps, || companion("fmt", "rustfmt", &["--all", "--check"]));
    let lint_all = [&["--workspace", "--all-targets"], features, DENY].concat();
    take("clippy", &mut steps, || companion("clippy", "clippy", &lint_all));
    let of_all = [&["--workspace"], features].concat();
    let test_all = || {
        let mut cargo = workspace::cargo();
        cargo.args(TEST).args(&of_all);
        cargo
    };
    take("tests", &mut steps, || tests(test_all(), SKIPS_WITHOUT_DATA, ROWS));
    // Of the program that the tests have just been built with.
    take("instructions", &mut steps, || instructions::step(product));
    let bench = faults::bench();
    let bench = || bench.as_ref().map_err(|failure| Failure::new(&failure.message));
    if product == Product::OpenBlas {
        // The other product: what only it compiles is neither linted nor tested above. Where faults
        // are planted, which needs the same programs.
        let lint_core = [&["--package", "gradus-core", "--all-targets"], DENY].concat();
        take("clippy embedded", &mut steps, || companion("clippy", "clippy", &lint_core));
        let test_core = || Ok(bench()?.command(&[TEST, EMBEDDED].concat()));
        take("tests embedded", &mut steps, || tests(test_core()?, SKIPS_OF_EMBEDDED, &[]));
    }
    take("doc", &mut steps, || doc(features));
    take("faults", &mut steps, || faults::step(bench()?));
    Ok(report(&steps))
}

const TEST: &[&str] = &["test", "--no-fail-fast"];
const DENY: &[&str] = &["--", "-D", "warnings"];

/// The crate whose code differs without OpenBLAS.
const EMBEDDED: &[&str] = &["--package", "gradus-core"];

/// Tests that need data which is not shipped: so many are skipped where `experiments/data` is not
/// there, as in CI. Any other number is a failure: a test that skips for another reason says
/// nothing, and would never be missed.
const SKIPS_WITHOUT_DATA: usize = 10;
const SKIPS_OF_EMBEDDED: usize = 0;

/// How many rows of the reliability table need each tool from outside. Where it is not here, so
/// many are skipped, and none where it is; any other number is a failure.
const ROWS: &[(Tool, usize)] = &[(Tool::Strace, 3), (Tool::SmallDisk, 3), (Tool::Permissions, 1)];

/// Announces a step, runs and times it. What hinders it is its failure, not the end of the suite.
fn take(
    name: &'static str,
    steps: &mut Vec<Step>,
    work: impl FnOnce() -> Result<Outcome, Failure>,
) {
    process::print(&format!("== {name}"));
    let start = Instant::now();
    let outcome = work().unwrap_or_else(|failure| Outcome::failed(failure.message));
    let seconds = start.elapsed().as_secs_f64();
    for failure in &outcome.failures {
        process::print(&format!("== {name}: FAILED: {failure}"));
    }
    process::print(&format!("== {name}: {seconds:.1} s"));
    steps.push(Step { name, seconds, outcome });
}

fn set_up(product: Product, arguments: &Arguments) -> Outcome {
    match product {
        Product::OpenBlas => Outcome::passed(),
        Product::Embedded if arguments.embedded => {
            Outcome::skipped("--embedded asks for the product without it")
        }
        Product::Embedded => Outcome::skipped(
            "not on this machine, so nothing that needs it was tested; \
             `cargo xtask setup` mends it",
        ),
    }
}

/// `cargo fmt` or `cargo clippy`; where the toolchain lacks it, that is a skip that is shown.
fn companion(name: &str, component: &str, arguments: &[&str]) -> Result<Outcome, Failure> {
    if !workspace::has_companion(name) {
        return Ok(Outcome::skipped(format!(
            "{component}: not in this toolchain; `rustup component add {component}` mends it"
        )));
    }
    judge(workspace::cargo().arg(name).args(arguments))
}

fn doc(features: &[&str]) -> Result<Outcome, Failure> {
    let mut cargo = workspace::cargo();
    cargo.args(["doc", "--workspace", "--no-deps"]).args(features);
    judge(cargo.env("RUSTDOCFLAGS", "-D warnings"))
}

/// A step that passes when its command succeeds.
fn judge(command: &mut Command) -> Result<Outcome, Failure> {
    let status = process::run(command)?;
    Ok(match status.success() {
        true => Outcome::passed(),
        false => Outcome::failed(format!("{} ({status})", shown(command))),
    })
}

/// The command as one would type it to see the failure again.
fn shown(command: &Command) -> String {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    format!("cargo {}", words.join(" "))
}

/// This `cargo test`, its output passed on line by line and counted.
///
/// A test that cannot do its work on this machine returns early and appends one line, `its name:
/// the reason`, to the file that GRADUS_SKIPS names; libtest knows no such outcome.
fn tests(
    mut cargo: Command,
    skips_without_data: usize,
    rows: &[(Tool, usize)],
) -> Result<Outcome, Failure> {
    let skips = skips_file()?;
    let data = workspace::root().join("experiments/data");
    if data.is_dir() && std::env::var_os("GRADUS_TEST_DATA").is_none() {
        cargo.env("GRADUS_TEST_DATA", &data);
    }
    cargo.env("GRADUS_SKIPS", &skips).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = cargo.spawn().map_err(|error| process::cannot_start(&cargo, &error))?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            // Tests may print what is no UTF-8.
            let line = String::from_utf8_lossy(&line);
            process::print(&line);
            tally.read_line(&line);
        }
    }
    let status = child.wait().map_err(|error| process::cannot_start(&cargo, &error))?;
    let text = workspace::read(&skips)?;
    // Whoever looks for it finds its lines at the end of the output.
    let _ = std::fs::remove_file(&skips);
    let said: Vec<String> = text.lines().map(str::to_owned).collect();
    tally.take_skips(said.len());
    let mut unexpected = Vec::new();
    let mut of_tools = 0;
    for &(tool, rows) in rows {
        let skips = said.iter().filter(|line| names_tool(line, tool)).count();
        of_tools += skips;
        unexpected.extend(unexpected_rows(tool, skips, rows, tool.is_here()));
    }
    let of_data = said.len() - of_tools;
    unexpected.extend(unexpected_skips(of_data, skips_without_data, data.is_dir()));
    let mut outcome = judge_tests(tally, said, status.success(), &shown(&cargo));
    for why in unexpected {
        outcome.add_failure(why);
    }
    Ok(outcome)
}

/// Whether this line is of a row that lacks the tool.
fn names_tool(line: &str, tool: Tool) -> bool {
    line.contains(&format!(": needs {}, ", tool.name()))
}

/// What is wrong with this number of rows skipped for want of a tool.
fn unexpected_rows(tool: Tool, skips: usize, rows: usize, is_here: bool) -> Option<String> {
    // Elsewhere there are no such tests at all.
    let expected = if is_here || cfg!(not(target_os = "linux")) { 0 } else { rows };
    let state = if is_here { "is here" } else { "is not here" };
    (skips != expected).then(|| {
        format!(
            "{skips} reliability rows were skipped for want of {}, which {state}: {expected} are \
             expected, see ROWS in xtask/src/suite.rs",
            tool.name()
        )
    })
}

/// What is wrong with this number of skips: without data it is known, with some it is smaller.
fn unexpected_skips(skips: usize, without_data: usize, has_data: bool) -> Option<String> {
    let holds = if has_data { skips <= without_data } else { skips == without_data };
    (!holds).then(|| {
        let folder = if has_data { "at most" } else { "without experiments/data exactly" };
        format!(
            "{skips} tests were skipped, {folder} {without_data} are expected: see the list below, \
             and the constants at the head of xtask/src/suite.rs"
        )
    })
}

/// An empty file for the tests to write to, in the target folder.
fn skips_file() -> Result<PathBuf, Failure> {
    let name = format!("skips-{}.txt", std::process::id());
    let path = workspace::target_folder().join(name);
    workspace::write(&path, "").map(|()| path)
}

/// A run that failed without a failed test (it did not compile, a program died) is one failure,
/// and so is a run without any test: it proves nothing.
fn judge_tests(tally: Tally, said: Vec<String>, success: bool, shown: &str) -> Outcome {
    let mut outcome =
        Outcome { counts: tally.counts, failures: tally.failed, skips: tally.ignored };
    outcome.skips.extend(said);
    if !success && tally.counts.failed == 0 {
        outcome.add_failure(format!("{shown}: no test failed, see the error above"));
    } else if success && tally.counts == Counts::default() {
        outcome.add_failure(format!("{shown}: there was no test to run"));
    }
    outcome
}

/// Prints the table, what failed and what was skipped, and the closing line.
fn report(steps: &[Step]) -> u8 {
    let mut total = Counts::default();
    let mut text = format!(
        "\n{:<16} {:>9} {:>7} {:>7} {:>8}\n",
        "step", "time", "passed", "failed", "skipped"
    );
    for Step { name, seconds, outcome: Outcome { counts, .. } } in steps {
        total.add(*counts);
        text.push_str(&format!(
            "{name:<16} {seconds:>7.1} s {:>7} {:>7} {:>8}\n",
            counts.passed, counts.failed, counts.skipped
        ));
    }
    let seconds: f64 = steps.iter().map(|step| step.seconds).sum();
    text.push_str(&format!("{:<16} {seconds:>7.1} s\n", "in all"));
    for step in steps {
        for failure in &step.outcome.failures {
            text.push_str(&format!("failed: {}: {failure}\n", step.name));
        }
    }
    for step in steps {
        for skip in &step.outcome.skips {
            text.push_str(&format!("skipped: {}: {skip}\n", step.name));
        }
    }
    process::print(&text);
    process::print(&closing_line(total));
    u8::from(total.failed > 0)
}

fn closing_line(total: Counts) -> String {
    format!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(output: &str, success: bool) -> Outcome {
        judge_tests(Tally::of(output), Vec::new(), success, "cargo test")
    }

    #[test]
    fn a_run_that_dies_without_a_failed_test_is_a_failure() {
        let outcome = judged("test result: ok. 3 passed; 0 failed; 0 ignored\n", false);
        assert_eq!(outcome.counts, Counts { passed: 3, failed: 1, skipped: 0 });
        let outcome = judged(
            "test a ... FAILED\ntest result: FAILED. 3 passed; 1 failed; 0 ignored\n",
            false,
        );
        assert_eq!(outcome.counts, Counts { passed: 3, failed: 1, skipped: 0 });
        assert_eq!(outcome.failures, ["a"]);
    }

    #[test]
    fn a_number_of_skips_that_nobody_expects_is_a_failure() {
        assert_eq!(unexpected_skips(10, 10, false), None);
        assert_eq!(unexpected_skips(0, 10, true), None);
        for (skips, has_data) in [(9, false), (11, false), (11, true)] {
            let said = unexpected_skips(skips, 10, has_data).expect("it is not expected");
            assert!(said.starts_with(&format!("{skips} tests were skipped")), "{said}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_row_that_is_skipped_though_its_tool_is_here_is_a_failure() {
        let line = "reliability F1: needs strace, which is not here";
        assert!(names_tool(line, Tool::Strace) && !names_tool(line, Tool::SmallDisk));
        assert_eq!(unexpected_rows(Tool::Strace, 3, 3, false), None);
        assert_eq!(unexpected_rows(Tool::Strace, 0, 3, true), None);
        for (skips, is_here) in [(3, true), (2, false), (0, false)] {
            assert!(unexpected_rows(Tool::Strace, skips, 3, is_here).is_some());
        }
    }

    #[test]
    fn a_run_without_tests_is_a_failure() {
        assert_eq!(judged("", true).counts, Counts::FAILED);
        let passing = judged("test result: ok. 3 passed; 0 failed; 0 ignored\n", true);
        assert_eq!((passing.counts.passed, passing.failures.len()), (3, 0));
    }

    #[test]
    fn the_closing_line_is_the_one_that_tools_read() {
        let counts = Counts { passed: 12, failed: 0, skipped: 3 };
        assert_eq!(closing_line(counts), "12 passed, 0 failed, 3 skipped");
    }
}
