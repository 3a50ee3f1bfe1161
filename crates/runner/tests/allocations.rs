//! A training step allocates nothing; with the embedded product the count is stated.

use std::path::Path;

use gradus_core::Scalar;
use gradus_runner::data::Prepared;
use gradus_runner::{Experiment, File, Run};

/// A file of its own, so that every part of the chain is in the step.
fn read(name: &str, model: &str, chain: &str, batch: &str) -> File {
    read_with("source: Digits, inputs: Standardize", "CrossEntropy", (name, model, chain, batch))
}

fn read_with(
    data: &str,
    loss: &str,
    (name, model, chain, batch): (&str, &str, &str, &str),
) -> File {
    let text = format!(
        "// A question?\n(name: \"{name}\", data: ({data}),
         model: {model}, loss: {loss}, train: (epochs: 1, {batch}),
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

/// Whatever a layer needs beside its input lies in the scratch of the program.
#[test]
fn a_step_of_every_kind_of_network_allocates_nothing() {
    let pictures = "source: Digits, inputs: Divide(16.0)";
    let numbers = "source: Adding(length: 12, samples: 64)";
    let ids = "source: Copying(delay: 3, length: 4, samples: 64)";
    let adam = "[ClipNorm(1.0), AdamW(decay: 0.01)]";
    let table = [
        (
            "convolution",
            pictures,
            "CrossEntropy",
            "[Conv2d(filters: 8, kernel: 3, padding: 1), BatchNorm(), Relu, MaxPool2d(kernel: 2),
              Residual([Conv2d(filters: 8, kernel: 3, padding: 1), Gelu, LayerNorm()]),
              AvgPool2d(kernel: 2), Flatten, Dropout(0.3), Dense(10)]",
        ),
        (
            "normalization and dropout",
            pictures,
            "CrossEntropyWith(label_smoothing: 0.1)",
            "[Dense(40), BatchNorm(), LeakyRelu(0.1), Dropout(0.5), Dense(20), RmsNorm(), Silu,
              Dense(10)]",
        ),
        ("SimpleRnn", numbers, "Huber(1.0)", "[SimpleRnn(16), LastToken, Dense(1)]"),
        ("Lstm", numbers, "Mse", "[Lstm(16), MeanOverTokens, Dense(1)]"),
        ("Gru", ids, "CrossEntropy", "[Embedding(vocabulary: 10, features: 8), Gru(16), Dense(9)]"),
        (
            "attention",
            ids,
            "CrossEntropy",
            "[Embedding(vocabulary: 10, features: 16), PositionalEncoding,
              Residual([LayerNorm(), MultiHeadAttention(heads: 2, causal: true)]), Dense(9)]",
        ),
    ];
    for (what, data, loss, model) in table {
        let file = read_with(data, loss, ("every-kind", model, adam, "batch: 32"));
        check(&format!("{what}, f32"), count::<f32>(&file));
        check(&format!("{what}, f64"), count::<f64>(&file));
    }
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
