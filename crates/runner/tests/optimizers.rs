//! Optimizers in runs: named on an axis, averaged, moved once an epoch.

use gradus_runner::File;

/// A file of its own: two files of one folder may not have the same name.
fn read(text: &str) -> File {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("optimizers.ron");
    std::fs::write(&path, text).expect("it is written");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text))
}

/// A small classifier of Iris with this optimizer, these lengths and this sweep.
fn iris(optimizer: &str, train: &str, sweep: &str) -> String {
    format!(
        "// Which optimizer?\n(name: \"optimizers\", data: (source: Iris, split: (validation: 0.2), \
         inputs: Standardize), model: [Dense(6), Tanh, Dense(3)], loss: CrossEntropy, optimizer: \
         {optimizer}, train: (precision: F64, {train}), sweep: ({sweep}))"
    )
}

const PLAIN: &str = "(learning_rate: 0.3)";
const ADAM: &str = "(chain: [AdamW(decay: 0.1)], learning_rate: 0.01, schedule: Cosine(to: 0.0))";
const CLIPPED: &str = "(chain: [ClipNorm(1.0), Momentum(0.9)], learning_rate: 0.05)";

fn axis() -> String {
    let named = [("plain", PLAIN), ("adam", ADAM), ("clipped", CLIPPED)]
        .map(|(name, optimizer)| format!("(name: \"{name}\", optimizer: {optimizer})"));
    format!("Optimizer([{}])", named.join(", "))
}

/// Each run is the very run of a file that has this optimizer and no axis.
#[test]
fn an_optimizer_of_the_axis_is_that_of_a_file_of_its_own() {
    let train = "epochs: 3, batch: 40";
    let swept = read(&iris(PLAIN, train, &format!("axes: [{}]", axis()))).plan;
    assert_eq!(swept.len(), 3);
    for (cell, (name, optimizer)) in
        [("plain", PLAIN), ("adam", ADAM), ("clipped", CLIPPED)].into_iter().enumerate()
    {
        let alone = read(&iris(optimizer, train, "")).plan;
        assert_eq!(swept.keys[cell], alone.keys[0], "{name}");
        let coordinates = swept.coordinates(cell);
        assert_eq!(coordinates.len(), 1);
        assert_eq!((coordinates[0].axis, coordinates[0].label.as_str()), ("optimizer", name));
    }
}

#[test]
fn a_learning_rate_behind_the_axis_replaces_the_rates() {
    let train = "epochs: 3, batch: 40";
    let axes = format!("axes: [{}, LearningRate(List([0.1, 0.2]))]", axis());
    let swept = read(&iris(PLAIN, train, &axes)).plan;
    assert_eq!(swept.len(), 6);
    for (cell, optimizer) in [(1, PLAIN), (3, ADAM), (5, CLIPPED)] {
        let (start, rest) = optimizer.split_once("learning_rate: ").expect("it has a rate");
        let end = rest.find([',', ')']).expect("it ends");
        let with_rate = format!("{start}learning_rate: 0.2{}", &rest[end..]);
        let alone = read(&iris(&with_rate, train, "")).plan;
        assert_eq!(swept.keys[cell], alone.keys[0], "{with_rate}");
    }
}
