//! What a file can say about a run: its metrics, the order of its samples, its last batch, and when
//! it stops.

use gradus_runner::data::Prepared;
use gradus_runner::{File, Trained, train};

/// A file of its own: two files of one folder may not have the same name.
fn read(text: &str) -> File {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rules.ron");
    std::fs::write(&path, text).expect("it is written");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text))
}

/// A small classifier of Iris with this `train`, these other fields and this chain.
fn iris(train: &str, others: &str, chain: &str) -> String {
    format!(
        "// Do the rules hold?\n(name: \"rules\", data: (source: Iris, split: (validation: 0.2), \
         inputs: Standardize), model: [Dense(6), Tanh, Dense(3)], loss: CrossEntropy, optimizer: \
         (chain: {chain}, learning_rate: 0.1), train: (precision: F64, {train}), {others})"
    )
}

fn trained(text: &str, seed: u64) -> Trained {
    let file = read(text);
    let experiment = &file.plan.experiment;
    let data: Prepared<f64> =
        file.dataset.prepare(&experiment.data, experiment.loss.target_kind(), seed);
    train(experiment, seed, &data)
}

fn values<'a>(trained: &'a Trained, split: &str, metric: &str) -> &'a [f64] {
    let mut curves = trained.curves.iter();
    let curve = curves.find(|curve| curve.split == split && curve.metric == metric);
    &curve.unwrap_or_else(|| panic!("no curve of {split} {metric}")).values
}

/// The running loss is within 1e-4 of its best from some epoch on; 4 stale epochs are borne.
#[test]
fn a_stale_run_stops_and_says_why() {
    let rule = "stop: [Stale(of: RunningLoss, epochs: 4, by: 0.01)]";
    let run = trained(&iris(&format!("epochs: 400, batch: 24, {rule}"), "", "[]"), 0);
    let losses = values(&run, "train", "running_loss");
    let mut best = f64::INFINITY;
    let mut stale = 0;
    let mut expected = 0;
    for (epoch, &loss) in losses.iter().enumerate() {
        stale = if loss > best - 0.01 { stale + 1 } else { 0 };
        best = best.min(loss);
        if stale > 4 {
            expected = epoch + 1;
            break;
        }
    }
    assert!(expected > 4 && run.epochs == expected as u64, "{expected} against {}", run.epochs);
    assert_eq!(run.steps, 5 * run.epochs);
    assert_eq!(
        run.stopped.as_deref(),
        Some("the running loss was not better by 0.01 than the best before in 5 epochs in a row")
    );
    // Up to there it is the run without the rule, to the bit.
    let free = trained(&iris("epochs: 400, batch: 24", "", "[]"), 0);
    assert_eq!(free.stopped, None);
    assert_eq!(losses, &values(&free, "train", "running_loss")[..losses.len()]);
}

#[test]
fn patience_may_end_a_run_within_an_epoch() {
    let judge = "judge: (metric: Accuracy, split: Validation)";
    let rule = "stop: [Patience(steps: 12, factor: 1.0, improvement: 0.01)]";
    let run = trained(&iris(&format!("epochs: 90, batch: 24, {rule}"), judge, "[]"), 0);
    // Only the first epoch improves on nothing; 12 steps may lie before the last.
    assert_eq!((run.steps, run.epochs), (13, 3));
    let reason = "what is judged did not improve in time: patience ended at step 13";
    assert_eq!(run.stopped.as_deref(), Some(reason));
    // What is reached by length is no stop.
    let rule = "stop: [LossBelow(100.0)]";
    let run = trained(&iris(&format!("epochs: 1, {rule}"), judge, "[]"), 0);
    assert_eq!((run.steps, run.stopped), (1, None));
    let run = trained(&iris(&format!("epochs: 2, {rule}"), judge, "[]"), 0);
    let reason = "the running loss was below 100";
    assert_eq!((run.steps, run.stopped.as_deref()), (1, Some(reason)));
}

/// 120 training rows in batches of 50: two whole ones and one of 20.
#[test]
fn the_last_batch_is_kept_or_dropped() {
    let kept = trained(&iris("epochs: 4, batch: 50", "", "[]"), 0);
    let dropped = trained(&iris("epochs: 4, batch: 50, last_batch: Drop", "", "[]"), 0);
    assert_eq!((kept.steps, dropped.steps), (12, 8));
    assert_ne!(kept.weights_digest, dropped.weights_digest);
    // With nothing to drop the two are one.
    let kept = trained(&iris("epochs: 4, batch: 40", "", "[]"), 0);
    let dropped = trained(&iris("epochs: 4, batch: 40, last_batch: Drop", "", "[]"), 0);
    assert_eq!(kept.weights_digest, dropped.weights_digest);
}

/// In the order of the file the batches of every epoch are the same: with a rate that moves nothing
/// the running loss of an epoch, cut into single steps, repeats. Shuffled, it does not.
#[test]
fn the_order_of_the_file_is_kept_in_every_epoch() {
    let still = |order: &str| {
        let text =
            iris(&format!("epochs: 3, batch: 50, last_batch: Drop, order: {order}"), "", "[]");
        let run = trained(&text.replace("learning_rate: 0.1", "learning_rate: 1e-30"), 3);
        values(&run, "train", "running_loss").to_vec()
    };
    // The rows that are dropped are the same 20 in the file's order, others each time if shuffled.
    let in_file = still("AsInFile");
    assert_eq!(in_file, vec![in_file[0]; 3]);
    let shuffled = still("Shuffled");
    assert!(shuffled[0] != shuffled[1] && shuffled[1] != shuffled[2]);
}

#[test]
fn penalties_are_in_the_penalized_losses_alone() {
    let others = "evaluate: [Train, Validation], metrics: [PenalizedLoss], \
                  record: [RunningPenalizedLoss, Weights]";
    let plain = trained(&iris("epochs: 5, batch: 24", others, "[]"), 0);
    for (split, metric) in [("train", "penalized_loss"), ("validation", "penalized_loss")] {
        assert_eq!(values(&plain, split, metric), values(&plain, split, "loss"));
    }
    let running = |run: &Trained| {
        let of = |metric| values(run, "train", metric).to_vec();
        (of("running_penalized_loss"), of("running_loss"))
    };
    let (penalized, bare) = running(&plain);
    assert_eq!(penalized, bare);
    // ½λ‖w‖² of the weights, none of the biases, at the end.
    let run = trained(&iris("epochs: 5, batch: 24", others, "[L2(0.02)]"), 0);
    let weights = run.arrays.iter().filter(|array| array.name.ends_with("weight"));
    let squares: f64 = weights.flat_map(|array| &array.values).map(|w| w * w).sum();
    for split in ["train", "validation"] {
        let last = |metric| values(&run, split, metric)[5];
        let penalty = last("penalized_loss") - last("loss");
        assert!((penalty - 0.01 * squares).abs() < 1e-12, "{penalty} against {squares}");
    }
    // Each batch before its step: the first penalty of a single step is that of the initial weights.
    let one = "judge: (split: Train), metrics: [PenalizedLoss], evaluate: [Train], record: [RunningPenalizedLoss]";
    let run = trained(&iris("epochs: 1", one, "[L2(0.02)]"), 0);
    let (penalized, bare) = running(&run);
    let first = |metric| values(&run, "train", metric)[0];
    let expected = first("penalized_loss") - first("loss");
    assert!(expected > 0.0 && (penalized[0] - bare[0] - expected).abs() < 1e-15);
}

/// `Mse` is that of the scaled targets, `Rmse` and `Mae` are in the units of the file.
#[test]
fn errors_of_a_scaled_target_are_in_the_units_of_the_file() {
    let line = |targets: &str| {
        let text = format!(
            "// Do the units hold?\n(name: \"units\", data: (source: Line, targets: {targets}), \
             model: [Dense(1)], init: (weights: Zeros), loss: Mse, metrics: [Mse, Rmse, Mae, R2], \
             optimizer: (learning_rate: 0.01), train: (epochs: 1, precision: F64))"
        );
        let run = trained(&text, 0);
        ["loss", "mse", "rmse", "mae", "r2"].map(|metric| values(&run, "train", metric)[0])
    };
    // Predictions of 0 against 2, 4, 6, 8.
    let [loss, mse, rmse, mae, r2] = line("AsIs");
    assert_eq!([loss, mse, mae], [30.0, 30.0, 5.0]);
    assert!((rmse - 30.0_f64.sqrt()).abs() < 1e-14 && (r2 - (1.0 - 120.0 / 20.0)).abs() < 1e-14);
    let [scaled_loss, scaled_mse, scaled_rmse, scaled_mae, scaled_r2] = line("Divide(2.0)");
    assert_eq!([scaled_loss, scaled_mse], [7.5, 7.5]);
    assert_eq!([scaled_rmse, scaled_mae, scaled_r2], [rmse, mae, r2]);
}

/// What training listens to belongs to the key of a run, and what it does not listen to does not.
#[test]
fn the_judge_is_part_of_the_key_where_a_rule_listens_to_it() {
    let key = |train: &str, judge: &str| {
        let judge = format!("judge: {judge}");
        read(&iris(train, &judge, "[]")).plan.keys[0].clone()
    };
    let (loss, accuracy) = ("(split: Validation)", "(metric: Accuracy, split: Validation)");
    assert_eq!(key("epochs: 9", loss), key("epochs: 9", accuracy));
    let judged = "epochs: 9, stop: [Stale(epochs: 2)]";
    assert_ne!(key(judged, loss), key(judged, accuracy));
    let running = "epochs: 9, stop: [Stale(of: RunningLoss, epochs: 2)]";
    assert_eq!(key(running, loss), key(running, accuracy));
    assert_ne!(key("epochs: 9", loss), key("epochs: 9, order: AsInFile", loss));
    assert_ne!(key("epochs: 9", loss), key("epochs: 9, last_batch: Drop", loss));
}
