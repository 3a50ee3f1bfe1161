//! Text that is no description: unknown words, wrong types, missing fields.

use super::{changed, hold};

#[test]
fn words_that_are_not_known() {
    hold(
        "words_that_are_not_known",
        &changed(&[
            ("an unknown field", "loss: CrossEntropy", "los: CrossEntropy"),
            ("a typo in a field within", "batch: 32", "bacth: 32"),
            ("a field nothing is like", "batch: 32", "cheese: 32"),
            ("a layer with a typo", "Relu", "Rellu"),
            ("a schedule with a typo", "Cosine(to: 0.0)", "Setp(every: 1.0, factor: 0.5)"),
            ("a transformation with a typo", "Momentum(0.9)", "Momentun(0.9)"),
            ("an unknown source", "source: Iris", "source: Cifar"),
            ("an unknown axis", "LearningRate(", "Rate("),
            ("a layer without its number", "Dense(8)", "Dense"),
            ("a layer with a number too many", "Relu", "Relu(1)"),
            ("a typo in an option of a layer", "Dense(8)", "Dense(units: 8, bais: false)"),
            ("an option without the number", "Dense(8)", "Dense(bias: false)"),
            (
                "an unknown way to begin",
                "    loss: CrossEntropy,",
                "    loss: CrossEntropy,\n    init: Wieghts(\"start.safetensors\"),",
            ),
            (
                "weights that are not there",
                "    loss: CrossEntropy,",
                "    loss: CrossEntropy,\n    init: Weights(\"start.safetensors\"),",
            ),
            ("an unknown rule that stops", "epochs: 20", "epochs: 20, stop: [Patient(steps: 1)]"),
            ("an unknown order", "epochs: 20", "epochs: 20, order: Random, last_batch: Skip"),
        ]),
    );
}

#[test]
fn values_of_a_wrong_type() {
    hold(
        "values_of_a_wrong_type",
        &changed(&[
            ("text for a number", "learning_rate: 0.1", "learning_rate: \"fast\""),
            ("a number for text", "name: \"experiment\"", "name: 7"),
            ("a fraction for a count", "epochs: 20", "epochs: 2.5"),
            ("a negative count", "batch: 32", "batch: -32"),
            ("a count beyond a machine word", "seeds: 5", "seeds: 18446744073709551616"),
            ("one layer for a list", "model: [Dense(8), Relu, Dense(3)]", "model: Dense(8)"),
            ("a list for a section", "train: (epochs: 20, batch: 32)", "train: [20, 32]"),
            (
                "a number for a range",
                "LearningRate(Log(from: 1e-3, to: 10.0, points: 13))",
                "LearningRate(0.1)",
            ),
        ]),
    );
}

#[test]
fn fields_that_are_missing_or_doubled() {
    hold(
        "fields_that_are_missing_or_doubled",
        &changed(&[
            ("a doubled field", "epochs: 20", "epochs: 20, epochs: 30"),
            ("a missing section", "    loss: CrossEntropy,\n", ""),
            ("a missing field within", "source: Iris, ", ""),
            ("both lengths", "epochs: 20", "epochs: 20, steps: 100"),
            ("no length", "epochs: 20, ", ""),
            ("a comma forgotten", "epochs: 20, batch", "epochs: 20 batch"),
            ("a bracket forgotten", "Dense(3)],", "Dense(3),"),
            ("text after the end", "seeds: 5),\n)", "seeds: 5),\n) and more"),
        ]),
    );
}
