//! Numbers and names that nothing allows, plans that are too large, many mistakes at once.

use std::time::{Duration, Instant};

use super::{changed, hold, table, with};

#[test]
fn numbers_out_of_range() {
    hold(
        "numbers_out_of_range",
        &changed(&[
            ("a rate beyond doubles", "learning_rate: 0.1", "learning_rate: 1e999"),
            ("a rate that is no number", "learning_rate: 0.1", "learning_rate: NaN"),
            ("a rate of minus infinity", "learning_rate: 0.1", "learning_rate: -inf"),
            ("a rate below 0", "learning_rate: 0.1", "learning_rate: -0.1"),
            ("a batch of 0", "batch: 32", "batch: 0"),
            ("a batch above the data", "batch: 32", "batch: 121"),
            ("no epochs", "epochs: 20", "epochs: 0"),
            ("no seeds", "seeds: 5", "seeds: 0"),
            ("momentum 1", "Momentum(0.9)", "Momentum(1.0)"),
            ("a penalty below 0", "L2(1e-4)", "L2(-1e-4)"),
            ("a split that leaves nothing", "(validation: 0.2)", "(validation: 0.5, test: 0.5)"),
            ("a schedule's end below 0", "Cosine(to: 0.0)", "Cosine(to: -0.5)"),
            ("a log axis from 0", "from: 1e-3", "from: 0.0"),
            ("an axis of one point", "points: 13", "points: 1"),
            ("an axis without values", "Log(from: 1e-3, to: 10.0, points: 13)", "List([])"),
            ("a value twice", "Log(from: 1e-3, to: 10.0, points: 13)", "List([0.1, 1.0, 0.1])"),
            (
                "a value of an axis below 0",
                "Log(from: 1e-3, to: 10.0, points: 13)",
                "List([0.1, -1.0])",
            ),
            (
                "a linear axis that passes 0",
                "Log(from: 1e-3, to: 10.0, points: 13)",
                "Linear(from: 1.0, to: -1.0, points: 5)",
            ),
            ("a window of 0", "epochs: 20", "epochs: 20, window: 0"),
            (
                "rules that stop nothing or everything",
                "epochs: 20",
                "epochs: 20, stop: [Stale(epochs: 0, by: -1.0), LossBelow(0.1), \
                 Patience(steps: 0, factor: 0.5, improvement: 1.5)]",
            ),
        ]),
    );
}

#[test]
fn names_that_are_no_folder() {
    hold(
        "names_that_are_no_folder",
        &changed(&[
            ("a slash", "\"experiment\"", "\"a/b\""),
            ("the folder above", "\"experiment\"", "\"..\""),
            ("nothing", "\"experiment\"", "\"\""),
            ("a name that results keep", "\"experiment\"", "\"baselines\""),
        ]),
    );
}

/// Answered at once, and with little memory: nothing is expanded before it is counted.
#[test]
fn plans_beyond_all_bounds() {
    let points = "points: 13";
    let huge = "LearningRate(Log(from: 1e-3, to: 10.0, points: 10000000000)), \
                L2(Linear(from: 0.0, to: 1.0, points: 10000000000))";
    let cases = [
        ("1e11 points", with(&[(points, "points: 100000000000"), ("seeds: 5", "seeds: 1")])),
        (
            "a product beyond a machine word",
            with(&[("LearningRate(Log(from: 1e-3, to: 10.0, points: 13))", huge)]),
        ),
        ("2^64 - 1 points", with(&[(points, "points: 18446744073709551615")])),
        ("1e12 seeds", with(&[("seeds: 5", "seeds: 1000000000000")])),
    ];
    let started = Instant::now();
    let mut all = String::new();
    let counted = allocation_counter::measure(|| all = table(&cases));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(counted.bytes_max < 4 << 20, "{} bytes", counted.bytes_max);
    hold("plans_beyond_all_bounds", &all);
}

#[test]
fn every_mistake_is_reported_at_once() {
    hold(
        "every_mistake_is_reported_at_once",
        &table(&[
            (
                "four of form",
                with(&[
                    ("source: Iris", "sauce: Iris"),
                    ("Relu", "Rellu"),
                    ("epochs: 20", "epochs: \"20\""),
                    ("learning_rate: 0.1", "learning_rate: 1e999"),
                ]),
            ),
            (
                "six of content, three of which need the data",
                with(&[
                    ("learning_rate: 0.1", "learning_rate: -0.1"),
                    ("Momentum(0.9)", "Momentum(1.5)"),
                    ("seeds: 5", "seeds: 0"),
                    ("Dense(3)", "Dense(4)"),
                    ("batch: 32", "batch: 500"),
                    ("    loss: CrossEntropy,", "    loss: CrossEntropy,\n    metrics: [Mse],"),
                ]),
            ),
            (
                "two of form and two of content",
                with(&[
                    ("Relu", "Rellu"),
                    ("inputs: Standardize", "inputs: Standardise"),
                    ("L2(1e-4)", "L2(-1.0)"),
                    ("points: 13", "points: 1"),
                ]),
            ),
            (
                "two of form, and nothing that only follows from them",
                with(&[
                    ("Momentum(0.9)", "Momentun(0.9)"),
                    ("validation: 0.2", "valdation: 0.2"),
                    (
                        "LearningRate(Log(from: 1e-3, to: 10.0, points: 13))",
                        "Momentum(List([0.5]))",
                    ),
                    ("seeds: 5),", "seeds: 5),\n    judge: (split: Validation),"),
                ]),
            ),
        ]),
    );
}
