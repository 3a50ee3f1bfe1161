//! The rule of divergence at its edges: a run that stands still has not diverged.

use std::fs;

use gradus_core::Scalar;
use gradus_runner::data::Prepared;
use gradus_runner::{File, Outcome, Trained, train};

fn run<T: Scalar>(train_section: &str, rate: &str, seed: u64) -> Trained {
    run_model::<T>("Dense(10)", train_section, rate, seed)
}

fn run_model<T: Scalar>(model: &str, train_section: &str, rate: &str, seed: u64) -> Trained {
    gradus_core::use_one_thread();
    let text = format!(
        "// Does it stand still?\n(name: \"still\", data: (source: Digits, inputs: Standardize),
         model: [{model}], loss: CrossEntropy, optimizer: (learning_rate: {rate}),
         train: ({train_section}))"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("still.ron");
    fs::write(&path, text).expect("it is written");
    let file = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
    let experiment = &file.plan.experiment;
    let data: Prepared<T> =
        file.dataset.prepare(&experiment.data, experiment.loss.target_kind(), seed);
    train(experiment, seed, &data)
}

/// The mean of an epoch equals the loss at the initial weights but for rounding, and the mean of a
/// few batches but for which samples they hold: neither may be called divergence.
#[test]
fn a_run_that_does_not_move_has_stalled() {
    for seed in 0..12 {
        for section in ["epochs: 2, batch: 32", "steps: 17, batch: 32", "epochs: 3, window: 2"] {
            let single = run::<f32>(section, "1e-300", seed);
            assert_eq!(single.outcome, Outcome::Stalled, "{section}, seed {seed}, f32");
            let double = run::<f64>(section, "1e-300", seed);
            assert_eq!(double.outcome, Outcome::Stalled, "{section}, seed {seed}, f64");
        }
    }
}

/// Units that are dropped raise the loss that training sees above the one at the start.
#[test]
fn a_net_with_dropout_that_learns_slowly_has_not_diverged() {
    let model = "Dense(64), Relu, Dropout(0.8), BatchNorm(), Dense(10)";
    for seed in 0..4 {
        let trained = run_model::<f32>(model, "epochs: 2, batch: 32", "1e-4", seed);
        let broke = matches!(trained.outcome, Outcome::Diverged { .. });
        assert!(!broke, "seed {seed}: {:?}", trained.outcome);
    }
    let exploded = run_model::<f64>("Dense(64), Dropout(0.8), Dense(10)", "epochs: 2", "1e6", 0);
    assert!(matches!(exploded.outcome, Outcome::Diverged { .. }), "{:?}", exploded.outcome);
}

/// The control: a rate far beyond the edge diverges, and not at the first step, whose loss is that
/// of the initial weights.
#[test]
fn a_run_that_explodes_has_diverged() {
    for section in ["epochs: 2, batch: 32", "steps: 17, batch: 32", "epochs: 9, window: 2"] {
        let Outcome::Diverged { step, quantity, .. } = run::<f64>(section, "1e3", 0).outcome else {
            panic!("{section}: it must diverge");
        };
        assert!(step > 1, "{section}: {quantity} at step {step}");
    }
}
