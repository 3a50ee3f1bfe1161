//! Wrong experiment files: each is refused with its place, what is allowed and the next step, all
//! mistakes at once, held word for word; and nothing is written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gradus_runner::File;

/// What every case changes a piece of.
const RIGHT: &str = r#"// Which learning rate is best?
(
    name: "experiment",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(8), Relu, Dense(3)],
    loss: CrossEntropy,
    optimizer: (chain: [L2(1e-4), Momentum(0.9)], learning_rate: 0.1, schedule: Cosine(to: 0.0)),
    train: (epochs: 20, batch: 32),
    sweep: (axes: [LearningRate(Log(from: 1e-3, to: 10.0, points: 13))], seeds: 5),
)
"#;

/// A right file with these pieces replaced.
fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(RIGHT.to_string(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old} must stand once in {text}");
        text.replace(old, new)
    })
}

/// Everything in a folder, by path.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect()
}

/// A folder with an experiment file and the files beside it.
fn folder(text: &[u8], beside: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in beside.iter().chain([&("experiment.ron", text)]) {
        fs::write(folder.path().join(name), bytes).expect("it is writable");
    }
    folder
}

/// What is said about a file, without the folder it stands in; `None` if nothing is wrong.
fn said(text: &[u8], beside: &[(&str, &[u8])]) -> Option<String> {
    let folder = folder(text, beside);
    let before = content(folder.path());
    let errors = File::read(&folder.path().join("experiment.ron"), None).err();
    assert_eq!(content(folder.path()), before, "nothing is written");
    let stem = format!("{}/", folder.path().display());
    errors.map(|errors| {
        let text = errors.text.replace(&stem, "");
        assert!(errors.count > 0 && text.matches("error: ").count() >= errors.count, "{text}");
        text
    })
}

/// All cases of a table below each other, for one snapshot.
fn table(cases: &[(&str, String)]) -> String {
    let mut all = String::new();
    for (what, text) in cases {
        let said = said(text.as_bytes(), &[]);
        let said = said.unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    all
}

/// Holds it word for word; the case stands in the text itself.
fn hold(name: &str, text: &str) {
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, text) });
}

/// One change each.
fn changed(cases: &[(&str, &str, &str)]) -> String {
    let cases: Vec<_> = cases.iter().map(|&(what, old, new)| (what, with(&[(old, new)]))).collect();
    table(&cases)
}

#[test]
fn the_file_that_every_case_starts_from_is_right() {
    assert_eq!(said(RIGHT.as_bytes(), &[]), None);
}

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

#[test]
fn parts_that_do_not_fit_each_other() {
    let axis = "LearningRate(Log(from: 1e-3, to: 10.0, points: 13))";
    let rates = "Momentum(List([0.5, 0.9]))";
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
            ("too many layers", with(&[("Relu", "Repeat(times: 1000000000, layers: [Relu])")])),
            ("a model without parameters", with(&[("[Dense(8), Relu, Dense(3)]", "[]")])),
            ("an axis of what the chain has not", with(&[(axis, rates), (", Momentum(0.9)", "")])),
            (
                "an axis of what the chain has twice",
                with(&[(axis, rates), ("L2(1e-4)", "Momentum(0.1)")]),
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

/// An IDX file of `count` pictures of 2x2, or with one dimension of as many labels.
fn idx(dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|size| file.extend(size.to_be_bytes()));
    file.extend(bytes);
    file
}

const CSV: &str = "Table(path: \"table.csv\", target: Class(\"kind\"))";
const IDX: &str = "Idx(train_images: \"images\", train_labels: \"labels\")";

#[test]
fn files_of_data_that_are_missing_or_broken() {
    let of = |source: &str| {
        with(&[("source: Iris", &format!("source: {source}")), ("(validation: 0.2)", "()")])
    };
    let whole = idx(&[3, 2, 2], &[0, 64, 128, 255, 1, 2, 3, 4, 5, 6, 7, 8]);
    let labels = idx(&[3], &[0, 1, 2]);
    let obtained = of(IDX).replace("inputs:", "obtain: \"ask the library of Delft\", inputs:");
    type Beside<'a> = Vec<(&'a str, &'a [u8])>;
    let cases: Vec<(&str, String, Beside<'_>)> = vec![
        ("no IDX file", of(IDX), vec![]),
        ("no IDX file, and where to get it", obtained, vec![]),
        ("no CSV file", of(CSV), vec![]),
        ("no file in data/", of(&CSV.replace("table", "../data/table")), vec![]),
        ("IDX cut in its head", of(IDX), vec![("images", &whole[..9]), ("labels", &labels)]),
        ("IDX cut in its body", of(IDX), vec![("images", &whole[..25]), ("labels", &labels)]),
        ("IDX of nothing", of(IDX), vec![("images", b""), ("labels", &labels)]),
        ("no IDX at all", of(IDX), vec![("images", b"PNG, say"), ("labels", &labels)]),
        (
            "fewer labels",
            of(IDX),
            vec![("images", &whole), ("labels", b"\0\0\x08\x01\0\0\0\x01\0")],
        ),
        ("CSV of nothing", of(CSV), vec![("table.csv", b"")]),
        ("CSV without the column", of(CSV), vec![("table.csv", b"a,b\n1,2\n3,4\n")]),
        ("CSV with a word", of(CSV), vec![("table.csv", b"a,kind\n1,x\ntwo,y\n")]),
        ("CSV with a short line", of(CSV), vec![("table.csv", b"a,b,kind\n1,2,x\n3,y\n")]),
        ("CSV with infinity", of(CSV), vec![("table.csv", b"a,kind\n1,x\ninf,y\n")]),
    ];
    let mut all = String::new();
    for (what, text, beside) in cases {
        let said = said(text.as_bytes(), &beside).unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    hold("files_of_data_that_are_missing_or_broken", &all);
}

/// Splits that nothing, or not this data, can be split by; tables that are not as described.
#[test]
fn data_that_does_not_fit_its_description() {
    let split = |split: &str| with(&[("(validation: 0.2)", split)]);
    let table = |fields: &str| {
        let source = format!("source: Table(path: \"table\", {fields})");
        with(&[("source: Iris", &source), ("(validation: 0.2)", "()")])
    };
    let blanks: &[u8] = b"1 2 0\n3 4 1\n\n5 6 2 \n\n";
    let counts: &[u8] = b"3,1,a,b\n1,0\n2,1\n3,2\n";
    let listed = "(method: TestRows(\"splits\"))";
    let seeds = with(&[
        ("(validation: 0.2)", listed),
        ("points: 13))], seeds: 5", "points: 13)), Seed([0, 1, 2, 9])]"),
    ]);
    type Beside<'a> = Vec<(&'a str, &'a [u8])>;
    let cases: Vec<(&str, String, Beside<'_>)> = vec![
        ("more rows than there are", split("(validation: 150)"), vec![]),
        ("a share that is none", split("(validation: -2, test: \"half\")"), vec![]),
        ("a test part that is not there", split("(validation: 0.2, pooled: true)"), vec![]),
        ("limits", split("(validation: 30, limit: (train: 0, test: 3))"), vec![]),
        ("a limit too high", split("(validation: 30, limit: (train: 121))"), vec![]),
        ("nothing to draw from", split("(resample: TrainAndValidation)"), vec![]),
        ("a seed for nothing", split("(test: 10, method: InOrder, seed: 3)"), vec![]),
        ("a method", split("(method: Sorted)"), vec![]),
        ("no file of splits", split(listed), vec![]),
        ("two test parts", split("(test: 0.1, method: TestRows(\"splits\"))"), vec![]),
        ("row numbers", split(listed), vec![("splits", b"1 2\n3\n4 150\n5 5\nx y\n")]),
        ("fewer lists than seeds", split(listed), vec![("splits", b"1 2\n3 4\n5 6\n7 8\n")]),
        ("a seed beyond the lists", seeds, vec![("splits", b"1 2\n3 4\n5 6\n7 8\n")]),
        (
            "a column that is not there",
            table("header: Absent, delimiter: ' ', drop: [0, 7], target: Class(-4)"),
            vec![("table", blanks)],
        ),
        (
            "a wrong cell between blanks",
            table("header: Absent, delimiter: ' ', target: Class(-1)"),
            vec![("table", b"1 2 0\n\n3 four 1\n")],
        ),
        ("counts", table("header: Counts, target: Class(-1)"), vec![("table", counts)]),
        ("one class", table("target: Class(-1)"), vec![("table", b"a,b\n1,x\n2,x\n3,x\n")]),
        (
            "a scaling by nothing",
            with(&[("inputs: Standardize", "inputs: Affine(subtract: 0.5, divide: 0)")]),
            vec![],
        ),
    ];
    let mut all = String::new();
    for (what, text, beside) in cases {
        let said = said(text.as_bytes(), &beside).unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    hold("data_that_does_not_fit_its_description", &all);
}

#[test]
fn files_that_are_no_experiment() {
    let deep = "[".repeat(100_000);
    let deep_in_field = with(&[("[Dense(8), Relu, Dense(3)]", &deep)]);
    let same_name: &[(&str, &[u8])] = &[("another.ron", RIGHT.as_bytes())];
    let not_utf8: Vec<u8> = with(&[("Iris", "Ir?s")])
        .bytes()
        .map(|b| if b == b'?' { 0xff } else { b })
        .skip(30)
        .collect();
    type Beside<'a> = &'a [(&'a str, &'a [u8])];
    let cases: Vec<(&str, &[u8], Beside<'_>)> = vec![
        ("empty", b"", &[]),
        ("blanks", b" \n\n", &[]),
        ("a comment", b"// Which?\n", &[]),
        ("one bracket", b"(", &[]),
        ("one letter beyond ASCII", "é".as_bytes(), &[]),
        ("a last letter beyond ASCII", "(name: é".as_bytes(), &[]),
        ("not UTF-8", &not_utf8, &[]),
        ("zeros", &[0; 16], &[]),
        ("a name twice in a folder", RIGHT.as_bytes(), same_name),
    ];
    let mut all = String::new();
    for (what, text, beside) in cases {
        let said = said(text, beside).unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    hold("files_that_are_no_experiment", &all);
    for text in [deep, deep_in_field] {
        let said = said(text.as_bytes(), &[]).expect("no experiment nests like that");
        assert!(said.contains("experiment.ron:"), "{:.500}", said);
        assert!(said.len() < 2000, "a line of 100,000 brackets is not repeated");
    }
}

/// Editors on Windows begin files with a byte order mark and end lines with two characters.
#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_mistakes() {
    let text = format!("\u{feff}{}", RIGHT.replace('\n', "\r\n"));
    assert_eq!(said(text.as_bytes(), &[]), None);
    let folder = folder(text.as_bytes(), &[]);
    let file = File::read(&folder.path().join("experiment.ron"), None).expect("it is right");
    assert_eq!(file.plan.question, "Which learning rate is best?");
}

#[test]
fn paths_that_are_no_file() {
    let folder = folder(RIGHT.as_bytes(), &[]);
    let mut all = String::new();
    for path in ["", "missing.ron", "experiment.ron/below"] {
        let errors = File::read(&folder.path().join(path), None).expect_err("it is no file");
        all += &errors.text.replace(&folder.path().display().to_string(), "FOLDER");
    }
    hold("paths_that_are_no_file", &all);
}

/// A file that never ends is not read to its end.
#[cfg(unix)]
#[test]
fn a_device_without_end_is_refused() {
    let errors = File::read(Path::new("/dev/zero"), None).expect_err("it is no experiment");
    insta::assert_snapshot!(errors.text, @"error: /dev/zero: more than 16 MiB; give the path of an experiment file, which is a page or two of text");
}
