//! Ctrl-C and its kin: what is finished is kept, nothing is left to clean up, and the same command
//! carries on to the same bytes.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gradus_runner::{File, Presence, Store, stamp};

/// Sixteen runs of about two tenths of a second.
const SWEEP: &str = r#"(
    name: "sweep",
    data: (source: Digits, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(32), Relu, Dense(10)],
    loss: CrossEntropy,
    optimizer: (chain: [Momentum(0.9)], learning_rate: 0.1),
    train: (epochs: 60, batch: 32),
    sweep: (axes: [LearningRate(List([0.01, 0.1]))], seeds: 8),
)"#;

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("a.ron"), text).expect("it is writable");
    folder
}

fn gradus(folder: &Path, arguments: &[&str]) -> Command {
    // These tests may themselves run under `nohup`, or in the background of a shell.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,TERM", env!("CARGO_BIN_EXE_gradus")]);
    command.args(arguments).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Starts it, and waits until it answers to signals.
fn start(folder: &Path, arguments: &[&str]) -> Child {
    let child = gradus(folder, arguments).spawn().expect("the program starts");
    wait_for("it never answered to signals", || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.expect("a line").trim(), 16).expect("a number");
        // HUP, INT and TERM.
        caught & 0x4003 == 0x4003
    });
    child
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(2));
    }
}

fn send(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("sh").args(["-c", "kill -$0 $1", signal, &pid]).status();
    assert!(sent.expect("there is a shell").success());
}

/// Exit code, words and how long it took.
fn end(mut child: Child) -> (Option<i32>, String, Duration) {
    let started = Instant::now();
    let code = child.wait().expect("it ends").code();
    let took = started.elapsed();
    let mut words = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut words).expect("it is text");
    (code, words, took)
}

fn durable(folder: &Path) -> usize {
    let file = File::read(&folder.join("a.ron"), None).unwrap_or_else(|e| panic!("{}", e.text));
    let store = Store::open_existing(&folder.join("results/sweep")).expect("it is readable");
    let presence = store.map(|store| store.presence(&file.plan, &stamp()).expect("readable"));
    presence.unwrap_or_default().iter().filter(|&&there| there == Presence::Here).count()
}

/// Everything that is drawn, but for what depends on the clock.
fn drawn(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let results = folder.join("results/sweep");
    let entries = fs::read_dir(results).expect("there are results").map(|entry| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, fs::read(entry.path()).expect("it is a file"))
    });
    let is_stable = |name: &str| name != "runs.sqlite" && name != "timings.csv";
    entries.filter(|(name, _)| is_stable(name)).collect()
}

const SOON: Duration = Duration::from_secs(2);

#[test]
fn the_first_signal_keeps_what_is_finished_and_the_same_command_carries_on() {
    let undisturbed = folder(SWEEP);
    let run = ["run", "a.ron", "--jobs", "1"];
    let output = gradus(undisturbed.path(), &run).output().expect("it starts");
    assert!(output.status.success());
    for (signal, expected) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let folder = folder(SWEEP);
        let child = start(folder.path(), &run);
        wait_for("no run was ever finished", || durable(folder.path()) > 0);
        let before = durable(folder.path());
        send(&child, signal);
        let (code, words, took) = end(child);
        assert!(code == Some(expected) && took < SOON, "{signal}: {code:?} after {took:?}");
        let here = durable(folder.path());
        assert!((before..16).contains(&here), "{here} of 16, {before} before the signal");
        let said = format!(
            "interrupted: {here} of 16 runs are finished and kept in results/sweep; to carry on: \
             cargo xtask run a.ron --jobs 1\n"
        );
        assert!(words.ends_with(&said), "{words}");
        let names: Vec<_> =
            fs::read_dir(folder.path().join("results/sweep")).expect("ok").collect();
        assert_eq!(names.len(), 1, "the store alone: {names:?}");
        let output = gradus(folder.path(), &run).output().expect("it starts");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        assert!(words.contains(&format!("training {} run", 16 - here)), "{words}");
        assert!(drawn(folder.path()) == drawn(undisturbed.path()), "{signal}: other bytes");
    }
}

/// An epoch of more than ten seconds, evaluations of several, data that takes long to make.
const LONG: [(&str, &str); 3] = [
    (
        "an epoch",
        r#"(name: "sweep", data: (source: Noise(input: Features(32), targets: Numbers(1),
            samples: 400000)), model: [Dense(256), Tanh, Dense(256), Tanh, Dense(1)], loss: Mse,
            optimizer: (learning_rate: 1e-6), train: (epochs: 1, batch: 1))"#,
    ),
    (
        "an evaluation",
        r#"(name: "sweep", data: (source: Noise(input: Features(2), targets: Numbers(1),
            samples: 1000000)), model: [Dense(1024), Tanh, Dense(64), Dense(1)], loss: Mse,
            evaluate: [Train], optimizer: (learning_rate: 1e-6), train: (steps: 1, batch: 1))"#,
    ),
    (
        "making data",
        r#"(name: "sweep", data: (source: Noise(input: Features(64), targets: Numbers(1),
            samples: 1000000)), model: [Dense(1)], loss: Mse,
            optimizer: (learning_rate: 1e-6), train: (steps: 1, batch: 1))"#,
    ),
];

#[test]
fn the_first_signal_ends_whatever_takes_long() {
    for (what, text) in LONG {
        for wait in [0, 300, 1500] {
            let folder = folder(text);
            let mut child = start(folder.path(), &["run", "a.ron"]);
            sleep(Duration::from_millis(wait));
            if child.try_wait().expect("it is ours").is_some() {
                assert_eq!((what, wait), ("making data", 1500), "it was to take longer");
                continue;
            }
            send(&child, "INT");
            let (code, words, took) = end(child);
            assert!(code == Some(130) && took < SOON, "{what}: {code:?} after {took:?}: {words}");
            assert!(words.contains("carry on: cargo xtask run a.ron\n"), "{what}: {words}");
        }
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    // The loss at the initial weights is taken in one piece.
    let folder = folder(LONG[1].1);
    let child = start(folder.path(), &["run", "a.ron"]);
    wait_for("nothing is ever trained", || folder.path().join("results/sweep").exists());
    sleep(Duration::from_millis(300));
    send(&child, "INT");
    sleep(Duration::from_millis(200));
    send(&child, "TERM");
    let (code, _, took) = end(child);
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
    assert!(took < Duration::from_millis(700), "{took:?}");
}

/// `nohup` asks for it, and shells do for what runs in the background.
#[test]
fn signals_that_are_ignored_stay_ignored() {
    let folder = folder(SWEEP);
    let program = env!("CARGO_BIN_EXE_gradus");
    let child = Command::new("sh")
        .args(["-c", "trap '' HUP INT; exec \"$0\" run a.ron --jobs 1 --no-report", program])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    wait_for("no run was ever finished", || durable(folder.path()) > 0);
    send(&child, "HUP");
    send(&child, "INT");
    let (code, words, _) = end(child);
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(durable(folder.path()), 16);
}

#[test]
fn a_full_stdout_is_named_and_costs_no_result() {
    let folder = folder(SWEEP);
    for arguments in [&["run", "a.ron"][..], &["plan", "a.ron"], &["doctor"], &["--help"]] {
        let full = fs::File::options().write(true).open("/dev/full").expect("it is there");
        let output = gradus(folder.path(), arguments).stdout(full).output().expect("it starts");
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{arguments:?}: {words}");
        assert!(words.contains("stdout: No space left on device"), "{arguments:?}: {words}");
    }
    assert_eq!(durable(folder.path()), 16);
}
