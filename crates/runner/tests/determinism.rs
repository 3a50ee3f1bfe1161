//! The same file gives the same bits: whatever the number of workers and the order of the runs,
//! alone or in a sweep; and what one seed fixes is the same at every point of the other axes.

use std::borrow::Cow;
use std::fs;

use gradus_core::{Scalar, Stream};
use gradus_runner::data::Prepared;
use gradus_runner::{
    CHECKPOINT_EVERY, File, Folder, Interruption, Outcome, Results, RunRecord, Work, stamp,
    train_runs,
};

/// Products with sides above 7 go by BLAS, and the largest rate blows up.
const SWEEP: &str = r#"// Are the bits the same?
(
    name: "determinism",
    data: (source: Digits, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(16), Relu, Dense(10)],
    loss: CrossEntropy,
    optimizer: (chain: [L2(1e-4), Momentum(0.9)], learning_rate: 0.1, schedule: Cosine(to: 0.0)),
    train: (epochs: 2, batch: 32),
    record: [GradientNorms, Weights],
    sweep: (axes: [LearningRate(List([0.01, 0.1, 1e30])), Batch([32, 57])], seeds: 2),
)
"#;

fn read(text: &str) -> File {
    gradus_core::use_one_thread();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("experiment.ron");
    fs::write(&path, text).expect("it is writable");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text))
}

/// Trains these positions, so many at a time, in a folder of its own.
fn train(file: &File, positions: &[usize], jobs: usize) -> Results {
    train_shards(file, &[positions], jobs)
}

/// Trains one shard after the other into one folder, as processes would that were killed between.
fn train_shards(file: &File, shards: &[&[usize]], jobs: usize) -> Results {
    let out = tempfile::tempdir().expect("a temporary folder");
    let (stamp, interruption) = (stamp(), &Interruption::default());
    for &positions in shards {
        let mut folder = Folder::take(out.path(), &file.plan).expect("nobody else is there");
        let work = Work {
            plan: &file.plan,
            positions,
            stamp: &stamp,
            jobs,
            checkpoint_every: CHECKPOINT_EVERY,
            interruption,
        };
        let tally = train_runs(work, Cow::Borrowed(&file.dataset), &mut folder.store);
        let tally = tally.expect("writable");
        assert_eq!((tally.written, tally.doubles, tally.failed), (positions.len(), 0, 0));
    }
    let folder = Folder::take(out.path(), &file.plan).expect("nobody else is there");
    folder.store.results(&file.plan, &stamp).expect("readable")
}

/// A record as text that tells every two doubles apart but NaNs by their payload.
fn text(record: Option<&RunRecord>) -> String {
    let record = record.expect("it was trained");
    let bits: Vec<u64> =
        record.curves.iter().flat_map(|curve| &curve.values).map(|value| value.to_bits()).collect();
    format!("{record:?} {bits:?}")
}

#[test]
fn workers_order_and_shards_leave_every_bit_alone() {
    let file = read(SWEEP);
    let positions: Vec<usize> = (0..file.plan.len()).collect();
    let reversed: Vec<usize> = positions.iter().rev().copied().collect();
    let one = train(&file, &positions, 1);
    let diverged = one.runs.iter().filter(|run| {
        let outcome = &run.record.as_ref().expect("it was trained").outcome;
        matches!(outcome, Outcome::Diverged { .. })
    });
    assert_eq!(diverged.count(), 4, "1e30 explodes, the others do not");
    let same = |other: &Results, what: &str| {
        for (one, other) in one.runs.iter().zip(&other.runs) {
            assert_eq!(text(one.record.as_ref()), text(other.record.as_ref()), "{what}");
        }
        assert_eq!(one.digest, other.digest, "{what}");
    };
    for (positions, jobs) in [(&positions, 2), (&positions, 3), (&positions, 8), (&reversed, 2)] {
        same(&train(&file, positions, jobs), &format!("{jobs} workers"));
    }
    for order in 0..4 {
        let mut shuffled = positions.clone();
        Stream::new(order, "order", 0, 0).shuffle(&mut shuffled);
        same(&train(&file, &shuffled, 2), &format!("{shuffled:?}"));
        let count = [2, 3, 7, 12][order as usize];
        let shards: Vec<&[usize]> = shuffled.chunks(shuffled.len().div_ceil(count)).collect();
        same(&train_shards(&file, &shards, 2), &format!("shards {shards:?}"));
    }
}

#[test]
fn a_run_alone_is_the_run_in_the_sweep() {
    let file = read(SWEEP);
    let positions: Vec<usize> = (0..file.plan.len()).collect();
    let all = train(&file, &positions, 2);
    for position in 0..file.plan.len() {
        let alone = train(&file, &[position], 1);
        let record = alone.runs[position].record.as_ref();
        assert_eq!(text(record), text(all.runs[position].record.as_ref()), "position {position}");
    }
    // The same run asked for by a file of its own, under another name.
    let rates = "LearningRate(List([0.01, 0.1, 1e30])), Batch([32, 57])";
    let own = SWEEP.replace(rates, "").replace("\"determinism\"", "\"alone\"");
    let own = read(&own.replace("seeds: 2", "seeds: 1"));
    let position = file.plan.keys.iter().position(|key| *key == own.plan.keys[0]);
    let position = position.expect("rate 0.1 and batch 32 are in the sweep");
    let alone = train(&own, &[0], 1);
    assert_eq!(text(alone.runs[0].record.as_ref()), text(all.runs[position].record.as_ref()));
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The running loss of each step when nothing moves: the initial weights on the batches in order.
fn losses_of_batches(file: &File, position: usize) -> Vec<u64> {
    fn prepared<T: Scalar>(file: &File, seed: u64) -> Prepared<T> {
        let experiment = &file.plan.experiment;
        file.dataset.prepare(&experiment.data, experiment.loss.target_kind(), seed)
    }
    let (experiment, seed) =
        (file.plan.experiment_at(file.plan.cell(position)), file.plan.seed(position));
    let data: Prepared<f64> = prepared(file, seed);
    let trained = gradus_runner::train(&experiment, seed, &data);
    let running = trained.curves.iter().find(|curve| curve.metric == "running_loss");
    let mut all = bits(&running.expect("it is always recorded").values);
    all.push(trained.initial_loss.to_bits());
    all
}

/// Rates so small that no weight changes by a bit: the curves then show weights and order alone.
#[test]
fn a_seed_fixes_weights_and_order_at_every_rate() {
    let text = SWEEP
        .replace(
            "LearningRate(List([0.01, 0.1, 1e30])), Batch([32, 57])",
            "LearningRate(List([1e-300, 1e-299, 1e-298]))",
        )
        .replace("epochs: 2, batch: 32", "steps: 3, batch: 32, precision: F64")
        .replace("record: [GradientNorms, Weights],", "");
    let file = read(&text);
    let of = |position| losses_of_batches(&file, position);
    for (seed, other_seed) in [(0, 3), (3, 0)] {
        for cell in 1..3 {
            assert_eq!(of(seed + cell), of(seed), "the same seed at another rate");
        }
        assert_ne!(of(seed), of(other_seed), "another seed");
    }
}
