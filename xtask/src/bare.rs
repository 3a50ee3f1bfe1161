//! `cargo xtask bare`: proves on bare machines that two commands are all it takes from a clone.
//!
//! Each case starts from a Debian that has a C compiler and Rust and nothing else: no OpenBLAS, no
//! pkg-config, no lists of packages, an empty cargo home. The results go to docs/fresh-machine.md.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::chroot;
use crate::process::{self, Failure, message};
use crate::workspace;

const PAGE: &str = "docs/fresh-machine.md";
const BEGIN: &str = "<!-- written by `cargo xtask bare`: do not edit below this line -->";
const END: &str = "<!-- written by `cargo xtask bare`: do not edit above this line -->";

struct Case {
    name: &'static str,
    command: &'static str,
    /// What the output must contain, so that the case cannot pass for another reason.
    must_say: &'static str,
    limit: Duration,
}

const CASES: [Case; 3] = [
    Case {
        name: "run",
        command: "cargo xtask run experiments/sweep.ron",
        must_say: "installed OpenBLAS, found by pkg-config",
        limit: Duration::from_secs(30 * 60),
    },
    Case {
        name: "test",
        command: "cargo xtask test",
        must_say: "installed OpenBLAS, found by pkg-config",
        limit: Duration::from_secs(45 * 60),
    },
    Case {
        name: "fallback",
        command: "cargo xtask run --no-setup experiments/sweep.ron",
        must_say: "WARNING: no OpenBLAS",
        limit: Duration::from_secs(30 * 60),
    },
];

/// How a case ended.
struct Ending {
    seconds: f64,
    /// `None`: it took too long and was ended.
    code: Option<u8>,
    said: bool,
    last_lines: String,
    /// The charts that it left, relative to the clone.
    charts: Vec<String>,
}

impl Ending {
    fn is_good(&self) -> bool {
        self.code == Some(0) && self.said
    }
}

pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    let words = arguments.words("bare", &[], 1)?;
    let chosen: Vec<&Case> =
        CASES.iter().filter(|case| words.first().is_none_or(|word| *word == case.name)).collect();
    if chosen.is_empty() {
        return Err(Failure::wrong_use("cargo xtask bare: the cases are run, test and fallback"));
    }
    let missing = chroot::missing();
    if !missing.is_empty() {
        return Err(Failure::wrong_use(format!(
            "cargo xtask bare makes whole systems in folders, and this machine lacks: {}",
            missing.join(", ")
        )));
    }
    warn_of_changes();
    let folder = workspace::target_folder().join("bare");
    let _lock = workspace::lock(&folder)?;
    let base = chroot::base(&folder)?;
    // Taken now: work may go on while the cases run.
    let circumstances = circumstances();
    let mut results = Vec::new();
    for case in chosen {
        message(&format!(
            "case {}: {} (log in target/bare/{}.log)",
            case.name, case.command, case.name
        ));
        let ending = run(case, &base, &folder.join(format!("{}.log", case.name)))?;
        process::print(&row(case, &ending));
        results.push((case, ending));
    }
    if results.len() == CASES.len() {
        write_page(&results, &circumstances)?;
    } else {
        message(&format!("{PAGE} is written only when all cases are run"));
    }
    Ok(u8::from(!results.iter().all(|(_, ending)| ending.is_good())))
}

/// A clone holds what is committed.
fn warn_of_changes() {
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args(["status", "--porcelain"]);
    if process::first_line(&mut git).is_some() {
        message("note: changes that are not committed are not in the clone, so they are not tried");
    }
}

fn run(case: &Case, base: &Path, log: &Path) -> Result<Ending, Failure> {
    let start = Instant::now();
    let (status, charts) = chroot::run_in_copy(base, case.command, log, case.limit, charts)?;
    let seconds = start.elapsed().as_secs_f64();
    let output = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let output =
        output.map_err(|error| Failure::new(format!("cannot read {}: {error}", log.display())))?;
    Ok(Ending {
        seconds,
        code: status.map(process::exit_code),
        said: output.contains(case.must_say),
        last_lines: last_lines(&output),
        charts,
    })
}

/// The pictures in `results/NAME/` of the clone.
fn charts(clone: &Path) -> Vec<String> {
    let folders = fs::read_dir(clone.join("results")).into_iter().flatten().flatten();
    let files =
        folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let mut charts: Vec<String> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "png"))
        .filter_map(|path| Some(path.strip_prefix(clone).ok()?.display().to_string()))
        .collect();
    charts.sort();
    charts
}

/// The end of what was printed, without what belongs to one machine: addresses and terminal codes.
fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .map(|line| line.rsplit('\r').next().unwrap_or(line).trim_end())
        .filter(|line| !line.is_empty() && !line.contains("://") && !line.contains('\u{1b}'))
        .collect();
    lines[lines.len().saturating_sub(12)..].iter().map(|line| format!("{line}\n")).collect()
}

fn row(case: &Case, ending: &Ending) -> String {
    let outcome = match ending.code {
        None => format!("ended after {} min", case.limit.as_secs() / 60),
        Some(0) if !ending.said => format!("exit 0, but never said `{}`", case.must_say),
        Some(code) => format!("exit {code}"),
    };
    format!(
        "| `{}` | {:.0} s | {outcome} | {} |",
        case.command,
        ending.seconds,
        if ending.is_good() { "good" } else { "**bad**" }
    )
}

fn write_page(results: &[(&Case, Ending)], circumstances: &str) -> Result<(), Failure> {
    let path = workspace::root().join(PAGE);
    let page = with_generated(&workspace::read(&path)?, &generated(results, circumstances))?;
    workspace::write(&path, &page)?;
    message(&format!("wrote {PAGE}"));
    Ok(())
}

/// When, with what, and what commit.
fn circumstances() -> String {
    let line = |command: &mut Command| process::first_line(command).unwrap_or("unknown".to_owned());
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args(["rev-parse", "--short", "HEAD"]);
    format!(
        "Commit {}, {}, {}, {} cores.",
        line(&mut git),
        line(Command::new("date").args(["-u", "+%F"])),
        line(workspace::tool("rustc").arg("--version")),
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    )
}

fn generated(results: &[(&Case, Ending)], circumstances: &str) -> String {
    let mut text =
        format!("{circumstances}\n\n| command | time | ended | |\n| --- | --- | --- | --- |\n");
    for (case, ending) in results {
        text.push_str(&row(case, ending));
        text.push('\n');
    }
    for (case, ending) in results {
        text.push_str(&format!(
            "\nThe end of `{}`:\n\n```text\n{}```\n",
            case.command, ending.last_lines
        ));
        if !ending.charts.is_empty() {
            text.push_str(&format!("\nCharts: {}.\n", ending.charts.join(", ")));
        }
    }
    text
}

/// The page with what stands between the two marks replaced.
fn with_generated(page: &str, generated: &str) -> Result<String, Failure> {
    let parts =
        page.split_once(BEGIN).and_then(|(above, rest)| Some((above, rest.split_once(END)?.1)));
    let Some((above, below)) = parts else {
        return Err(Failure::new(format!("{PAGE} must have the two lines\n{BEGIN}\n{END}")));
    };
    Ok(format!("{above}{BEGIN}\n\n{generated}\n{END}{below}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(code: Option<u8>, said: bool) -> Ending {
        let charts = vec!["results/sweep/loss.png".to_owned()];
        Ending { seconds: 61.6, code, said, last_lines: "best 0.1\n".to_owned(), charts }
    }

    #[test]
    fn a_case_is_good_only_by_the_way_it_is_meant_to_go() {
        for (code, said, part) in [
            (Some(0), true, "| 62 s | exit 0 | good |"),
            (Some(0), false, "but never said `installed OpenBLAS"),
            (Some(1), true, "| exit 1 | **bad** |"),
            (None, true, "| ended after 30 min | **bad** |"),
        ] {
            let row = row(&CASES[0], &ending(code, said));
            assert!(row.contains(part), "{row}");
        }
    }

    #[test]
    fn only_the_part_between_the_marks_is_replaced() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nafter\n");
        let text = generated(&[(&CASES[0], ending(Some(0), true))], "Commit abc.");
        let page = with_generated(&page, &text).expect("the marks are there");
        assert!(page.starts_with("# Title\n") && page.ends_with("\nafter\n"), "{page}");
        assert!(page.contains("best 0.1\n") && page.contains("results/sweep/loss.png"), "{page}");
        assert!(!page.contains("old"));
        assert_eq!(with_generated(&page, &text).ok(), Some(page));
        assert!(with_generated("# Title\n", &text).is_err());
    }

    #[test]
    fn addresses_and_terminal_codes_are_left_out() {
        let output = "from https://x.example\n\n 10%\r 20%\rdone\n\u{1b}[1mbold\nbest\n";
        assert_eq!(last_lines(output), "done\nbest\n");
    }
}
