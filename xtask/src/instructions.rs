//! `cargo xtask instructions`: counts the instructions of a training step and holds them against
//! the committed ones. Unlike times they are the same on a busy machine.
//!
//! Callgrind runs `gradus bench WORKLOAD --steps N` with two lengths of whole epochs; the difference
//! over the steps between them is a step, with its share of an epoch, and whatever start-up costs
//! cancels. A count belongs to a compiler, a product library with its kernel, a C library and a
//! version of valgrind: where one of them differs, counts are shown and not judged.
//!
//! Two builds are counted. `release` is what one runs. `dev` is the program beside the tests, which
//! is built anyway: `cargo xtask test` counts that one alone, since a build of `release` would cost
//! it minutes. It checks more, and optimizes less, but what a step does is the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::arguments::Arguments;
use crate::packages::Installer;
use crate::process::{self, Failure, capture, first_line, is_on_path};
use crate::program;
use crate::setup::{self, Product};
use crate::suite::Outcome;
use crate::tally::Counts;
use crate::workspace;

const PAGE: &str = "xtask/instructions.txt";
const HEAD: &str = "\
# Instructions of one training step of each workload, by build, counted by valgrind's callgrind on one
# thread. Made by `cargo xtask instructions --write`; `cargo xtask test` refuses a rise of over 3 %
# of `dev` where all these versions are those at hand. Instructions of the system's kernel are not
# counted, and valgrind shows a program AVX2 at most.
";

/// What is counted: two numbers of steps, both of whole epochs of the few samples that `--steps`
/// draws.
const WORKLOADS: [(&str, [u64; 2]); 3] = [("T", [8, 64]), ("D", [8, 64]), ("M", [4, 12])];

/// Of a step, in percent: above what moving code about does, below what anyone adds on purpose.
const LARGEST_RISE: f64 = 3.0;

/// Without these OpenBLAS chooses by the processor, and the counts would belong to that as well.
const KERNEL: [(&str, &str); 3] =
    [("OPENBLAS_CORETYPE", "Haswell"), ("OPENBLAS_L2_SIZE", "512"), ("OPENBLAS_NUM_THREADS", "1")];

const ONLY_OPENBLAS: &str = "instructions are counted of the product with OpenBLAS alone";

/// A cargo profile.
#[derive(Clone, Copy)]
enum Build {
    Release,
    Dev,
}

/// What was counted, and with what.
#[derive(Clone, Debug, Default, PartialEq)]
struct Count {
    /// Names and versions that a count belongs to.
    versions: Vec<(String, String)>,
    /// Instructions of a step of each build and workload.
    steps: Vec<(String, u64)>,
}

/// What was counted, and the control: the same with `EXTRA` more steps of work in its T.
struct Counted {
    count: Count,
    control: Count,
}

/// More than `LARGEST_RISE` of the steps that T is counted over.
const EXTRA: u64 = 3;

pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    arguments.words("instructions", &["--write"], 0)?;
    let product = setup::product(arguments);
    let hindrance = match product {
        Product::OpenBlas => provide_valgrind(arguments).err(),
        Product::Embedded => Some(ONLY_OPENBLAS.to_owned()),
    };
    if let Some(reason) = hindrance {
        return Err(Failure::wrong_use(format!("cargo xtask instructions: {reason}")));
    }
    let counted = count(&[Build::Release, Build::Dev])?;
    process::print(&counted.count.text());
    let page = workspace::root().join(PAGE);
    if arguments.has("--write") {
        workspace::write(&page, &format!("{HEAD}{}", counted.count.text()))?;
        process::message(&format!("wrote {PAGE}"));
        return Ok(0);
    }
    let outcome = judge(&committed(&page)?, &counted);
    let Outcome { counts, failures, skips } = outcome;
    failures.iter().chain(&skips).for_each(|line| process::print(line));
    Ok(u8::from(counts.failed > 0))
}

/// The step of `cargo xtask test`: each workload counts as one test, and the control.
pub(crate) fn step(product: Product) -> Result<Outcome, Failure> {
    if product == Product::Embedded {
        return Ok(Outcome::skipped(ONLY_OPENBLAS));
    }
    if !is_on_path(VALGRIND) {
        return Ok(Outcome::skipped(format!("{MISSING}; `cargo xtask instructions` installs it")));
    }
    let counted = count(&[Build::Dev])?;
    process::print(&counted.count.text());
    Ok(judge(&committed(&workspace::root().join(PAGE))?, &counted))
}

const VALGRIND: &str = "valgrind";
const MISSING: &str = "valgrind, which counts instructions, is not on PATH";

/// Installs valgrind where it is missing and that is allowed, else says why it is not there.
fn provide_valgrind(arguments: &Arguments) -> Result<(), String> {
    if is_on_path(VALGRIND) {
        return Ok(());
    }
    if !cfg!(target_os = "linux") {
        return Err(format!("{MISSING}, and counts are taken on Linux only"));
    }
    if arguments.no_setup {
        return Err(format!("{MISSING}, and --no-setup forbids installing it"));
    }
    let installer = Installer::of_this_machine().map_err(|why| format!("{MISSING}: {why}"))?;
    let shown = installer.shown(&[VALGRIND]);
    process::message(&format!("valgrind is missing, installing it: {shown}"));
    installer.install(&[VALGRIND]).map_err(|tail| format!("{MISSING}; `{shown}` failed:\n{tail}"))
}

impl Build {
    fn name(self) -> &'static str {
        match self {
            Build::Release => "release",
            Build::Dev => "dev",
        }
    }

    /// Builds the program with OpenBLAS and returns its path.
    fn program(self) -> Result<PathBuf, Failure> {
        match self {
            Build::Release => program::build(Product::OpenBlas),
            Build::Dev => program_beside_the_tests(),
        }
    }
}

/// The one that the tests of `cargo xtask test` start. Asked for by itself it would have other
/// features of its dependencies, and nearly all of them would be compiled once more.
fn program_beside_the_tests() -> Result<PathBuf, Failure> {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--workspace", "--features", "gradus/openblas", "--no-run", "--quiet"]);
    if !process::run(&mut cargo)?.success() {
        return Err(Failure::new("the tests were not built: cargo says above why"));
    }
    let name = format!("gradus{}", std::env::consts::EXE_SUFFIX);
    let program = workspace::target_folder().join("debug").join(name);
    if program.is_file() {
        return Ok(program);
    }
    let path = program.display();
    Err(Failure::new(format!("{path}: cargo put the program of the tests elsewhere")))
}

fn count(builds: &[Build]) -> Result<Counted, Failure> {
    let mut count = Count::default();
    let mut control = Vec::new();
    for build in builds {
        let program = build.program()?;
        count.versions = versions(&program)?;
        for (workload, [few, many]) in WORKLOADS {
            let start = instructions(&program, workload, few)?;
            let of_a_step = |steps| -> Result<u64, Failure> {
                Ok((instructions(&program, workload, steps)? - start) / (many - few))
            };
            let name = format!("{} {workload}", build.name());
            if workload == "T" {
                control.push((name.clone(), of_a_step(many + EXTRA)?));
            }
            count.steps.push((name, of_a_step(many)?));
        }
    }
    let control = Count { steps: control, versions: count.versions.clone() };
    Ok(Counted { count, control })
}

fn versions(program: &Path) -> Result<Vec<(String, String)>, Failure> {
    let line = |command: &mut Command| {
        first_line(command).ok_or_else(|| {
            let name = command.get_program().to_string_lossy().into_owned();
            Failure::new(format!("`{name}` does not tell its version"))
        })
    };
    let versions = [
        ("compiler", line(workspace::tool("rustc").arg("--version"))?),
        ("product", product_of(program)?),
        ("libc", line(Command::new("getconf").arg("GNU_LIBC_VERSION"))?),
        ("counter", line(Command::new(VALGRIND).arg("--version"))?),
    ];
    Ok(versions.map(|(name, version)| (name.to_string(), version)).to_vec())
}

/// The product library as it shows itself under valgrind, which hides what it cannot run.
fn product_of(program: &Path) -> Result<String, Failure> {
    let mut command = Command::new(VALGRIND);
    command.args(["--tool=none", "--quiet"]).arg(program).arg("doctor").envs(KERNEL);
    let output = capture(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = text.lines().find_map(|line| line.strip_prefix("matrix product"));
    name.map(|name| name.trim().to_string()).ok_or_else(|| {
        let said = process::tail(&String::from_utf8_lossy(&output.stderr), 8);
        Failure::new(format!("`gradus doctor` under valgrind names no matrix product:\n{said}"))
    })
}

fn instructions(program: &Path, workload: &str, steps: u64) -> Result<u64, Failure> {
    let profile: PathBuf =
        workspace::target_folder().join(format!("callgrind-{}.out", std::process::id()));
    let mut option = std::ffi::OsString::from("--callgrind-out-file=");
    option.push(&profile);
    let mut command = Command::new(VALGRIND);
    command.arg("--tool=callgrind").arg(option).arg(program);
    command.args(["bench", workload, "--steps", &steps.to_string()]).envs(KERNEL);
    let output = capture(&mut command)?;
    let text = workspace::read(&profile).unwrap_or_default();
    // Whoever wants a profile takes it by hand.
    let _ = std::fs::remove_file(&profile);
    let total = text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok());
    total.filter(|_| output.status.success()).ok_or_else(|| {
        let said = process::tail(&String::from_utf8_lossy(&output.stderr), 8);
        Failure::new(format!("callgrind over `gradus bench {workload} --steps {steps}`:\n{said}"))
    })
}

fn committed(page: &Path) -> Result<Count, Failure> {
    Count::parse(&workspace::read(page)?)
        .map_err(|line| Failure::new(format!("{PAGE}: `{line}` is no name with its value")))
}

/// Each workload passes or fails where the versions are those of the committed counts; elsewhere
/// each is a skip that shows both counts. The control must fail anywhere.
fn judge(committed: &Count, Counted { count, control }: &Counted) -> Outcome {
    let mut outcome = compare(committed, count);
    let refused = compare(count, control).counts.failed;
    if refused == control.steps.len() {
        outcome.counts.add(Counts::PASSED);
    } else {
        outcome.add_failure(format!(
            "control: {EXTRA} steps more were not seen as a rise: {} against {}",
            control.text(),
            count.text()
        ));
    }
    outcome
}

fn compare(committed: &Count, counted: &Count) -> Outcome {
    let differing = committed.differing(counted);
    let mut outcome = Outcome::default();
    for (name, now) in &counted.steps {
        let before = committed.steps.iter().find(|(other, _)| other == name);
        let Some((_, before)) = before else {
            outcome.add_failure(format!("{name} has no line in {PAGE}; {RENEW}"));
            continue;
        };
        let rise = 100.0 * (*now as f64 / *before as f64 - 1.0);
        let shown = format!("{name}: {now} instructions a step, {rise:+.1} % of {before}");
        if !differing.is_empty() {
            outcome.add_skip(format!("{shown}, which hold for {}", differing.join(", ")));
        } else if rise > LARGEST_RISE {
            outcome.add_failure(format!(
                "{shown}: a rise of over {LARGEST_RISE} %; take back what adds them, or say in the \
                 commit what they are for, and {RENEW}"
            ));
        } else {
            outcome.counts.add(Counts::PASSED);
            if rise < -LARGEST_RISE {
                process::print(&format!("note: {shown}; {RENEW}, so that the gain is held"));
            }
        }
    }
    outcome
}

const RENEW: &str = "`cargo xtask instructions --write` renews the counts";

impl Count {
    fn parse(text: &str) -> Result<Self, String> {
        let mut count = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["release" | "dev", _, steps] => {
                    let steps = steps.parse().ok().filter(|steps| *steps > 0);
                    let name = words[..2].join(" ");
                    count.steps.push((name, steps.ok_or_else(|| line.to_owned())?));
                }
                ["release" | "dev", ..] | [_] => return Err(line.to_owned()),
                [name, version @ ..] => count.versions.push((name.to_string(), version.join(" "))),
                [] => {}
            }
        }
        Ok(count)
    }

    fn text(&self) -> String {
        let versions = self.versions.iter().map(|(name, version)| format!("{name} {version}\n"));
        let steps = self.steps.iter().map(|(name, count)| format!("{name} {count}\n"));
        versions.chain(steps).collect()
    }

    /// The versions that `other` does not share.
    fn differing(&self, other: &Self) -> Vec<&str> {
        let differing = self.versions.iter().filter(|version| !other.versions.contains(version));
        differing.map(|(_, version)| version.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(compiler: &str, steps: u64) -> Count {
        let text =
            format!("{HEAD}compiler {compiler}\ncounter 3.19.0\ndev T 10000\ndev D {steps}\n");
        Count::parse(&text).expect("the text is right")
    }

    #[test]
    fn a_rise_of_four_percent_is_refused_and_one_of_two_is_not() {
        let committed = count("rustc 1.95.0 (abc)", 100_000);
        let risen = |steps| compare(&committed, &count("rustc 1.95.0 (abc)", steps));
        let outcome = risen(104_000);
        assert_eq!(outcome.counts, Counts { passed: 1, failed: 1, skipped: 0 });
        let said = &outcome.failures[0];
        assert!(said.starts_with("dev D: 104000 instructions a step, +4.0 % of 100000"), "{said}");
        for steps in [102_000, 100_000, 50_000] {
            assert_eq!(risen(steps).counts, Counts { passed: 2, failed: 0, skipped: 0 });
        }
    }

    #[test]
    fn elsewhere_counts_are_shown_and_not_judged() {
        let committed = count("rustc 1.95.0 (abc)", 100_000);
        let outcome = compare(&committed, &count("rustc 1.96.0 (def)", 150_000));
        assert_eq!(outcome.counts, Counts { passed: 0, failed: 0, skipped: 2 });
        let said = &outcome.skips[1];
        assert!(
            said.contains("+50.0 %") && said.ends_with("hold for rustc 1.95.0 (abc)"),
            "{said}"
        );
    }

    #[test]
    fn a_control_that_is_not_refused_is_a_failure_on_any_machine() {
        let committed = count("rustc 1.95.0 (abc)", 100_000);
        let here = count("rustc 1.96.0 (def)", 100_000);
        let control = |steps| Count { steps: vec![("dev T".into(), steps)], ..here.clone() };
        let with =
            |steps| judge(&committed, &Counted { count: here.clone(), control: control(steps) });
        assert_eq!(with(10_500).counts, Counts { passed: 1, failed: 0, skipped: 2 });
        let outcome = with(10_000);
        assert_eq!(outcome.counts, Counts { passed: 0, failed: 1, skipped: 2 });
        assert!(outcome.failures[0].starts_with("control: "), "{:?}", outcome.failures);
    }

    #[test]
    fn what_is_written_reads_back_and_other_lines_are_named() {
        let written = count("rustc 1.95.0 (abc)", 7);
        assert_eq!(Count::parse(&written.text()), Ok(written.clone()));
        assert_eq!((written.versions.len(), written.steps.len()), (2, 2));
        for line in ["libc", "dev T", "dev T many", "release T 0", "dev T 1 2"] {
            assert_eq!(Count::parse(line), Err(line.to_owned()));
        }
        let without = Count { steps: vec![("dev T".into(), 10_000)], ..written.clone() };
        assert_eq!(compare(&without, &written).counts.failed, 1);
    }
}
