//! A damaged store is named, or what is read of it is what was written: never a wrong number, never
//! a panic; and what is no store at all is refused at once.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use gradus_core::Stream;
use gradus_runner::{Curve, File, NamedArray, Outcome, Plan, RunRecord, Store, StoreError, Timing};

const EXPERIMENT: &str = r#"// Is anything lost?
(
    name: "kept",
    data: (source: Iris, split: (validation: 0.2)),
    model: [Dense(3)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.1),
    train: (epochs: 2, batch: 32),
    sweep: (axes: [LearningRate(List([0.01, 0.1, 1.0]))], seeds: 4),
)
"#;

fn plan() -> Plan {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.ron");
    fs::write(&path, EXPERIMENT).expect("it is writable");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text)).plan
}

/// A record with some of everything, larger than a page.
fn record(key: &str, seed: u64) -> RunRecord {
    let mut stream = Stream::new(seed, "record", 0, 0);
    let mut numbers = |count: usize| (0..count).map(|_| stream.normal()).collect::<Vec<f64>>();
    let curve = |metric: &'static str, layer, values: Vec<f64>| Curve {
        split: "train".into(),
        metric: metric.into(),
        layer,
        epochs: (0..values.len() as u64).collect(),
        steps: (0..values.len() as u64).map(|step| 10 * step).collect(),
        values,
    };
    let outcome = match seed % 3 {
        0 => Outcome::Trained,
        1 => Outcome::Stalled,
        _ => Outcome::Diverged { step: 3, quantity: "loss not finite".into(), layer: None },
    };
    RunRecord {
        key: key.into(),
        stamp: "here".into(),
        seed,
        description: format!("(what: \"it is\", seed: {seed})"),
        outcome,
        stopped: (seed == 1).then(|| "a rule".to_string()),
        parameter_count: 15,
        epochs: 2,
        steps: 20,
        initial_loss: 1.0 / 3.0,
        constant_loss: f64::INFINITY,
        curves: vec![
            curve("loss", None, numbers(20)),
            curve("gradient_norm", Some(seed), numbers(300)),
        ],
        arrays: vec![NamedArray { name: "w".into(), rows: 5, columns: 3, values: numbers(15) }],
        weights_digest: "00ff".to_string(),
    }
}

/// Bytes of a store with a plan and all its runs.
fn whole(plan: &Plan) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut store = Store::open(folder.path()).expect("it is made");
    store.set_plan(plan).expect("written");
    for (position, key) in plan.keys.iter().enumerate() {
        let timing = Timing { seconds: 0.1 * position as f64 };
        store.insert(&[(record(key, position as u64), timing)]).expect("written");
    }
    drop(store);
    fs::read(folder.path().join("runs.sqlite")).expect("it is there")
}

/// Everything that is ever read of a store, as text; what is missing is left out.
fn read(folder: &Path) -> Result<Vec<String>, StoreError> {
    let Some(store) = Store::open_existing(folder)? else { return Ok(Vec::new()) };
    let Some(plan) = store.plan()? else { return Ok(Vec::new()) };
    let results = store.results(&plan, "here")?;
    let mut read =
        vec![format!("{:?} {} {:?}", results.experiment, results.question, results.data)];
    for (run, outcome) in results.runs.iter().zip(store.outcomes(&plan, "here")?) {
        let Some(record) = &run.record else { continue };
        assert_eq!(outcome.as_ref(), Some(&record.outcome));
        read.push(format!("{} {record:?} {:?}", run.position, run.timing));
    }
    store.presence(&plan, "here").map(|_| read)
}

/// `None` where the damage was named; else nothing that is read may differ, and so much was read.
fn read_of(folder: &Path, bytes: &[u8], expected: &[String], what: &str) -> Option<usize> {
    fs::write(folder.join("runs.sqlite"), bytes).expect("it is writable");
    let _ = fs::remove_file(folder.join("runs.sqlite-journal"));
    match read(folder) {
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with(&*folder.join("runs.sqlite").to_string_lossy()), "{text}");
            assert!(!matches!(error, StoreError::Different { .. }), "{what}: {text}");
            None
        }
        Ok(read) => {
            for line in &read {
                assert!(expected.contains(line), "{what}: a wrong number was read: {line}");
            }
            Some(read.len())
        }
    }
}

#[test]
fn a_flipped_bit_is_named_or_without_effect() {
    let plan = plan();
    let bytes = whole(&plan);
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("runs.sqlite"), &bytes).expect("it is writable");
    let expected = read(folder.path()).expect("nothing is wrong with it");
    assert_eq!(expected.len(), 1 + plan.len());
    let mut stream = Stream::new(0, "flips", 0, 0);
    let (mut named, mut lost) = (0, Vec::new());
    // Every bit of the header, then bits anywhere.
    let header = 0..800;
    let anywhere = (0..1200).map(|_| 800 + stream.below(bytes.len() as u64 * 8 - 800));
    for bit in header.chain(anywhere) {
        let mut flipped = bytes.clone();
        flipped[bit as usize / 8] ^= 1 << (bit % 8);
        match read_of(folder.path(), &flipped, &expected, &format!("bit {bit}")) {
            None => named += 1,
            Some(read) if read < expected.len() => lost.push(bit),
            Some(_) => {}
        }
    }
    println!("of 2000 flipped bits {named} named, {} lost a record in silence", lost.len());
    assert!(lost.is_empty(), "bits {lost:?}");
    // Most of the file is content; what is not is free space.
    assert!(named > 500, "{named} of 2000");
}

#[test]
fn a_file_that_is_cut_short_is_named_or_reads_as_it_was() {
    let bytes = whole(&plan());
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("runs.sqlite"), &bytes).expect("it is writable");
    let expected = read(folder.path()).expect("nothing is wrong with it");
    for len in (1..bytes.len()).step_by(1021).chain((4096..bytes.len()).step_by(4096)) {
        let read = read_of(folder.path(), &bytes[..len], &expected, &format!("{len} bytes"));
        // The last page may end in room that is free.
        let is_whole = read == Some(expected.len()) && len + 4096 > bytes.len();
        assert!(read.is_none() || is_whole, "{len} of {} bytes", bytes.len());
    }
    assert_eq!(read_of(folder.path(), &[], &expected, "no byte"), Some(0), "as good as none");
}

/// The words of an error about a store of which SQLite itself changed something.
fn after(statement: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("runs.sqlite"), whole(&plan())).expect("it is writable");
    let connection = rusqlite::Connection::open(folder.path().join("runs.sqlite")).expect("opens");
    connection.execute_batch(statement).expect("it runs");
    let error = read(folder.path()).expect_err(statement);
    error.to_string().replace(&*folder.path().to_string_lossy(), "kept")
}

#[test]
fn damage_is_named_with_its_run_and_what_to_do() {
    let key = &plan().keys[5];
    let at =
        |what: &str| what.replace("RUN", &format!("(SELECT id FROM runs WHERE key = '{key}')"));
    for change in [
        "UPDATE curves SET data = zeroblob(length(data)) WHERE run = RUN AND position = 1",
        "UPDATE curves SET steps = substr(steps, 1, 9) WHERE run = RUN AND position = 0",
        "UPDATE curves SET metric = 'running_loss' WHERE run = RUN AND position = 0",
        "UPDATE curves SET layer = 7 WHERE run = RUN AND position = 0",
        "DELETE FROM curves WHERE run = RUN AND position = 1",
        "DELETE FROM arrays WHERE run = RUN",
        "UPDATE arrays SET width = 1, height = 15 WHERE run = RUN",
        "UPDATE runs SET outcome = 'Stalled' WHERE id = RUN",
        "UPDATE runs SET description = 'x' WHERE id = RUN",
        "UPDATE runs SET epochs = 3 WHERE id = RUN",
        "UPDATE runs SET seed = 9 WHERE id = RUN",
        "UPDATE runs SET initial_loss = x'00' WHERE id = RUN",
        "UPDATE runs SET stopped = 'y' WHERE id = RUN",
        "UPDATE runs SET stamp = 'there' WHERE id = RUN",
        "UPDATE runs SET steps = 'many' WHERE id = RUN",
        "UPDATE runs SET weights_digest = x'ff' WHERE id = RUN",
        "UPDATE timings SET seconds = 7.0 WHERE run = RUN",
    ] {
        let said = after(&at(change));
        let (begin, end) = (
            format!("kept/runs.sqlite: damaged: the record of run {key}: "),
            format!(" {key}` and run the experiment"),
        );
        assert!(said.starts_with(&begin) && said.ends_with(&end), "{change}: {said}");
    }
    for change in [
        "UPDATE plan SET value = 'Which?' WHERE name = 'question'",
        "UPDATE plan SET value = replace(value, '0.2', '0.3') WHERE name = 'experiment'",
        "UPDATE plan SET value = replace(value, '30', '31') WHERE name = 'data'",
        "DELETE FROM plan WHERE name = 'checksum'",
        "DELETE FROM cells WHERE position = 3",
        "UPDATE cells SET key = 'x' WHERE position = 3",
    ] {
        let said = after(change);
        assert!(said.starts_with("kept/runs.sqlite: damaged: the "), "{change}: {said}");
        assert!(said.ends_with("run the experiment again, which writes its plan anew"), "{said}");
    }
    let said = after("ALTER TABLE curves RENAME COLUMN data TO date");
    assert!(said.contains("its tables are not those of format"), "{said}");
}

#[test]
fn a_damaged_plan_is_written_anew() {
    let plan = plan();
    for change in [
        "UPDATE plan SET value = '' WHERE name = 'data'",
        "UPDATE cells SET key = 'x' WHERE position = 3",
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("runs.sqlite");
        fs::write(&path, whole(&plan)).expect("it is writable");
        let expected = read(folder.path()).expect("nothing is wrong with it");
        let connection = rusqlite::Connection::open(&path).expect("it opens");
        connection.execute_batch(change).expect("it runs");
        drop(connection);
        assert!(read(folder.path()).is_err(), "{change}");
        Store::open(folder.path()).and_then(|mut store| store.set_plan(&plan)).expect("written");
        assert_eq!(read(folder.path()).expect("it is mended"), expected, "{change}");
    }
}

/// A damaged record is no contradiction to the run that is trained again.
#[test]
fn damage_is_not_taken_for_different_bits() {
    let plan = plan();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("runs.sqlite");
    fs::write(&path, whole(&plan)).expect("it is writable");
    let connection = rusqlite::Connection::open(&path).expect("it opens");
    connection.execute_batch("UPDATE runs SET epochs = 3 WHERE id = 1").expect("it runs");
    drop(connection);
    let mut other = record(&plan.keys[0], 0);
    other.steps += 1;
    let mut store = Store::open(folder.path()).expect("its tables are whole");
    let error = store.insert(&[(other.clone(), Timing { seconds: 0.0 })]).expect_err("damaged");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    other.key.clone_from(&plan.keys[1]);
    let error = store.insert(&[(other, Timing { seconds: 0.0 })]).expect_err("other bits");
    assert!(matches!(error, StoreError::Different { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn what_is_no_store_is_refused_at_once_and_left_alone() {
    type Make = fn(&Path);
    let makes: [(&str, Make, &str); 6] = [
        ("a folder", |path| fs::create_dir(path).expect("ok"), "a folder and no store"),
        (
            "a pipe",
            |path| assert!(Command::new("mkfifo").arg(path).status().expect("ok").success()),
            "a pipe or device and no store",
        ),
        (
            "/dev/zero",
            |path| std::os::unix::fs::symlink("/dev/zero", path).expect("ok"),
            "a symbolic link and no store",
        ),
        (
            "a link to nowhere",
            |path| std::os::unix::fs::symlink("nowhere", path).expect("ok"),
            "a symbolic link and no store",
        ),
        (
            "4 GiB of nothing",
            |path| fs::File::create(path).and_then(|file| file.set_len(4 << 30)).expect("ok"),
            "no database",
        ),
        ("text", |path| fs::write(path, "key,loss\n".repeat(99)).expect("ok"), "no database"),
    ];
    for (what, make, said) in makes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("runs.sqlite");
        make(&path);
        let started = Instant::now();
        for refused in [
            Store::open(folder.path()).map(|_| ()),
            Store::open_existing(folder.path()).map(|_| ()),
        ] {
            let error = refused.expect_err(what).to_string();
            assert!(error.contains(said) && error.contains("runs.sqlite"), "{what}: {error}");
        }
        assert!(started.elapsed() < Duration::from_secs(1), "{what}");
        let left = fs::read_dir(folder.path()).expect("it is there").count();
        assert_eq!(left, 1, "{what}: something was written");
    }
}
