//! Parts of a file that are right alone and do not fit each other.

use super::{hold, table, with};

#[test]
fn parts_that_do_not_fit_each_other() {
    let axis = "LearningRate(Log(from: 1e-3, to: 10.0, points: 13))";
    let rates = "Momentum(List([0.5, 0.9]))";
    let optimizers = |plain: &str, adam: &str| {
        let plain = format!("(name: \"plain\", optimizer: ({plain}))");
        format!("Optimizer([{plain}, (name: \"adam\", optimizer: ({adam}))])")
    };
    let two = optimizers("learning_rate: 0.1", "chain: [Adam()], learning_rate: 0.001");
    let batch = "train: (epochs: 20, batch: 32),";
    let judged = |judge: &str| format!("{batch}\n    judge: {judge},");
    let numbers = [
        ("source: Iris", "source: Line"),
        ("(validation: 0.2)", "()"),
        ("CrossEntropy", "HalfMse"),
        ("Dense(3)", "Dense(1)"),
        ("batch: 32", "batch: 2"),
        ("schedule: Cosine(to: 0.0)),", "schedule: Cosine(to: 0.0)),\n    metrics: [Accuracy],"),
    ];
    hold(
        "parts_that_do_not_fit_each_other",
        &table(&[
            ("a last layer that does not fit", with(&[("Dense(3)", "Dense(4)")])),
            ("no units", with(&[("Dense(8)", "Dense(0)")])),
            ("more units than memory", with(&[("Dense(8)", "Dense(18446744073709551615)")])),
            ("more weights than memory", with(&[("Dense(8)", "Dense(1000000000000)")])),
            ("nothing to repeat", with(&[("Relu", "Repeat(times: 9000000000, layers: [])")])),
            ("too many layers", with(&[("Relu", "Repeat(times: 1000000000, layers: [Relu])")])),
            ("a model without parameters", with(&[("[Dense(8), Relu, Dense(3)]", "[]")])),
            ("an axis of what the chain has not", with(&[(axis, rates), (", Momentum(0.9)", "")])),
            (
                "an axis of what the chain has twice",
                with(&[(axis, rates), ("L2(1e-4)", "Momentum(0.1)")]),
            ),
            (
                "optimizers of which one is wrong",
                with(&[(axis, &optimizers("learning_rate: 0.1", "learning_rate: 0.0"))]),
            ),
            (
                "an optimizer that stands twice under two names",
                with(&[(axis, &optimizers("learning_rate: 0.1", "learning_rate: 0.1"))]),
            ),
            (
                "an optimizer without what another axis varies",
                with(&[(axis, &format!("{two}, {rates}"))]),
            ),
            (
                "optimizers behind an axis that they would undo",
                with(&[(axis, &format!("{axis}, {two}"))]),
            ),
            (
                "a mean that begins when the run is over",
                with(&[("schedule: Cosine(to: 0.0)", "average: Mean(from_epoch: 20)")]),
            ),
            ("two axes of one kind", with(&[(axis, &format!("{axis}, {axis}"))])),
            ("seeds twice", with(&[(axis, "Seed([1, 2])")])),
            ("a judge of a part that is not there", with(&[(batch, &judged("(split: Test)"))])),
            (
                "a judge of what is not measured",
                with(&[(batch, &judged("(metric: Mse, split: Train)"))]),
            ),
            (
                "a part that is not there",
                with(&[(batch, &format!("{batch}\n    evaluate: [Test],"))]),
            ),
            (
                "a judge whose moment is chosen on a part that is not there",
                with(&[(batch, &judged("(split: Validation, at: BestOf(Test))"))]),
            ),
            ("accuracy of numbers", with(&numbers)),
            (
                "metrics that classes have not",
                with(&[(batch, &format!("{batch}\n    metrics: [Rmse, R2, TopK(3), TopK(1)],"))]),
            ),
            (
                "metrics that are doubled or measured anyway",
                with(&[(batch, &format!("{batch}\n    metrics: [Loss, Accuracy, Accuracy],"))]),
            ),
            (
                "perplexity and top k of numbers",
                with(&[
                    ("CrossEntropy", "Mse"),
                    (batch, &format!("{batch}\n    metrics: [Perplexity, Mae],")),
                ]),
            ),
            ("numbers for classes", with(&[("source: Iris", "source: Line")])),
            (
                "sharpness of a batch",
                with(&[(batch, &format!("{batch}\n    record: [Sharpness],"))]),
            ),
        ]),
    );
}

/// The model of a file about images, with layers that do not fit them.
fn on_images(layers: &str) -> String {
    let data = "source: Iris, split: (validation: 0.2), inputs: Standardize";
    with(&[(data, "source: Digits, inputs: Divide(16.0)"), ("Dense(8), Relu", layers)])
}

#[test]
fn layers_on_images_that_do_not_fit() {
    let huge = "18446744073709551615";
    let many = "Conv2d(filters: 6, kernel: 5), Relu, Conv2d(filters: 6, kernel: 5), \
                MaxPool2d(kernel: 5), Relu, AvgPool2d(kernel: (2, 5)), Dense(8), GlobalAvgPool";
    let model = "[Dense(8), Relu, Dense(3)]";
    let flat = [(model, "[Conv2d(filters: 2, kernel: 3), MaxPool2d(kernel: 2), Dense(3)]")];
    hold(
        "layers_on_images_that_do_not_fit",
        &table(&[
            ("a kernel too large, layer after layer", on_images(many)),
            ("no image in the data", with(&flat)),
            ("no image any more", on_images("Flatten, MaxPool2d(kernel: 2)")),
            (
                "all zero",
                on_images("Conv2d(filters: 0, kernel: (0, 3), stride: 0, dilation: (1, 0))"),
            ),
            ("no window", on_images("MaxPool2d(kernel: 0)")),
            ("no step", on_images("AvgPool2d(kernel: 2, stride: (1, 0))")),
            ("dilation", on_images("Conv2d(filters: 2, kernel: 3, dilation: 4)")),
            ("padding", on_images("Conv2d(filters: 2, kernel: (15, 3), padding: (3, 0))")),
            ("padding of a pool", on_images("MaxPool2d(kernel: (2, 3), padding: (1, 2))")),
            (
                "padding of a pool that does not fit",
                on_images("MaxPool2d(kernel: 13, padding: (1, 7))"),
            ),
            ("a huge kernel", on_images(&format!("Conv2d(filters: 2, kernel: {huge})"))),
            ("huge padding", on_images(&format!("Conv2d(filters: 2, kernel: 3, padding: {huge})"))),
            ("huge columns", on_images("Conv2d(filters: 1, kernel: 3, padding: 100000)")),
            ("huge filters", on_images(&format!("Conv2d(filters: {huge}, kernel: 3)"))),
            ("many filters", on_images("Conv2d(filters: 100000000, kernel: 3)")),
            ("a pair of three", on_images("Conv2d(filters: 2, kernel: (3, 3, 3))")),
            ("half a pair", on_images("Conv2d(filters: 2, kernel: (3,))")),
            ("text for a kernel", on_images("Conv2d(filters: 2, kernel: \"3x3\")")),
            ("a fraction for a stride", on_images("MaxPool2d(kernel: 2, stride: 1.5)")),
            ("a negative padding", on_images("Conv2d(filters: 2, kernel: 3, padding: -1)")),
            ("no kernel", on_images("Conv2d(filters: 2)")),
            ("a typo in an option", on_images("MaxPool2d(kernel: 2, strides: 1)")),
        ]),
    );
}
