//! Two processes on one folder: the same plan joins and changes no byte, different bits end in 3.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use gradus_runner::{File, Folder, Interruption, Store, Timing, Work, stamp, train_runs};

const SWEEP: &str = r#"(
    name: "joined",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(16), Relu, Dense(3)],
    loss: CrossEntropy,
    optimizer: (chain: [Momentum(0.9)], learning_rate: 0.1),
    train: (epochs: 20, batch: 16),
    sweep: (axes: [LearningRate(List([0.01, 0.1]))], seeds: 6),
)"#;

fn folder(epochs: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = SWEEP.replace("epochs: 20", &format!("epochs: {epochs}"));
    fs::write(folder.path().join("a.ron"), text).expect("it is writable");
    folder
}

fn gradus(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Everything that is drawn, but for what depends on the clock.
fn drawn(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.join("results/joined")).expect("there are results");
    let files = entries.map(|entry| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, fs::read(entry.path()).expect("it is a file"))
    });
    let is_stable = |name: &str| name != "runs.sqlite" && name != "timings.csv";
    files.filter(|(name, _)| is_stable(name)).collect()
}

#[test]
fn twenty_joins_give_the_bytes_of_one_process() {
    let alone = folder(20);
    assert!(gradus(alone.path(), &["run", "a.ron"]).output().expect("it starts").status.success());
    let expected = drawn(alone.path());
    let mut doubles = 0;
    for _ in 0..20 {
        let folder = folder(20);
        let start = || {
            let run = ["run", "a.ron", "--jobs", "1", "--json"];
            gradus(folder.path(), &run).spawn().expect("it starts")
        };
        let mut trained = 0;
        for child in [start(), start()] {
            let output = child.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            let printed: serde_json::Value =
                serde_json::from_slice(&output.stdout).expect("it prints JSON");
            trained += printed["trained"].as_u64().expect("a count");
            let counted = said.lines().find_map(|line| line.split_once(" runs were trained by"));
            doubles += counted.map_or(0, |(count, _)| count.parse::<u64>().expect("a count"));
        }
        assert_eq!(trained, 12, "each run is written once");
        assert!(drawn(folder.path()) == expected, "other bytes");
    }
    println!("{doubles} runs were trained twice");
}

#[test]
fn different_bits_of_two_processes_are_exit_3() {
    // Long enough for this test to come in between.
    let folder = folder(1500);
    let file = File::read(&folder.path().join("a.ron"), None);
    let file = file.unwrap_or_else(|errors| panic!("{}", errors.text));
    gradus_core::use_one_thread();
    let (plan, stamp) = (&file.plan, stamp());
    // What another machine with the same stamp would have made of the last run.
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let mut other = Folder::take(elsewhere.path(), plan).expect("nobody is there");
    let (positions, interruption) = ([11], &Interruption::default());
    let (stamp, positions) = (stamp.as_str(), positions.as_slice());
    let checkpoint_every = std::time::Duration::ZERO;
    let work = Work { plan, positions, stamp, jobs: 1, checkpoint_every, interruption };
    train_runs(work, Cow::Borrowed(&file.dataset), &mut other.store).expect("writable");
    let record = other.store.record(&plan.keys[11], stamp).expect("readable");
    let mut record = record.expect("it was trained");
    let last = record.curves[0].values.last_mut().expect("it has values");
    *last = f64::from_bits(last.to_bits() ^ 1);

    // Held, so that the process finds it missing and then there.
    let held = Folder::take(&folder.path().join("results"), plan).expect("nobody is there");
    let child = gradus(folder.path(), &["run", "a.ron", "--jobs", "1"]).spawn().expect("it starts");
    let mut store = Store::open(&held.path).expect("it is there");
    loop {
        let here = store.outcomes(plan, stamp).expect("readable").iter().flatten().count();
        assert!(here < 12, "the process was quicker than this test");
        if here > 0 {
            break;
        }
    }
    store.insert(&[(record, Timing { seconds: 1.0 })]).expect("it is the first of its key");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&*plan.keys[11]) && said.contains("trained twice"), "{said}");
    assert!(output.stdout.is_empty(), "nothing is said to be done");
}
