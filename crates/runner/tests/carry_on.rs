//! Sweeps that are cut: what the store keeps of a run carries it on, and damage is never carried.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use gradus_runner::{
    Checkpoint, Cut, File, Folder, Interruption, RunRecord, Selection, StoredCheckpoint, Tally,
    Work, stamp, train_cut, train_runs,
};

const SWEEP: &str = r#"// Is it carried on?
(
    name: "carry_on",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(8), Tanh, Dense(3)],
    loss: CrossEntropy,
    optimizer: (chain: [Adam()], learning_rate: 0.01, schedule: Cosine(to: 0.0)),
    train: (epochs: 6, batch: 32),
    sweep: (axes: [LearningRate(List([0.001, 0.01]))]),
)
"#;

fn read() -> File {
    gradus_core::use_one_thread();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("experiment.ron");
    std::fs::write(&path, SWEEP).expect("it is writable");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text))
}

fn train(file: &File, folder: &mut Folder, positions: &[usize], stamp: &str) -> Tally {
    let work = Work {
        plan: &file.plan,
        positions,
        stamp,
        jobs: 2,
        checkpoint_every: Duration::from_secs(60),
        interruption: &Interruption::default(),
    };
    train_runs(work, Cow::Borrowed(&file.dataset), &mut folder.store).expect("writable")
}

fn take(out: &Path, file: &File) -> Folder {
    Folder::take(out, &file.plan).expect("nobody else is there")
}

fn record(file: &File, folder: &Folder, position: usize, stamp: &str) -> Option<RunRecord> {
    folder.store.record(&file.plan.keys[position], stamp).expect("readable")
}

/// What is saved of the run at `position` behind step 10.
fn checkpoint(file: &File, position: usize) -> Checkpoint {
    let experiment = file.plan.experiment_at(file.plan.cell(position));
    let mut state = Vec::new();
    let mut carry = |saved: Vec<u8>| {
        state = saved.clone();
        saved
    };
    let (seed, cut) = (file.plan.seed(position), Cut::Behind(10));
    let nobody = &Interruption::default();
    let trained = train_cut(&experiment, seed, &file.dataset, cut, &mut carry, nobody);
    trained.expect("nobody interrupts").expect("it fits");
    Checkpoint { steps: 10, seconds: 1000.0, state }
}

#[test]
fn a_stored_checkpoint_carries_its_run_on_and_goes_with_its_record() {
    let file = read();
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let (mut whole, mut cut) = (take(one.path(), &file), take(other.path(), &file));
    let stamp = stamp();
    train(&file, &mut whole, &[0, 1], &stamp);
    let (key, kept) = (&file.plan.keys[1], checkpoint(&file, 1));
    cut.store.keep(key, &stamp, &kept).expect("writable");
    let found = cut.store.checkpoint(key, &stamp).expect("readable");
    assert_eq!(found, Some(StoredCheckpoint::Whole(kept.clone())));
    train(&file, &mut cut, &[0, 1], &stamp);
    for position in [0, 1] {
        let records = [&whole, &cut].map(|folder| record(&file, folder, position, &stamp));
        assert_eq!(records[0], records[1]);
        assert!(records[0].is_some());
    }
    // It shows that it was carried on: the seconds before were added.
    let results = cut.store.results(&file.plan, &stamp).expect("readable");
    let seconds = |position: usize| results.runs[position].timing.expect("it is there").seconds;
    assert!(seconds(0) < 1000.0 && seconds(1) > 1000.0);
    assert_eq!(cut.store.checkpoints().expect("readable"), []);
    // Written late, by a process that does not know that another has ended the run.
    cut.store.keep(key, &stamp, &kept).expect("writable");
    assert_eq!(cut.store.checkpoints().expect("readable"), []);
}

#[test]
fn a_checkpoint_of_another_stamp_is_left_aside() {
    let file = read();
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut folder = take(out.path(), &file);
    let (key, stamp) = (&file.plan.keys[0], stamp());
    folder.store.keep(key, "another engine", &checkpoint(&file, 0)).expect("writable");
    train(&file, &mut folder, &[0], &stamp);
    let results = folder.store.results(&file.plan, &stamp).expect("readable");
    assert!(results.runs[0].timing.expect("it is there").seconds < 1000.0, "it began anew");
    let left = folder.store.checkpoints().expect("readable");
    assert_eq!((left.len(), left[0].stamp.as_str()), (1, "another engine"));
}

/// Everything that is stored of it, changed in turn: the run begins anew, with the right bits.
#[test]
fn a_damaged_checkpoint_is_never_carried_on() {
    let file = read();
    let (key, stamp, good) = (&file.plan.keys[0], stamp(), checkpoint(&file, 0));
    let middle = good.state.len() / 2;
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut undisturbed = take(out.path(), &file);
    train(&file, &mut undisturbed, &[0], &stamp);
    let expected = record(&file, &undisturbed, 0, &stamp);
    let damages = [
        "UPDATE checkpoints SET steps = steps + 1".to_string(),
        "UPDATE checkpoints SET seconds = 2000.0".to_string(),
        "UPDATE checkpoints SET digest = 'nothing'".to_string(),
        "DELETE FROM checkpoint_pieces".to_string(),
        "UPDATE checkpoints SET steps = 'ten'".to_string(),
        "UPDATE checkpoint_pieces SET data = 7".to_string(),
        "UPDATE checkpoint_pieces SET data = substr(data, 1, length(data) - 1)".to_string(),
        "UPDATE checkpoint_pieces SET data = CAST(substr(data, 1, 9) || x'00' || substr(data, 11) \
         AS BLOB)"
            .to_string(),
        // One bit of a weight.
        format!(
            "UPDATE checkpoint_pieces SET data = CAST(substr(data, 1, {middle}) || x'{:02x}' || \
             substr(data, {}) AS BLOB)",
            good.state[middle] ^ 1,
            middle + 2
        ),
    ];
    for damage in &damages {
        let out = tempfile::tempdir().expect("a temporary folder");
        let mut folder = take(out.path(), &file);
        folder.store.keep(key, &stamp, &good).expect("writable");
        let database = rusqlite::Connection::open(folder.path.join("runs.sqlite")).expect("there");
        assert_eq!(database.execute(damage, []).expect("it is SQL"), 1, "{damage}");
        drop(database);
        let found = folder.store.checkpoint(key, &stamp).expect("readable");
        assert!(matches!(found, Some(StoredCheckpoint::Damaged(_))), "{damage}: {found:?}");
        assert_eq!(train(&file, &mut folder, &[0], &stamp).written, 1);
        assert_eq!(record(&file, &folder, 0, &stamp), expected, "{damage}");
        let results = folder.store.results(&file.plan, &stamp).expect("readable");
        assert!(results.runs[0].timing.expect("it is there").seconds < 1000.0, "{damage}");
    }
    // Whole, and of another run: the second guard. Its names and sizes are those of this one.
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut folder = take(out.path(), &file);
    let foreign = Checkpoint { state: b"something else".to_vec(), ..good };
    folder.store.keep(key, &stamp, &foreign).expect("writable");
    train(&file, &mut folder, &[0], &stamp);
    assert_eq!(record(&file, &folder, 0, &stamp), expected);
}

/// As the message about a damaged record says.
#[test]
fn a_damaged_record_is_dropped_by_its_key_and_trained_again() {
    let file = read();
    let (key, stamp) = (&file.plan.keys[0], stamp());
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut folder = take(out.path(), &file);
    train(&file, &mut folder, &[0, 1], &stamp);
    let expected = record(&file, &folder, 0, &stamp);
    let database = rusqlite::Connection::open(folder.path.join("runs.sqlite")).expect("there");
    let damage = "UPDATE curves SET data = zeroblob(length(data)) WHERE position = 0 AND run = \
                  (SELECT id FROM runs WHERE key = ?1)";
    assert_eq!(database.execute(damage, [key]).expect("it is SQL"), 1);
    drop(database);
    let refused = folder.store.record(key, &stamp).expect_err("it is damaged").to_string();
    assert!(refused.contains(&format!("cargo xtask forget carry_on {key}")), "{refused}");
    let path = folder.path.clone();
    drop(folder);
    let mut folder = Folder::take_alone(&path).expect("nobody else is there");
    let prefixes = [key[..8].to_string()];
    let chosen = folder.store.select(Selection { prefixes: &prefixes, ..Selection::default() });
    let chosen = chosen.expect("readable");
    assert_eq!(chosen.records, [(key.to_string(), stamp.clone())]);
    folder.store.forget(&chosen).expect("writable");
    assert_eq!(folder.store.status(&file.plan, &stamp).expect("readable").missing, [0]);
    train(&file, &mut folder, &[0], &stamp);
    assert_eq!(record(&file, &folder, 0, &stamp), expected);
}
