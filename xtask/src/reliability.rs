//! `cargo xtask reliability`: injects every fault of the reliability table, with the counts in full,
//! and shows by negative controls that each row sees.
//!
//! The rows are tests of the program, `crates/cli/tests/reliability/`, of which `cargo xtask test`
//! runs a sample. Here they get the shipped program, and a second one whose guards can be taken out
//! one at a time: with any guard of a row missing, that row must fail.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::arguments::Arguments;
use crate::process::{self, Failure};
use crate::program;
use crate::setup::{self, Product};
use crate::workspace;

const PAGE: &str = "docs/RELIABILITY.md";
const ABOUT: &str = "Written by `cargo xtask reliability --write`; do not edit. Each row injects \
    its fault from outside into the shipped program. Every row has negative controls: a build \
    for tests alone can leave out one guard, and with it left out the row must fail.";

pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    let rows = arguments.words("reliability", &["--write", "--sample"], usize::MAX)?;
    let is_sample = arguments.has("--sample");
    if arguments.has("--write") && is_sample {
        return Err(Failure::wrong_use(
            "cargo xtask reliability: --write writes the table with the counts in full; leave out \
             --sample",
        ));
    }
    if !cfg!(target_os = "linux") {
        return Err(Failure::wrong_use("cargo xtask reliability: the faults need Linux"));
    }
    let product = setup::product(arguments);
    workspace::demand_c_compiler()?;
    let program = program::build(product)?;
    let sabotaged = build_sabotaged(product)?;
    let execution = execute(&rows, is_sample, product, &program, &sabotaged)?;
    process::print(&table(&execution));
    if arguments.has("--write") {
        let all = with_kept(&execution, &identity([&program, &sabotaged])?)?;
        let text = page(&all, &machine(&program));
        workspace::write(&workspace::root().join(PAGE), &text)?;
        process::message(&format!("wrote {PAGE}"));
    }
    Ok(u8::from(execution.has_failed()))
}

fn features(product: Product) -> Vec<&'static str> {
    match product {
        Product::OpenBlas => vec!["gradus/openblas"],
        Product::Embedded => Vec::new(),
    }
}

/// The program of the feature `sabotage`, set aside: in the target folder the next build of the
/// real one takes its place.
fn build_sabotaged(product: Product) -> Result<PathBuf, Failure> {
    let folder = workspace::target_folder();
    let features = [features(product), vec!["gradus/sabotage"]].concat().join(",");
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--workspace", "--bin", "gradus", "--features", &features]);
    if !process::run(&mut cargo)?.success() {
        return Err(Failure::new("the program for negative controls was not built"));
    }
    let copy = folder.join("reliability").join("gradus-sabotaged");
    let built = folder.join("debug/gradus");
    let bytes =
        fs::create_dir_all(folder.join("reliability")).and_then(|()| fs::copy(&built, &copy));
    bytes.map_err(|error| {
        Failure::new(format!("cannot copy {} to {}: {error}", built.display(), copy.display()))
    })?;
    Ok(copy)
}

/// What the tests wrote of one row.
struct Row {
    id: String,
    fault: String,
    how: String,
    demanded: String,
    cases: String,
    seconds: String,
    notes: Vec<String>,
    failures: Vec<String>,
    /// `guard: what was seen without it`, or what begins with `MISSED`.
    controls: Vec<String>,
}

/// All rows, and what went wrong beside them.
struct Execution {
    rows: Vec<Row>,
    /// Each row as it was written.
    lines: Vec<String>,
    skips: Vec<String>,
    /// Rows that came to no verdict, or were not asked for.
    without_verdict: usize,
    /// A test that came to no verdict.
    broken: bool,
}

const MISSED: &str = "MISSED ";

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[id, fault, how, demanded, cases, seconds, notes, failures, controls] = &fields[..]
        else {
            return None;
        };
        let list = |field: &str| {
            field.split('\u{1f}').filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        let text = str::to_owned;
        Some(Self {
            id: text(id),
            fault: text(fault),
            how: text(how),
            demanded: text(demanded),
            cases: text(cases),
            seconds: text(seconds),
            notes: list(notes),
            failures: list(failures),
            controls: list(controls),
        })
    }

    fn missed(&self) -> usize {
        self.controls.iter().filter(|control| control.starts_with(MISSED)).count()
    }

    fn result(&self) -> String {
        let mut words = match self.failures.len() {
            0 => vec!["holds".to_owned()],
            failures => vec![format!("**FAILS** in {failures}: {}", self.failures[0])],
        };
        words.extend(self.notes.iter().cloned());
        words.join("; ")
    }
}

impl Execution {
    /// The rows of these lines, in the order of the table, of so many that are known.
    fn new<'a>(lines: impl Iterator<Item = &'a str>, skips: Vec<String>, known: usize) -> Self {
        let (mut rows, mut kept) = (Vec::new(), Vec::new());
        for line in lines {
            if let Some(row) = Row::parse(line) {
                rows.push(row);
                kept.push(line.to_owned());
            }
        }
        rows.sort_by_key(|row| place(&row.id));
        let without_verdict = known.saturating_sub(rows.len() + skips.len());
        Self { rows, lines: kept, skips, without_verdict, broken: false }
    }

    fn has_failed(&self) -> bool {
        let is_bad = |row: &Row| !row.failures.is_empty() || row.missed() > 0;
        self.broken || self.rows.is_empty() || self.rows.iter().any(is_bad)
    }
}

fn execute(
    rows: &[&str],
    is_sample: bool,
    product: Product,
    program: &Path,
    sabotaged: &Path,
) -> Result<Execution, Failure> {
    let folder = workspace::target_folder().join("reliability");
    let (results, skips) = (folder.join("rows"), folder.join("skips"));
    workspace::write(&results, "")?;
    workspace::write(&skips, "")?;
    let tests = || {
        let mut cargo: Command = workspace::cargo();
        // With the features that the whole suite has: nothing is compiled twice.
        cargo.args(["test", "--workspace", "--test", "reliability"]);
        cargo.args(["--features", &features(product).join(",")]);
        cargo
    };
    let known = process::capture(tests().args(["--", "--list", "table::"]))?;
    let known = String::from_utf8_lossy(&known.stdout).matches(": test\n").count();
    let mut cargo = tests();
    // One row at a time: some of them measure, and all of them use the whole machine.
    cargo.args(["--", "--test-threads=1"]).args(rows.iter().map(|row| filter(row)));
    cargo.env("GRADUS_RELIABILITY", if is_sample { "sample" } else { "full" });
    cargo.env("GRADUS_RELIABILITY_PROGRAM", program);
    cargo.env("GRADUS_RELIABILITY_SABOTAGED", sabotaged);
    cargo.env("GRADUS_RELIABILITY_RESULTS", &results).env("GRADUS_SKIPS", &skips);
    let status = process::run(cargo.stdin(Stdio::null()))?;
    let text = workspace::read(&results)?;
    let skips = workspace::read(&skips)?.lines().map(str::to_owned).collect();
    let mut execution = Execution::new(text.lines(), skips, known);
    execution.broken = !status.success() && !execution.has_failed();
    Ok(execution)
}

/// What the rows of one page have in common: both programs, to the byte.
fn identity(programs: [&Path; 2]) -> Result<String, Failure> {
    let mut hasher = DefaultHasher::new();
    for program in programs {
        let bytes = fs::read(program);
        let bytes = bytes
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", program.display())))?;
        bytes.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Adds the rows that earlier calls came to with the same programs, and keeps all of them for later
/// calls: in full they take an hour.
fn with_kept(execution: &Execution, identity: &str) -> Result<Execution, Failure> {
    let path = workspace::target_folder().join("reliability").join("kept");
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let kept = kept.strip_prefix(&format!("{identity}\n")).unwrap_or_default();
    let is_new = |line: &&str| {
        let id = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        execution.lines.iter().all(|new| id(new) != id(line))
    };
    let lines: Vec<&str> =
        kept.lines().filter(is_new).chain(execution.lines.iter().map(String::as_str)).collect();
    workspace::write(&path, &format!("{identity}\n{}\n", lines.join("\n")))?;
    let known = execution.rows.len() + execution.without_verdict + execution.skips.len();
    Ok(Execution::new(lines.into_iter(), execution.skips.clone(), known))
}

/// Tests are called `f1_and_what_it_proves`.
fn filter(row: &str) -> String {
    format!("::{}_", row.to_lowercase())
}

/// D before F before A before I, and 2 before 10.
fn place(id: &str) -> (usize, usize, String) {
    let letter = id.chars().next().unwrap_or('?');
    let digits: String = id.chars().skip(1).take_while(char::is_ascii_digit).collect();
    ("DFAI".find(letter).unwrap_or(9), digits.parse().unwrap_or(0), id.to_owned())
}

fn table(execution: &Execution) -> String {
    let mut text = String::new();
    for row in &execution.rows {
        let (id, cases, seconds) = (&row.id, &row.cases, &row.seconds);
        text.push_str(&format!("{id:<10} {cases:>5} cases {seconds:>7} s  {}\n", row.result()));
        for failure in &row.failures {
            text.push_str(&format!("           failed: {failure}\n"));
        }
        for control in &row.controls {
            text.push_str(&format!("           control: {control}\n"));
        }
    }
    for skip in &execution.skips {
        text.push_str(&format!("skipped: {skip}\n"));
    }
    if execution.broken {
        text.push_str("a test came to no verdict: see above\n");
    }
    text.push_str(&closing_line(execution));
    text
}

fn closing_line(execution: &Execution) -> String {
    let holding = execution.rows.iter().filter(|row| row.failures.is_empty()).count();
    let controls: usize = execution.rows.iter().map(|row| row.controls.len()).sum();
    let missed: usize = execution.rows.iter().map(Row::missed).sum();
    let mut line = format!(
        "{holding} of {} rows hold, {} of {controls} missing guards were noticed, {} rows were \
         skipped",
        execution.rows.len(),
        controls - missed,
        execution.skips.len()
    );
    if execution.without_verdict > 0 {
        line.push_str(&format!(", {} were not run", execution.without_verdict));
    }
    line + "\n"
}

/// What the figures depend on, and nothing that says whose machine it is.
fn machine(program: &Path) -> String {
    let line = |program: &str, arguments: &[&str]| {
        process::first_line(Command::new(program).args(arguments)).unwrap_or_default()
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let temporary = std::env::temp_dir();
    let system = line("stat", &["-f", "-c", "%T", &temporary.to_string_lossy()]);
    let doctor = process::capture(Command::new(program).arg("doctor"));
    let doctor = doctor.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let doctor = doctor.unwrap_or_default();
    let stamp = doctor.lines().find(|line| line.contains("stamp")).unwrap_or_default();
    format!(
        "- {cores} cores, {}; {}; temporary files on {system}\n- {}; {}\n- {}\n",
        cpu.trim_start_matches([' ', '\t', ':']),
        // What stands behind a dash says who built it.
        line("uname", &["-sr"]).split('-').next().unwrap_or_default(),
        line("rustc", &["--version"]),
        line("strace", &["-V"]),
        stamp.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}

fn page(execution: &Execution, machine: &str) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut text = format!(
        "# Reliability\n\n{ABOUT}\n\n{machine}\n\
         | row | fault | injected by | cases | demanded | result | seconds |\n\
         | --- | --- | --- | ---: | --- | --- | ---: |\n"
    );
    for row in &execution.rows {
        let fields = [&row.id, &row.fault, &row.how, &row.cases, &row.demanded];
        let fields: Vec<String> = fields.iter().map(|field| cell(field)).collect();
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            fields.join(" | "),
            cell(&without_paths(&row.result())),
            row.seconds
        ));
    }
    for skip in &execution.skips {
        text.push_str(&format!("\nSkipped: {skip}\n"));
    }
    text.push_str(
        "\n## Negative controls\n\nThe guard that was left out, and the first thing that the row \
         then saw.\n\n| row | guard | seen |\n| --- | --- | --- |\n",
    );
    for row in &execution.rows {
        for control in &row.controls {
            let (guard, seen) = match control.strip_prefix(MISSED) {
                Some(why) => ("**missed**", why),
                None => control.split_once(": ").unwrap_or((control, "")),
            };
            text.push_str(&format!("| {} | {guard} | {} |\n", row.id, cell(&without_paths(seen))));
        }
    }
    text.push_str(&format!("\n{}", closing_line(execution)));
    text
}

/// Temporary folders have other names each time, and are nobody's business.
fn without_paths(text: &str) -> String {
    let temporary = std::env::temp_dir().display().to_string();
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(&temporary) {
        clean.push_str(&rest[..at]);
        clean.push('…');
        let after = rest[at + temporary.len()..].trim_start_matches('/');
        // The folder of the test itself.
        rest = after.find('/').map_or("", |end| &after[end..]);
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 2] = [
        "F10\tmemory\t`ulimit -v`\texit 1\t5\t1.5\tat most 3 | 4\t\tmemory: exit 0",
        "F2\ta call fails\t`strace`\tnamed\t90\t12.0\t\twrite 3: no word\u{1f}write 4: no word\t\
         MISSED control failure: 9 cases pass without it",
    ];

    fn execution() -> Execution {
        Execution::new(LINES.into_iter(), Vec::new(), LINES.len())
    }

    #[test]
    fn the_page_tells_what_holds_from_what_fails_and_what_was_missed() {
        let page = page(&execution(), "- 2 cores\n");
        let f2 = "| F2 | a call fails | `strace` | 90 | named | **FAILS** in 2: write 3: no word | 12.0 |\n";
        let f10 = "| F10 | memory | `ulimit -v` | 5 | exit 1 | holds; at most 3 \\| 4 | 1.5 |\n";
        assert!(page.contains(&format!("{f2}{f10}")), "{page}");
        assert!(page.contains("| F2 | **missed** | control failure: 9 cases"), "{page}");
        assert!(page.contains("| F10 | memory | exit 0 |\n"), "{page}");
        assert!(page.ends_with(
            "1 of 2 rows hold, 1 of 2 missing guards were noticed, 0 rows were skipped\n"
        ));
    }

    #[test]
    fn a_failure_a_missed_guard_and_nothing_at_all_are_failures() {
        let mut execution = execution();
        assert!(execution.has_failed());
        execution.rows.remove(0);
        assert!(!execution.has_failed(), "F10 holds");
        execution.rows[0].controls = vec![format!("{MISSED}control memory")];
        assert!(execution.has_failed());
        execution.rows.clear();
        assert!(execution.has_failed(), "no row proves nothing");
        assert!(Row::parse("F1\ttoo few").is_none());
    }

    #[test]
    fn rows_that_were_not_run_are_counted() {
        let half = Execution::new(LINES[..1].iter().copied(), Vec::new(), 3);
        assert!(closing_line(&half).ends_with("0 rows were skipped, 2 were not run\n"));
    }

    #[test]
    fn paths_of_this_machine_stay_out_of_the_page() {
        let path = std::env::temp_dir().join(".tmpX/results/six");
        let text = format!("error: {}: gone; and {}", path.display(), path.display());
        assert_eq!(without_paths(&text), "error: …/results/six: gone; and …/results/six");
    }
}
