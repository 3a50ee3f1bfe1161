//! A committed trajectory: it changes exactly when the numeric version does.
//!
//! Every product of a step has sides of at most 7 and is computed by the plain loop, so the bits of
//! the weights are the same with every matrix product and on every machine.

use gradus_core::{NUMERIC_VERSION, Scalar};
use gradus_runner::data::Prepared;
use gradus_runner::{File, train};

const FILE: &str = "// Do the bits hold?\n(name: \"reference\", data: (source: Iris, split: \
    (validation: 0.2), inputs: Standardize), model: [Dense(6), Tanh, Dense(5), Sigmoid, Dense(4), \
    Relu, Dense(3)], init: (weights: He(Normal), biases: Uniform(0.1)), loss: CrossEntropy, \
    optimizer: (chain: [L2(1e-3), ClipNorm(1.0), Momentum(0.9)], learning_rate: 0.05, schedule: \
    Cosine(to: 0.01), warm_up: 1.0), train: (epochs: 5, batch: 6))";

fn digest<T: Scalar>(file: &File) -> String {
    let experiment = &file.plan.experiment;
    let data: Prepared<T> =
        file.dataset.prepare(&experiment.data, experiment.loss.target_kind(), 7);
    let trained = train(experiment, 7, &data);
    assert_eq!(trained.steps, 100);
    trained.weights_digest[..16].to_string()
}

#[test]
fn the_bits_belong_to_the_numeric_version() {
    // A folder of its own: two files of one folder may not have the same name.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("reference.ron");
    std::fs::write(&path, FILE).expect("it is written");
    let file = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
    let found = (NUMERIC_VERSION, digest::<f32>(&file), digest::<f64>(&file));
    let expected = (3, "661bd128993e8caa".to_string(), "d6527c6e78d00477".to_string());
    assert_eq!(found, expected, "raise NUMERIC_VERSION in the commit that changes the bits");
}
