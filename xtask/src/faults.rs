//! `cargo xtask faults`: plants faults in a copy of the sources and demands that the tests see them.
//!
//! A gradient test that cannot fail looks like one that passes. Each `*.fault` file is one mistake;
//! it must compile, and the named tests must fail. Before that, the unpatched copy must pass.

use std::fs;

use crate::arguments::Arguments;
use crate::fault_file::{self, Fault};
use crate::planting::{Bench, LIMIT, choose};
use crate::process::{self, Failure};
use crate::suite::Outcome;
use crate::tally::{Counts, Tally};
use crate::workspace;

const FOLDER: &str = "crates/core/tests/faults";
const PAGE: &str = "docs/FAULTS.md";

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
    let verdicts = judge(&bench()?, choose(FOLDER, name)?)?;
    process::print(&table(&verdicts));
    if arguments.has("--write") {
        workspace::write(&workspace::root().join(PAGE), &page(&verdicts))?;
        process::message(&format!("wrote {PAGE}"));
    }
    Ok(u8::from(verdicts.iter().any(|verdict| verdict.caught.is_err())))
}

/// Where they are planted.
pub(crate) fn bench() -> Result<Bench, Failure> {
    Bench::set_up("faults")
}

/// The step of `cargo xtask test`: each fault counts as one test.
pub(crate) fn step(bench: &Bench) -> Result<Outcome, Failure> {
    let verdicts = judge(bench, choose(FOLDER, None)?)?;
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

fn judge(bench: &Bench, faults: Vec<Fault>) -> Result<Vec<Verdict>, Failure> {
    demand_that_right_code_passes(bench, &faults)?;
    let mut verdicts = Vec::new();
    for fault in faults {
        process::message(&format!("planting {}", fault.name));
        let caught = try_fault(bench, &fault)?;
        verdicts.push(Verdict { fault, caught });
    }
    Ok(verdicts)
}

/// How a test target ended.
enum Ended {
    Passed,
    Failed(Vec<String>),
    /// It did not come to a verdict.
    Broke(String),
}

/// The control: without it, tests that fail for another reason would seem to catch each fault.
fn demand_that_right_code_passes(bench: &Bench, faults: &[Fault]) -> Result<(), Failure> {
    let mut targets: Vec<[&str; 2]> =
        faults.iter().map(|fault| [&*fault.package, &*fault.test]).collect();
    targets.sort_unstable();
    targets.dedup();
    for [package, test] in targets {
        let shown = shown(test);
        process::message(&format!("control: {package} {shown} without a fault"));
        let why = match tested(bench, package, test)? {
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

fn try_fault(bench: &Bench, fault: &Fault) -> Result<Result<Vec<String>, String>, Failure> {
    let ended = bench.with(fault, || tested(bench, &fault.package, &fault.test))?;
    Ok(ended.and_then(|ended| match ended {
        Ended::Failed(tests) => Ok(tests),
        Ended::Passed => Err(format!("{} passes with the fault in it", shown(&fault.test))),
        Ended::Broke(why) => Err(why),
    }))
}

fn tested(bench: &Bench, package: &str, test: &str) -> Result<Ended, Failure> {
    let call: Vec<&str> = ["test", "--package", package].into_iter().chain(target(test)).collect();
    let (built, output) = bench.cargo(&[&call[..], &["--no-run"]].concat())?;
    if built != Some(true) {
        return Ok(Ended::Broke(format!("does not compile:\n{}", process::tail(&output, 12))));
    }
    let (passed, output) = bench.cargo(&call)?;
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

/// How cargo calls a test target; `lib` stands for the tests inside of the sources.
fn target(test: &str) -> Vec<&str> {
    if test == fault_file::LIB { vec!["--lib"] } else { vec!["--test", test] }
}

fn shown(test: &str) -> String {
    target(test).join(" ")
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
