//! A row of the table: what it injects and demands, how much of it is tried, what came of it.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::outside::Tool;
use crate::program::Program;

/// One row.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) how: &'static str,
    pub(crate) demanded: &'static str,
    pub(crate) needs: &'static [Tool],
    /// Guards of the program; with any one of them taken out, the row must fail.
    pub(crate) guards: &'static [&'static str],
    pub(crate) work: fn(&Trial),
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// A sample of the cases: for every change.
    Reduced,
    /// Every case of the issue: for the page.
    Full,
    /// As full, up to the first failure: whether a missing guard is noticed.
    UntilFailure,
}

/// One execution of a row.
pub(crate) struct Trial {
    pub(crate) program: Program,
    pub(crate) extent: Extent,
    cases: AtomicUsize,
    failures: Mutex<Vec<String>>,
    notes: Mutex<Vec<String>>,
}

/// So many failures say enough.
const MOST_FAILURES: usize = 20;

/// Cases that are tried at the same time. They wait for disks and start-up more than they compute.
const WORKERS: usize = 3;

impl Trial {
    fn new(program: Program, extent: Extent) -> Self {
        Self {
            program,
            extent,
            cases: AtomicUsize::new(0),
            failures: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    /// The figure of the issue, or a smaller one that every change can afford.
    pub(crate) fn figure<T>(&self, reduced: T, full: T) -> T {
        if self.extent == Extent::Reduced { reduced } else { full }
    }

    /// Counts a case with what came of it.
    pub(crate) fn case(&self, name: impl Display, result: Result<(), String>) {
        self.cases.fetch_add(1, Ordering::Relaxed);
        if let Err(why) = result {
            let failure = format!("{name}: {why}");
            if self.extent == Extent::Full {
                // At once and past the capture of tests: a row may take half an hour.
                let _ = writeln!(std::io::stderr(), "failed: {failure}");
            }
            self.failures.lock().expect("nobody panicked").push(failure);
        }
    }

    /// Tries each of these, some at a time, until there are failures enough.
    pub(crate) fn each<Item: Display + Sync>(
        &self,
        items: &[Item],
        try_one: impl Fn(&Item) -> Result<(), String> + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            while !self.is_over()
                && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
            {
                self.case(item, try_one(item));
            }
        };
        std::thread::scope(|threads| (0..WORKERS).for_each(|_| drop(threads.spawn(work))));
    }

    /// Something that the table should say beside the count.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.notes.lock().expect("nobody panicked").push(text.into());
    }

    /// Whether more cases would tell nothing new.
    pub(crate) fn is_over(&self) -> bool {
        let failures = self.failures.lock().expect("nobody panicked").len();
        failures >= if self.extent == Extent::UntilFailure { 1 } else { MOST_FAILURES }
    }
}

/// What came of a row.
struct Outcome {
    cases: usize,
    failures: Vec<String>,
    notes: Vec<String>,
    seconds: f64,
}

fn execute(row: &Row, program: Program, extent: Extent) -> Outcome {
    let trial = Trial::new(program, extent);
    let started = Instant::now();
    (row.work)(&trial);
    let seconds = started.elapsed().as_secs_f64();
    let cases = trial.cases.into_inner();
    let mut failures = trial.failures.into_inner().expect("nobody panicked");
    if cases == 0 {
        failures.push("no case was tried, which proves nothing".to_string());
    }
    Outcome { cases, failures, notes: trial.notes.into_inner().expect("nobody panicked"), seconds }
}

/// The test of a row: passes, is skipped where a tool is missing, or panics with what failed.
pub(crate) fn hold(row: &Row) {
    if let Some(tool) = row.needs.iter().find(|tool| !tool.is_here()) {
        skip(row, *tool);
        return;
    }
    let is_full = std::env::var("GRADUS_RELIABILITY").is_ok_and(|extent| extent == "full");
    let extent = if is_full { Extent::Full } else { Extent::Reduced };
    let outcome = execute(row, Program::under_test(), extent);
    let controls: Vec<Result<String, String>> = Program::sabotaged()
        .map(|program| row.guards.iter().map(|guard| control(row, &program, guard)).collect())
        .unwrap_or_default();
    write_line(row, &outcome, &controls);
    let mut failures = outcome.failures;
    failures.extend(controls.into_iter().filter_map(Result::err));
    let id = row.id;
    println!(
        "{id}: {} cases in {:.1} s, {}",
        outcome.cases,
        outcome.seconds,
        outcome.notes.join(", ")
    );
    assert!(failures.is_empty(), "{id}: {} failed\n{}", failures.len(), failures.join("\n"));
}

/// The negative control: green with all guards of the special build, red without this one.
fn control(row: &Row, program: &Program, guard: &'static str) -> Result<String, String> {
    let with = execute(row, program.unimpaired(), Extent::Reduced);
    if let Some(failure) = with.failures.first() {
        return Err(format!("control {guard}: fails with the guard in place: {failure}"));
    }
    let without = execute(row, program.without(guard), Extent::UntilFailure);
    match without.failures.into_iter().next() {
        Some(failure) => Ok(format!("{guard}: {failure}")),
        None => Err(format!("control {guard}: {} cases pass without it", without.cases)),
    }
}

/// Where the suite counts the tests that could not do their work.
fn skip(row: &Row, tool: Tool) {
    let line = format!("reliability {}: needs {}, which is not here\n", row.id, tool.name());
    append("GRADUS_SKIPS", &line);
    println!("{line}");
}

/// A line for the page: fields between tabs, failures and controls last.
fn write_line(row: &Row, outcome: &Outcome, controls: &[Result<String, String>]) {
    let plain = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let list = |texts: Vec<String>| {
        texts.iter().map(|text| plain(text)).collect::<Vec<_>>().join("\u{1f}")
    };
    let control = |control: &Result<String, String>| match control {
        Ok(red) => red.clone(),
        Err(why) => format!("MISSED {why}"),
    };
    let fields = [
        row.id.to_string(),
        plain(row.fault),
        plain(row.how),
        plain(row.demanded),
        outcome.cases.to_string(),
        format!("{:.1}", outcome.seconds),
        list(outcome.notes.clone()),
        list(outcome.failures.clone()),
        list(controls.iter().map(control).collect()),
    ];
    append("GRADUS_RELIABILITY_RESULTS", &format!("{}\n", fields.join("\t")));
}

fn append(variable: &str, line: &str) {
    let Ok(path) = std::env::var(variable) else { return };
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the file can be written");
}
