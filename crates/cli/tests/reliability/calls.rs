//! Rows F1 and F2: each system call that writes, renames or syncs, killed or failed in its turn.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::place::{Place, Reference, SIX};
use crate::program::{Ended, Program};
use crate::trial::{Extent, Trial};

/// Everything by which a process changes what is on a disk.
const CALLS: [&str; 8] =
    ["write", "pwrite64", "fsync", "fdatasync", "rename", "openat", "unlink", "ftruncate"];

const ERRORS: [&str; 6] = ["ENOSPC", "EIO", "EACCES", "EDQUOT", "EINTR", "EMFILE"];

/// A tracer counts the calls of each thread by itself. Where the program begins decides whose nth
/// call comes first: that of the main thread, which opens, and at the end draws, or the writer's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    /// Nothing is there: the main thread makes tables and writes the plan.
    Nothing,
    /// The plan is there and no run: of files of the store, the writer alone changes any.
    Plan,
    /// Every run is there and no report: the main thread draws.
    Runs,
}

const STARTS: [Start; 3] = [Start::Nothing, Start::Plan, Start::Runs];

/// The sweep of six with runs of some 40 ms. The writer gathers for 30 ms what comes in before it
/// commits: now every run that does not diverge has a commit of its own.
fn sweep() -> String {
    SIX.replace("epochs: 100", "epochs: 250").replace("batch: 16", "batch: 1")
}

/// Commits of its runs, at least.
const COMMITS: usize = 3;

/// The folders that each start is copied from.
struct Starts {
    text: String,
    reference: Reference,
    plan: Place,
    runs: Place,
}

impl Starts {
    fn new(program: &Program) -> Self {
        let text = sweep();
        let reference = Reference::of(program, &text);
        let (plan, runs) = (Place::new(&text), Place::new(&text));
        drop(plan.claim());
        let ended = runs.run(&program.unimpaired(), &[], &["--no-report"]);
        ended.demand_success().expect("without any fault");
        Self { text, reference, plan, runs }
    }

    fn place(&self, start: Start) -> Place {
        let place = Place::new(&self.text);
        match start {
            Start::Nothing => {}
            Start::Plan => place.copy_results(&self.plan.own_results()),
            Start::Runs => place.copy_results(&self.runs.own_results()),
        }
        place
    }
}

/// What is done at the nth of a call.
#[derive(Clone, Copy, Debug)]
struct Injection {
    start: Start,
    call: &'static str,
    nth: usize,
    /// `signal=KILL` or `error=EIO`.
    what: &'static str,
}

impl fmt::Display for Injection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, call, nth, what } = self;
        write!(formatter, "{start:?}, {call} {nth}, {what}")
    }
}

impl Injection {
    fn wrapper(&self, place: &Place) -> Vec<String> {
        let Self { start, call, nth, what } = self;
        let injection = format!("inject={call}:{what}:when={nth}");
        let trace = format!("trace={call}");
        // Quicker, as other calls are not stopped at; but signals are not sent then.
        let quicker = what.starts_with("error").then_some("--seccomp-bpf");
        let words = ["-o", "/dev/null", "-e", &trace, "-e", &injection];
        tracer(*start, place, &quicker.into_iter().chain(words).collect::<Vec<_>>())
    }
}

fn tracer(start: Start, place: &Place, arguments: &[&str]) -> Vec<String> {
    let mut words: Vec<String> =
        ["strace", "-f", "-qq"].iter().chain(arguments).map(|word| word.to_string()).collect();
    if start == Start::Plan {
        // What the main thread opens to begin with would otherwise be counted first.
        for path in stored(&place.own_results()) {
            words.extend(["-P".to_string(), path.display().to_string()]);
        }
    }
    words
}

fn stored(folder: &Path) -> [PathBuf; 3] {
    [folder.join("runs.sqlite"), folder.join("runs.sqlite-journal"), folder.to_path_buf()]
}

/// How often each call is made: at most by one thread, and by all of them.
fn counts(starts: &Starts, program: &Program, start: Start) -> Vec<(usize, usize)> {
    let place = starts.place(start);
    let log = place.path().join("calls");
    let trace = format!("trace={}", CALLS.join(","));
    let wrapper = tracer(start, &place, &["-o", &log.display().to_string(), "-e", &trace]);
    place.run(program, &wrapper, &["--jobs", "1"]).demand_success().expect("without any fault");
    let text = fs::read_to_string(&log).expect("the tracer wrote it");
    let count = |call: &&str| {
        let of_call = text.lines().filter_map(|line| {
            let (thread, rest) = line.split_once(' ')?;
            rest.trim_start().strip_prefix(*call)?.starts_with('(').then_some(thread)
        });
        let mut threads: Vec<&str> = of_call.collect();
        threads.sort_unstable();
        let most = threads.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap_or(0);
        (most, threads.len())
    };
    CALLS.iter().map(count).collect()
}

/// Every place where something can be injected: all up to the last call, and, as two executions
/// never make quite the same calls, some beyond. In a sample, a few of each call.
fn injections(trial: &Trial, starts: &Starts, whats: &[&'static str]) -> Vec<Injection> {
    let mut all = Vec::new();
    for start in STARTS {
        for (call, (last, _)) in CALLS.into_iter().zip(counts(starts, &trial.program, start)) {
            let every: Vec<usize> = match (trial.extent, last) {
                (_, 0) => continue,
                (Extent::Reduced, _) => vec![last.div_ceil(2)],
                _ => (1..=last + MARGIN).collect(),
            };
            for nth in every {
                for &what in whats {
                    all.push(Injection { start, call, nth, what });
                }
            }
        }
    }
    all
}

/// Calls beyond those that were counted, to come to an execution that passes.
const MARGIN: usize = 3;

/// F1.
pub(crate) fn kill(trial: &Trial) {
    let starts = Starts::new(&trial.program);
    trial.case("commits while it trains", demand_commits(&starts, &trial.program));
    let mut all = injections(trial, &starts, &["signal=KILL"]);
    if trial.extent == Extent::Reduced {
        // One kill of each call at each start, but openings only where the store is at work.
        all.retain(|injection| injection.call != "openat" || injection.start == Start::Plan);
    }
    let (killed, between) = (AtomicUsize::new(0), AtomicUsize::new(0));
    trial.each(&all, |injection| {
        let place = starts.place(injection.start);
        let ended = place.run(&trial.program, &injection.wrapper(&place), &["--jobs", "1"]);
        match ended.code {
            0 => return starts.reference.demand_same(&place.own_results()),
            137 => killed.fetch_add(1, Ordering::Relaxed),
            _ => return Err(format!("neither killed nor done: {ended}")),
        };
        starts.reference.demand_nothing_partial(&place.own_results())?;
        let trained = demand_durable(&starts, &place, &trial.program, &ended)?;
        between.fetch_add(usize::from((1..6).contains(&trained)), Ordering::Relaxed);
        Ok(())
    });
    let [killed, between] = [killed, between].map(AtomicUsize::into_inner);
    trial.note(format!(
        "{killed} killed, {between} of them between the commits of runs; the others ended before"
    ));
    let are_there = |count: usize| if count > 0 { Ok(()) } else { Err("none was".to_string()) };
    trial.case("kills", are_there(killed));
    if trial.extent != Extent::Reduced {
        trial.case("kills between the commits of runs", are_there(between));
        trial.case("the order of calls", demand_order(&starts, &trial.program));
    }
}

/// There is a between to be killed in: each commit removes its journal.
fn demand_commits(starts: &Starts, program: &Program) -> Result<(), String> {
    let of_calls = counts(starts, &program.unimpaired(), Start::Plan);
    let unlink = CALLS.iter().position(|call| *call == "unlink").expect("it is one of them");
    match of_calls[unlink].1 {
        COMMITS.. => Ok(()),
        commits => Err(format!("{commits} for 6 runs, which shows too little")),
    }
}

/// What was said to be done is not done again, and the end is that of the reference. Returns how
/// many runs were trained again.
fn demand_durable(
    starts: &Starts,
    place: &Place,
    program: &Program,
    ended: &Ended,
) -> Result<usize, String> {
    let trained = starts.reference.demand_resume(place, program)?;
    let was_reported =
        ended.stderr.contains("trained 6 runs") || ended.stdout.contains("\"trained\": 6");
    if was_reported && trained > 0 {
        return Err(format!("all were reported done, and {trained} are trained again"));
    }
    Ok(trained)
}

/// F2.
pub(crate) fn fail(trial: &Trial) {
    let starts = Starts::new(&trial.program);
    let errors = ERRORS.map(|error| &*format!("error={error}").leak());
    let mut all = injections(trial, &starts, &errors);
    if trial.extent == Extent::Reduced {
        all = all.into_iter().step_by(7).collect();
    }
    let shim = Shim::new();
    all.extend(short_writes(trial, &starts));
    let named = AtomicUsize::new(0);
    trial.each(&all, |injection| {
        let place = starts.place(injection.start);
        let wrapper = match injection.what {
            SHORT => shim.wrapper(injection),
            _ => injection.wrapper(&place),
        };
        let ended = place.run(&trial.program, &wrapper, &["--jobs", "1"]);
        ended.demand_no_panic()?;
        if ended.code == 0 {
            // Tried again, or of no consequence: what is there must then be all that is demanded.
            return starts.reference.demand_same(&place.own_results());
        }
        named.fetch_add(1, Ordering::Relaxed);
        if ended.died {
            return Err(format!("it did not end by itself: {ended}"));
        }
        if injection.what == SHORT {
            return Err(format!("what was not written is to be written then: {ended}"));
        }
        if ended.stderr.trim().is_empty() && injection.call != "write" {
            return Err(format!("it ended without a word: {ended}"));
        }
        if matches!(injection.call, "pwrite64" | "fsync" | "rename" | "ftruncate") {
            ended.demand_refusal(&[2, 75], &[&place.name])?;
        }
        starts.reference.demand_nothing_partial(&place.own_results())?;
        starts.reference.demand_resume(&place, &trial.program).map(drop)
    });
    trial.note(format!("{} ended with an error, the others with 0", named.into_inner()));
}

/// What is injected by no tracer.
const SHORT: &str = "half of it is written";

/// The library that makes a write short, compiled.
struct Shim(tempfile::TempDir);

impl Shim {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reliability/short_write.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("short.so"));
        let status = compiler.arg(source).status();
        assert!(status.is_ok_and(|status| status.success()), "it built the program: {compiler:?}");
        Self(folder)
    }

    fn wrapper(&self, Injection { call, nth, .. }: &Injection) -> Vec<String> {
        let library = self.0.path().join("short.so");
        vec![
            "env".to_string(),
            format!("LD_PRELOAD={}", library.display()),
            format!("SHORT_CALL={call}"),
            format!("SHORT_NTH={nth}"),
        ]
    }
}

/// Each write, by whichever thread, cut in half. A plan that is there is a part of the start from
/// nothing, where the calls of all threads are counted together.
fn short_writes(trial: &Trial, starts: &Starts) -> Vec<Injection> {
    let mut all = Vec::new();
    for start in [Start::Nothing, Start::Runs] {
        for (call, (_, count)) in CALLS.into_iter().zip(counts(starts, &trial.program, start)) {
            if !matches!(call, "write" | "pwrite64") || count == 0 {
                continue;
            }
            let step = if trial.extent == Extent::Reduced { count.div_ceil(2) } else { 1 };
            let every = (1..=count + MARGIN).step_by(step);
            all.extend(every.map(|nth| Injection { start, call, nth, what: SHORT }));
        }
    }
    all
}

/// Everything is on the disk before anybody is told: in the order of the system calls, each
/// change of the store is followed by a sync of it, and that by a sync of the folder, before the
/// line that says so. A kill cannot show this; only a power cut would.
fn demand_order(starts: &Starts, program: &Program) -> Result<(), String> {
    let place = starts.place(Start::Plan);
    let log = place.path().join("calls");
    let words = ["strace", "-f", "-qq", "-y", "-s", "64", "-o"].map(str::to_string);
    let trace = "trace=write,pwrite64,fsync,fdatasync,unlink,unlinkat".to_string();
    let wrapper = [&words[..], &[log.display().to_string(), "-e".into(), trace]].concat();
    place.run(program, &wrapper, &["--jobs", "1"]).demand_success()?;
    let text = fs::read_to_string(&log).expect("the tracer wrote it");
    let folder = place.own_results().display().to_string();
    let (mut store_is_dirty, mut folder_is_dirty, mut syncs) = (false, false, 0);
    for line in text.lines() {
        let is_sync = line.contains("fsync(") || line.contains("fdatasync(");
        if line.contains("pwrite64(") && line.contains("runs.sqlite>") {
            store_is_dirty = true;
        } else if is_sync && line.contains("runs.sqlite>") {
            (store_is_dirty, syncs) = (false, syncs + 1);
        } else if line.contains("unlink") && line.contains("runs.sqlite-journal") {
            folder_is_dirty = true;
        } else if is_sync && line.contains(&format!("{folder}>")) {
            folder_is_dirty = false;
        } else if line.contains("trained 6 runs") && (store_is_dirty || folder_is_dirty) {
            return Err("6 runs are reported before they are on the disk".to_string());
        }
    }
    if syncs == 0 { Err("the store is never synced".to_string()) } else { Ok(()) }
}
