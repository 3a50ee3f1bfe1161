//! A training step allocates nothing; with the embedded product the count is stated.

use std::path::Path;

use gradus_core::Scalar;
use gradus_runner::data::Prepared;
use gradus_runner::{Experiment, File, Run};

/// A file of its own, so that every part of the chain is in the step.
fn read(name: &str, model: &str, chain: &str, batch: &str) -> File {
    let text = format!(
        "// A question?\n(name: \"{name}\", data: (source: Digits, inputs: Standardize),
         model: {model}, loss: CrossEntropy, train: (epochs: 1, {batch}),
         optimizer: (chain: {chain}, learning_rate: 0.01, schedule: Cosine(to: 0.0), warm_up: 0.5,
         constraints: [ClipWeights(5.0), MaxNorm(4.0)]), record: [GradientNorms])"
    );
    // A folder of its own: two files of one folder may not have the same name.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("allocations.ron");
    std::fs::write(&path, text).expect("it is written");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text))
}

/// Allocations of 20 steps after the first, on this thread.
fn count<T: Scalar>(file: &File) -> u64 {
    gradus_core::use_one_thread();
    let experiment: &Experiment = &file.plan.experiment;
    let data: Prepared<T> =
        file.dataset.prepare(&experiment.data, experiment.loss.target_kind(), 0);
    let batch = experiment.train.batch.unwrap_or(data.train.rows());
    let rows: Vec<u32> = (0..batch as u32).collect();
    let mut run = Run::start(experiment, 0, &data);
    run.step(&rows);
    let counted = allocation_counter::measure(|| {
        for _ in 0..20 {
            assert_eq!(run.step(&rows), None);
        }
    });
    counted.count_total
}

fn check(what: &str, allocations: u64) {
    println!("{what}: {allocations} allocations in 20 steps with {}", gradus_core::product_name());
    if cfg!(feature = "openblas") {
        assert_eq!(allocations, 0, "{what}");
    }
}

const CHAIN: &str =
    "[L2(1e-4), L1(1e-6), ClipValue(1.0), ClipNorm(1.0), Momentum(0.5), Nesterov(0.5)]";

#[test]
fn a_step_of_a_classifier_allocates_nothing() {
    let model = "[Dense(32), Relu, Dense(16), Tanh, Dense(12), Sigmoid, Dense(10)]";
    let file = read("allocations", model, CHAIN, "batch: 32");
    check("classifier, f32", count::<f32>(&file));
    check("classifier, f64", count::<f64>(&file));
}

/// The article's 4x1 nets: every product has sides of at most 7 and goes by the plain loop, so
/// nothing is allocated with any product.
#[test]
fn a_step_of_the_article_allocates_nothing() {
    for name in ["article", "article_linear", "article_edge"] {
        let path = format!("{}/../../experiments/{name}.ron", env!("CARGO_MANIFEST_DIR"));
        let file = File::read(Path::new(&path), None).unwrap_or_else(|e| panic!("{}", e.text));
        assert_eq!(count::<f64>(&file), 0, "{name}");
        assert_eq!(count::<f32>(&file), 0, "{name}");
    }
}

/// The counter counts: without this, a counter that always says 0 would pass.
#[test]
fn the_counter_sees_an_allocation() {
    assert_eq!(
        allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8]))).count_total,
        1
    );
}
