//! The store keeps what it was given bit for bit, tells equal from different, and lives with
//! others: other stamps, other formats, other processes.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier};

use gradus_runner::{
    Curve, File, FileErrors, Folder, FolderError, NamedArray, Outcome, Plan, Presence, RunRecord,
    Store, StoreError, Timing,
};

const RIGHT: &str = r#"// Which learning rate is best?
(
    name: "store",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(8), Relu, Dense(3)],
    loss: CrossEntropy,
    optimizer: (chain: [Momentum(0.9)], learning_rate: 0.1),
    train: (epochs: 2, batch: 32),
    sweep: (axes: [LearningRate(List([0.01, 0.1, 1.0]))], seeds: 2),
)
"#;

/// The plan of a right file with these pieces replaced.
fn plan(changes: &[(&str, &str)]) -> Plan {
    let text = changes.iter().fold(RIGHT.to_string(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old} must stand once in {text}");
        text.replace(old, new)
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.ron");
    fs::write(&path, text).expect("it is writable");
    let read: Result<File, FileErrors> = File::read(&path, None);
    read.unwrap_or_else(|errors| panic!("{}", errors.text)).plan
}

/// NaN with a payload, both zeros, the least and the largest: what text would lose.
const ODD: [f64; 10] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    5e-324,
    f64::MAX,
    f64::MIN_POSITIVE,
    0.1,
    -1.0 / 3.0,
];

fn record(key: &str, stamp: &str) -> RunRecord {
    let mut odd = ODD.to_vec();
    odd.push(f64::from_bits(0xfff8_0000_dead_beef));
    let times: Vec<u64> = (0..odd.len() as u64).collect();
    let curve = |layer| Curve {
        split: "train".into(),
        metric: "loss".into(),
        layer,
        epochs: times.as_slice().into(),
        steps: times.iter().map(|time| u64::MAX - time).collect(),
        values: odd.clone(),
    };
    RunRecord {
        key: key.into(),
        stamp: stamp.into(),
        seed: u64::MAX,
        description: "(a: \"b\", é)".to_string(),
        outcome: Outcome::Diverged {
            step: 7,
            quantity: "loss not finite".to_string(),
            layer: Some("0.Dense.weight".to_string()),
        },
        stopped: Some("a reason: é".to_string()),
        parameter_count: 67,
        epochs: 2,
        steps: 8,
        initial_loss: f64::NAN,
        constant_loss: -0.0,
        curves: vec![curve(None), curve(Some(3))],
        arrays: vec![NamedArray {
            name: "0.Dense.weight".to_string(),
            rows: 1,
            columns: odd.len() as u64,
            values: odd.clone(),
        }],
        weights_digest: "00ff".to_string(),
    }
}

const TIMING: Timing = Timing { seconds: 0.25 };

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn open(folder: &Path) -> Store {
    Store::open(folder).unwrap_or_else(|error| panic!("{error}"))
}

/// The records of a plan in its order.
fn stored(store: &Store, plan: &Plan, stamp: &str) -> Vec<Option<RunRecord>> {
    let results = store.results(plan, stamp).expect("the store is readable");
    results.runs.into_iter().map(|run| run.record).collect()
}

#[test]
fn a_record_reads_back_bit_for_bit() {
    let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan(&[]));
    let written = record(&plan.keys[1], "here");
    assert_eq!(open(folder.path()).insert(&[(written.clone(), TIMING)]).expect("written"), 0);
    let store = open(folder.path());
    let results = store.results(&plan, "here").expect("the store is readable");
    assert_eq!(results.runs[1].timing, Some(TIMING));
    assert!(results.runs.iter().all(|run| run.record.is_some() == (run.position == 1)));
    let shown = results.runs[1].record.clone().expect("it is there");
    assert_eq!((shown.description.as_str(), shown.curves.len()), ("", 2));
    let read = store.record(&plan.keys[1], "here").expect("readable").expect("it is there");
    for (read, written) in read.curves.iter().zip(&written.curves) {
        assert_eq!(bits(&read.values), bits(&written.values));
    }
    assert_eq!(bits(&read.arrays[0].values), bits(&written.arrays[0].values));
    assert_eq!(read.initial_loss.to_bits(), written.initial_loss.to_bits());
    assert_eq!(read.constant_loss.to_bits(), written.constant_loss.to_bits());
    // Everything else compares as it prints, NaN included.
    assert_eq!(format!("{read:?}"), format!("{written:?}"));
}

#[test]
fn equal_doubles_are_counted_and_different_ones_refused() {
    let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan(&[]));
    let mut store = open(folder.path());
    let first = record(&plan.keys[0], "here");
    let second = record(&plan.keys[1], "here");
    store.insert(&[(first.clone(), TIMING)]).expect("written");
    let slower = Timing { seconds: 9.0 };
    let both = [(first.clone(), slower), (second, TIMING)];
    assert_eq!(store.insert(&both).expect("time is no part of a result"), 1);

    let mut zero = first.clone();
    zero.curves[0].values[4] = 0.0;
    let third = record(&plan.keys[2], "here");
    let error = store.insert(&[(zero, TIMING), (third, TIMING)]).expect_err("-0.0 is not 0.0");
    assert!(
        matches!(&error, StoreError::Different { key, .. } if **key == *plan.keys[0]),
        "{error}"
    );
    let now = stored(&store, &plan, "here");
    assert_eq!(bits(&now[0].as_ref().expect("kept").curves[0].values)[4], (-0.0_f64).to_bits());
    assert!(now[2].is_some(), "what came with it is kept");
}

fn failed(key: &str) -> RunRecord {
    let outcome = Outcome::Failed { message: "out of memory".to_string() };
    RunRecord { outcome, ..record(key, "here") }
}

#[test]
fn a_failed_run_is_missing_and_makes_room() {
    let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan(&[]));
    let mut store = open(folder.path());
    assert_eq!(store.insert(&[(failed(&plan.keys[0]), TIMING)]).expect("written"), 0);
    assert_eq!(store.presence(&plan, "here").expect("readable")[0], Presence::Missing);
    // Failing in the same way again is no run that another process trained too.
    assert_eq!(store.insert(&[(failed(&plan.keys[0]), TIMING)]).expect("written"), 0);
    let good = record(&plan.keys[0], "here");
    assert_eq!(store.insert(&[(good.clone(), TIMING)]).expect("it replaces the failure"), 0);
    assert_eq!(store.presence(&plan, "here").expect("readable")[0], Presence::Here);
    let now = stored(&store, &plan, "here").remove(0).expect("it is there");
    assert_eq!(now.outcome, good.outcome);
}

#[test]
fn records_of_another_stamp_are_kept_apart() {
    let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan(&[]));
    let mut store = open(folder.path());
    let mut there = record(&plan.keys[0], "there");
    there.steps = 9;
    store.insert(&[(there.clone(), TIMING)]).expect("written");
    assert_eq!(store.presence(&plan, "here").expect("readable")[0], Presence::OtherStamp);
    assert_eq!(store.presence(&plan, "there").expect("readable")[0], Presence::Here);
    assert_eq!(stored(&store, &plan, "here")[0].as_ref().expect("shown").stamp.as_ref(), "there");

    let here = record(&plan.keys[0], "here");
    assert_eq!(store.insert(&[(here, TIMING)]).expect("no contradiction"), 0);
    for stamp in ["here", "there"] {
        assert_eq!(stored(&store, &plan, stamp)[0].as_ref().expect("kept").stamp.as_ref(), stamp);
    }
}

/// Runs `statement` on the file with SQLite alone.
fn with_sqlite(folder: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(folder.join("runs.sqlite")).expect("it opens");
    connection.execute_batch(statement).expect("it runs");
}

fn refusal(folder: &Path) -> String {
    let error = Store::open(folder).expect_err("it is refused");
    error.to_string().replace(&format!("{}/", folder.display()), "")
}

#[test]
fn stores_of_others_are_refused_and_left_alone() {
    let of_later_version = tempfile::tempdir().expect("a folder");
    drop(open(of_later_version.path()));
    with_sqlite(of_later_version.path(), "PRAGMA user_version = 99");
    insta::assert_snapshot!(refusal(of_later_version.path()), @"runs.sqlite: a store of format 99, this program reads format 3; remove the file and run the experiment again to train anew");

    let of_another = tempfile::tempdir().expect("a folder");
    with_sqlite(of_another.path(), "CREATE TABLE songs (name TEXT)");
    insta::assert_snapshot!(refusal(of_another.path()), @"runs.sqlite: a database of another program; choose another folder with --out");

    let no_database = tempfile::tempdir().expect("a folder");
    fs::write(no_database.path().join("runs.sqlite"), "key,loss\n1,2\n".repeat(100)).expect("ok");
    insta::assert_snapshot!(refusal(no_database.path()), @"runs.sqlite: no database; remove the file, or choose another folder with --out");

    for folder in [&of_later_version, &of_another, &no_database] {
        let before = fs::read(folder.path().join("runs.sqlite")).expect("it is there");
        refusal(folder.path());
        assert_eq!(fs::read(folder.path().join("runs.sqlite")).expect("still"), before);
    }
}

#[test]
fn a_cut_store_is_an_error_and_no_panic() {
    let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan(&[]));
    let path = folder.path().join("runs.sqlite");
    let mut store = open(folder.path());
    store.set_plan(&plan).expect("written");
    store.insert(&[(record(&plan.keys[0], "here"), TIMING)]).expect("written");
    drop(store);
    let whole = fs::read(&path).expect("it is there");
    for page in 1..whole.len() / 4096 {
        fs::write(&path, &whole[..page * 4096]).expect("it is writable");
        // Whichever read meets the missing page says so.
        let read = Store::open(folder.path())
            .and_then(|store| store.plan().and(store.results(&plan, "here")));
        if let Err(error) = read {
            assert!(error.to_string().contains("runs.sqlite"), "{error}");
        }
    }
}

#[test]
fn keys_change_with_what_changes_a_number_and_with_nothing_else() {
    let keys = |changes: &[(&str, &str)]| plan(changes).keys;
    let base = keys(&[]);
    assert_eq!(base.len(), 6);
    let rates = ("0.01, 0.1, 1.0", "0.001, 0.01, 0.1, 1.0, 10.0");
    let grown = keys(&[rates, ("seeds: 2", "seeds: 4")]);
    assert_eq!(grown.len(), 20);
    assert!(base.iter().all(|key| grown.contains(key)), "old cells keep their keys");

    for (what, old, new) in [
        ("name", "\"store\"", "\"other\""),
        ("question", "is best?", "is worst?"),
        ("judge", "seeds: 2),", "seeds: 2),\n judge: (split: Validation, at: Best),"),
        ("layout", "    loss:", "    /* in nats */ loss:"),
        ("where to get it", "source: Iris", "source: Iris, obtain: \"anywhere\""),
        ("the rate that is varied", "learning_rate: 0.1", "learning_rate: 0.7"),
    ] {
        assert_eq!(keys(&[(old, new)]), base, "{what}");
    }
    for (what, old, new) in [
        ("model", "Dense(8)", "Dense(9)"),
        ("init", "loss:", "init: (biases: Normal(0.1)), loss:"),
        ("data", "source: Iris", "source: Moons(samples: 100)"),
        ("split", "validation: 0.2", "validation: 0.3"),
        ("scaling", "Standardize", "MinMax"),
        ("chain", "Momentum(0.9)", "Nesterov(0.9)"),
        ("length", "epochs: 2", "epochs: 3"),
        ("batch", "batch: 32", "batch: 31"),
        ("precision", "batch: 32", "batch: 32, precision: F64"),
        ("record", "seeds: 2),", "seeds: 2),\n record: [Weights],"),
        ("metrics", "seeds: 2),", "seeds: 2),\n metrics: [],"),
    ] {
        let old_or_two_classes = if what == "data" {
            keys(&[(old, new), ("Dense(3)", "Dense(2)")])
        } else {
            keys(&[(old, new)])
        };
        assert!(old_or_two_classes.iter().all(|key| !base.contains(key)), "{what}");
    }
    // Under Plateau training listens to the judge.
    let plateau =
        ("learning_rate: 0.1", "learning_rate: 0.1, schedule: Plateau(factor: 0.5, patience: 1)");
    let judged = ("seeds: 2),", "seeds: 2),\n judge: (metric: Accuracy, split: Validation),");
    assert!(keys(&[plateau]).iter().all(|key| !keys(&[plateau, judged]).contains(key)));
}

#[test]
fn a_plan_reads_back_and_its_order_is_part_of_it() {
    let (folder, plan) = (tempfile::tempdir().expect("a folder"), plan(&[]));
    let mut store = open(folder.path());
    assert!(store.plan().expect("readable").is_none());
    store.set_plan(&plan).expect("written");
    let read = open(folder.path()).plan().expect("readable").expect("it is there");
    assert_eq!((&read.keys, &read.question), (&plan.keys, &plan.question));
    assert_eq!((&read.experiment, &read.data), (&plan.experiment, &plan.data));
    // What is written beside the results is an experiment file of its own.
    let path = folder.path().join("experiment.ron");
    fs::write(&path, gradus_runner::experiment_text(&plan.experiment)).expect("it is writable");
    let again = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
    assert_eq!(again.plan.keys, plan.keys);
    let reversed = self::plan(&[("0.01, 0.1, 1.0", "1.0, 0.1, 0.01")]);
    assert_ne!(reversed.digest(), plan.digest());
}

#[test]
fn a_folder_is_joined_with_the_same_plan_and_held_against_another() {
    let out = tempfile::tempdir().expect("a folder");
    let (plan, other) = (plan(&[]), plan(&[("seeds: 2", "seeds: 3")]));
    let first = Folder::take(out.path(), &plan).expect("nobody is there");
    let second = Folder::take(out.path(), &plan).expect("the same plan joins");
    for held in [first, second] {
        let error = Folder::take(out.path(), &other).expect_err("somebody is there");
        assert!(matches!(error, FolderError::Held { .. }), "{error}");
        drop(held);
    }
    let third = Folder::take(out.path(), &other).expect("nobody is there any more");
    assert_eq!(third.store.plan_digest().expect("readable"), Some(other.digest()));
    let names: Vec<_> = fs::read_dir(out.path().join("store")).expect("it is there").collect();
    assert_eq!(names.len(), 1, "a store and no lock file");
}

/// Whoever opens it first makes the tables, and nobody makes them twice.
#[test]
fn a_store_is_made_once() {
    for _ in 0..50 {
        let folder = tempfile::tempdir().expect("a folder");
        let barrier = Barrier::new(4);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    barrier.wait();
                    open(folder.path());
                });
            }
        });
    }
}

/// Both come at the same moment, and write to the same store for a while.
#[test]
fn two_that_start_at_once_share_a_folder() {
    let out = tempfile::tempdir().expect("a folder");
    let plan = plan(&[("seeds: 2", "seeds: 40")]);
    let barrier = Barrier::new(2);
    let work = || {
        barrier.wait();
        let mut folder = Folder::take(out.path(), &plan).unwrap_or_else(|error| panic!("{error}"));
        let insert = |key: &Arc<str>| folder.store.insert(&[(record(key, "here"), TIMING)]);
        let doubles: Result<Vec<usize>, StoreError> = plan.keys.iter().map(insert).collect();
        doubles.unwrap_or_else(|error| panic!("{error}")).into_iter().sum::<usize>()
    };
    let doubles: usize = std::thread::scope(|threads| {
        let workers = [threads.spawn(work), threads.spawn(work)];
        workers.map(|worker| worker.join().expect("no panic")).into_iter().sum()
    });
    assert_eq!(doubles, plan.len(), "each run was written once and found once");
    assert!(stored(&open(&out.path().join("store")), &plan, "here").iter().all(Option::is_some));
}
