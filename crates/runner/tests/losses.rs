//! Every loss, and every layer with options, through a whole run: read, trained, better than the
//! best constant prediction.

use std::fs;

use gradus_runner::{File, Outcome, train};

/// The outcome of the only run of a file, and its last evaluation by what is measured.
fn run(data: &str, model: &str, loss: &str) -> (Outcome, Vec<(String, f64)>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file.ron");
    let text = format!(
        "// Is it read and trained?\n(name: \"file\", data: {data}, model: {model}, loss: {loss}, \
         optimizer: (chain: [], learning_rate: 0.1), train: (epochs: 60, batch: 4, \
         last_batch: Drop), evaluate: [Train])"
    );
    fs::write(&path, text).expect("it is writable");
    let file = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
    let experiment = file.plan.experiment_at(0);
    let data = file.dataset.prepare::<f64>(&experiment.data, experiment.loss.target_kind(), 0);
    let trained = train(&experiment, 0, &data);
    assert!(trained.constant_loss.is_finite(), "{loss}");
    let ends = trained.curves.iter().filter(|curve| curve.split == "train");
    let ends = ends.filter_map(|curve| Some((curve.metric.to_string(), *curve.values.last()?)));
    (trained.outcome, ends.collect())
}

const IRIS: &str = "(source: Iris, inputs: Standardize)";
const MOONS: &str = "(source: Moons(samples: 100, noise: 0.1), inputs: Standardize)";
const LINE: &str = "(source: Line)";

fn check(data: &str, model: &str, loss: &str, accuracy: Option<f64>) {
    let (outcome, ends) = run(data, model, loss);
    assert_eq!(outcome, Outcome::Trained, "{loss} with {model}: {ends:?}");
    let measured = ends.iter().find(|(metric, _)| metric == "accuracy").map(|(_, value)| *value);
    assert_eq!(measured.is_some(), accuracy.is_some(), "{loss}: {ends:?}");
    assert!(measured >= accuracy, "{loss} with {model}: {measured:?}");
}

#[test]
fn every_loss_trains_on_the_targets_that_it_takes() {
    for loss in [
        "CrossEntropyWith()",
        "CrossEntropyWith(label_smoothing: 0.1, class_weights: [1, 2, 0.5])",
        "BinaryCrossEntropy",
        "Hinge",
    ] {
        check(IRIS, "[Dense(8), Tanh, Dense(3)]", loss, Some(0.9));
    }
    for (loss, outputs) in
        [("BinaryCrossEntropy", 1), ("BinaryCrossEntropy", 2), ("Hinge", 1), ("Hinge", 2)]
    {
        check(MOONS, &format!("[Dense(8), Tanh, Dense({outputs})]"), loss, Some(0.8));
    }
    for loss in ["Mae", "Huber(1.0)"] {
        check(LINE, "[Dense(1)]", loss, None);
        check(IRIS, "[Dense(8), Tanh, Dense(3)]", loss, None);
    }
}

/// A file like those above is refused with these words.
fn refuse(data: &str, model: &str, loss: &str, train: &str, words: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file.ron");
    let text = format!(
        "// Is it refused?\n(name: \"file\", data: {data}, model: {model}, loss: {loss}, \
         optimizer: (chain: [], learning_rate: 0.1), train: ({train}))"
    );
    fs::write(&path, text).expect("it is writable");
    let said = File::read(&path, None).err().map(|errors| errors.text).unwrap_or_default();
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_next_step() {
    let (plain, normal) = ("[Dense(3)]", "[Dense(8), BatchNorm(), Dense(3)]");
    let train = "epochs: 1, batch: 10";
    let last = "150 training rows in batches of 149 leave 1 for the last; layer 1 (BatchNorm)";
    let drop = "`last_batch: Drop`";
    refuse(IRIS, normal, "Hinge", "epochs: 1, batch: 149", &[last, "at least 2", drop]);
    refuse(IRIS, normal, "Hinge", "epochs: 1, batch: 1", &["a batch of 1", "a larger batch"]);
    let options = "CrossEntropyWith(label_smoothing: 1, class_weights: [1, -1, 2])";
    refuse(IRIS, plain, options, train, &["label_smoothing is 1", "a weight is -1"]);
    refuse(IRIS, plain, "Huber(0)", train, &["delta is 0", "above 0"]);
    let few = "CrossEntropyWith(class_weights: [1, 2])";
    refuse(IRIS, plain, few, train, &["2 class weights, the data has 3 classes"]);
    refuse(IRIS, "[Dense(1)]", "Hinge", train, &["the data has 3 classes", "3 units"]);
    refuse(MOONS, plain, "Hinge", train, &["the data has 2 classes", "1 or 2 units"]);
    let (line, one) = (LINE, "[Dense(1)]");
    refuse(line, one, "Hinge", "epochs: 1", &["the targets are numbers", "such as Mse"]);
    refuse(line, one, "BinaryCrossEntropy", "epochs: 1", &["from 0 to 1; row", "Huber(1.0)"]);
    let options = "[Dropout(1.0), Elu(0), LeakyRelu(-1), BatchNorm(momentum: 0), Dense(3)]";
    let words = ["a rate of 1;", "an alpha of 0;", "a slope of -1;", "a momentum of 0;"];
    refuse(IRIS, options, "Hinge", train, &words);
}

#[test]
fn every_layer_with_options_is_read_and_trains() {
    for layer in [
        "BatchNorm()",
        "BatchNorm(momentum: 0.5)",
        "LayerNorm()",
        "LayerNorm(epsilon: 1e-3)",
        "RmsNorm()",
        "Dropout(0.1)",
        "LeakyRelu(0.01)",
        "Elu(1.0)",
        "Selu",
        "Gelu",
        "Silu",
        "Softplus",
        "Softsign",
        "HardTanh",
        "Softmax",
    ] {
        check(IRIS, &format!("[Dense(8), {layer}, Dense(3)]"), "CrossEntropy", Some(0.8));
    }
}
