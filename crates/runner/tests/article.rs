//! The article's example, whose curvature is known, held against the exact theory.

use std::borrow::Cow;
use std::path::Path;

use gradus_core::{Graph, Initialization, Initializer, Layer, Loss, Mode, Program, Shape, Targets};
use gradus_optim::{Clock, Optimizer};
use gradus_runner::{
    CHECKPOINT_EVERY, File, Folder, Interruption, Outcome, PlannedRun, Results, Work, stamp,
    train_runs,
};
use ndarray::arr2;

/// Trains a shipped experiment in a folder of its own.
fn run(name: &str) -> Results {
    gradus_core::use_one_thread();
    let path = format!("{}/../../experiments/{name}.ron", env!("CARGO_MANIFEST_DIR"));
    let file = File::read(Path::new(&path), None).unwrap_or_else(|e| panic!("{}", e.text));
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut folder = Folder::take(out.path(), &file.plan).expect("nobody else is there");
    let positions: Vec<usize> = (0..file.plan.len()).collect();
    let (stamp, interruption) = (stamp(), &Interruption::default());
    let (plan, positions) = (&file.plan, positions.as_slice());
    let work = Work {
        plan,
        positions,
        stamp: &stamp,
        jobs: 2,
        checkpoint_every: CHECKPOINT_EVERY,
        interruption,
    };
    train_runs(work, Cow::Borrowed(&file.dataset), &mut folder.store)
        .expect("the store is writable");
    folder.store.results(plan, &stamp).expect("the store is readable")
}

fn rate(run: &PlannedRun) -> f64 {
    run.coordinates[0].number.expect("a learning rate is a number")
}

fn outcome(run: &PlannedRun) -> &Outcome {
    &run.record.as_ref().expect("it was trained").outcome
}

/// The final weight and bias.
fn line(run: &PlannedRun) -> (f64, f64) {
    let arrays = &run.record.as_ref().expect("it was trained").arrays;
    (arrays[0].values[0], arrays[1].values[0])
}

/// A sigmoid reaches at most 1: the mean squared error can only fall towards
/// ((2-1)² + (4-1)² + (6-1)² + (8-1)²)/4 = 21, and half of it towards 10.5.
#[test]
fn the_sigmoid_output_falls_towards_21_and_stalls() {
    for run in &run("article").runs {
        let record = run.record.as_ref().expect("it was trained");
        let mse = &record.curve("train", "mse").expect("it is recorded").values;
        assert!(mse.windows(2).all(|pair| pair[1] < pair[0]), "it falls at every step");
        let last = *mse.last().expect("it has points");
        assert!(last > 21.0 && last < 21.2, "seed {}: {last}", run.seed);
        assert_eq!(record.outcome, Outcome::Stalled);
        assert_eq!(record.constant_loss, 2.5, "half the variance of 2, 4, 6, 8");
    }
}

#[test]
fn the_linear_output_crawls_at_its_own_rate_and_converges_at_a_good_one() {
    let results = run("article_linear");
    let (w, b) = line(&results.runs[0]);
    assert_eq!(((w * 1e3).round() / 1e3, (b * 1e3).round() / 1e3), (1.954, 0.136));
    let (w, b) = line(&results.runs[1]);
    assert!((w - 2.0).abs() < 1e-9 && b.abs() < 1e-9, "w = {w}, b = {b}");
    for run in &results.runs {
        let record = run.record.as_ref().expect("it was trained");
        let sharpness = &record.curve("train", "sharpness").expect("it is recorded").values;
        for value in sharpness {
            assert!((value - 8.350305).abs() < 1e-6, "{value}");
        }
    }
}

#[test]
fn the_edge_lies_between_023_and_024() {
    let results = run("article_edge");
    for run in &results.runs {
        let diverged = outcome(run).is_diverged();
        assert_eq!(diverged, rate(run) > 0.239512, "rate {}: {}", rate(run), outcome(run));
    }
}

/// In the eigenbasis of H = [[7.5, 2.5], [2.5, 1]] each step multiplies the error by `1 - η λ`.
#[test]
fn each_eigendirection_contracts_at_its_known_rate() {
    gradus_core::use_one_thread();
    let root = (3.25_f64.powi(2) + 2.5_f64.powi(2)).sqrt();
    let eigenvalues = [4.25 + root, 4.25 - root];
    assert!((eigenvalues[0] - 8.350305).abs() < 1e-6 && (eigenvalues[1] - 0.149695).abs() < 1e-6);
    for rate in [0.01, 0.1, 0.2, 0.23, 0.24, 0.28] {
        // Few enough for the quickest direction to stay far above rounding.
        let steps = 10;
        let (start, end) = errors_in_eigenbasis(rate, eigenvalues, steps);
        for direction in 0..2 {
            let factor = 1.0 - rate * eigenvalues[direction];
            let measured = (end[direction] / start[direction]).abs().ln() / f64::from(steps);
            let expected = factor.abs().ln();
            assert!(
                (measured - expected).abs() <= 0.01 * expected.abs(),
                "rate {rate}, direction {direction}: {measured} against {expected}"
            );
        }
    }
}

/// Errors (w - 2, b) along both eigenvectors before and after so many steps of the real program.
fn errors_in_eigenbasis(rate: f64, eigenvalues: [f64; 2], steps: u32) -> ([f64; 2], [f64; 2]) {
    let zeros = Initialization { weights: Initializer::Zeros, ..Initialization::default() };
    let graph = Graph::build(Shape::Features(1), &[Layer::dense(1)], zeros).expect("it fits");
    let mut program: Program<f64> = Program::compile(graph, Loss::HalfMse, 4);
    let (x, t) = (arr2(&[[1.0], [2.0], [3.0], [4.0]]), arr2(&[[2.0], [4.0], [6.0], [8.0]]));
    let mut stepper = Optimizer::plain(rate).start(&program.parameters);
    let clock = Clock {
        step: 0,
        steps_per_epoch: 1,
        total_steps: u64::from(steps),
        batch_rows: 4,
        epoch_rows: 4,
    };
    let project = |values: &[f64]| {
        eigenvalues.map(|eigenvalue| {
            // (H - λ) v = 0 for v = (2.5, λ - 7.5).
            let v = (2.5, eigenvalue - 7.5);
            ((values[0] - 2.0) * v.0 + values[1] * v.1) / v.0.hypot(v.1)
        })
    };
    let start = project(&program.parameters.values);
    for _ in 0..steps {
        program.load(x.view());
        program.forward(Mode::Evaluate);
        program.backward(Targets::Values(t.view()));
        stepper.step(&mut program.parameters, clock);
    }
    (start, project(&program.parameters.values))
}
