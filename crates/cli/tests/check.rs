//! `check` from outside: the claims of the quick shipped experiments hold, every kind of claim can
//! fail and says by how much, and what is skipped is counted.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The linear neuron on the article's line, whose sharpness and end are known.
const KNOWN: &str = r#"// Which rate is better?
(
    name: "known",
    data: (source: Line),
    model: [Dense(1)],
    init: (weights: Zeros, biases: Zeros),
    loss: HalfMse,
    optimizer: (learning_rate: 0.01),
    train: (epochs: 1000, precision: F64),
    record: [Sharpness],
    sweep: (axes: [LearningRate(List([0.01, 0.2, 0.3]))]),
    checks: [(CHECK, source: "theory")],
)
"#;

const MISSING: &str = r#"// Is it there?
(
    name: "missing",
    data: (source: Idx(train_images: "images", train_labels: "labels")),
    model: [Dense(2)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.01),
    train: (epochs: 1),
    checks: [(claim: Above(0.5), source: "nobody")],
)
"#;

fn gradus(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    command.args(arguments).current_dir(folder).output().expect("the program starts")
}

/// A folder with these files; exit code, results and messages of a command there.
fn said(files: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let folder = folder(files);
    answer(&gradus(folder.path(), arguments))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it can be made");
        fs::write(path, text).expect("it is writable");
    }
    folder
}

fn answer(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it prints text");
    let code = output.status.code().expect("it exits by itself");
    (code, text(&output.stdout), text(&output.stderr))
}

fn known(check: &str) -> String {
    KNOWN.replace("CHECK", check)
}

/// Checks a shipped experiment; where its data is not here, that is a skip that is counted.
fn shipped(test: &str, file: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let out = tempfile::tempdir().expect("a temporary folder");
    let out = out.path().to_str().expect("the folder has a plain name");
    let (code, json, errors) = answer(&gradus(&root, &["check", file, "--json", "--out", out]));
    assert!(code == 0, "{file}: exit {code}\n{json}{errors}");
    let json: Value = serde_json::from_str(&json).expect("it prints JSON");
    if json["skipped"].as_array().is_some_and(|skipped| !skipped.is_empty()) {
        let Ok(skips) = std::env::var("GRADUS_SKIPS") else { return };
        let list = fs::OpenOptions::new().append(true).create(true).open(skips);
        let line = format!("{test}: the data of {file} is not here\n");
        let written = list.and_then(|mut list| list.write_all(line.as_bytes()));
        return written.expect("the list of skipped tests can be written");
    }
    let findings = json["checked"][0]["findings"].as_array().expect("a list");
    assert!(!findings.is_empty(), "{file} claims nothing");
}

/// One test for each shipped experiment that takes less than 20 seconds.
macro_rules! quick {
    ($($test:ident: $file:literal;)*) => {
        $(#[test]
        fn $test() {
            shipped(stringify!($test), concat!("experiments/", $file));
        })*
    };
}

quick! {
    the_claims_of_the_article_hold: "article.ron";
    the_claims_about_the_edge_of_divergence_hold: "article_edge.ron";
    the_claims_about_the_linear_output_hold: "article_linear.ron";
    published_o1_holds_to_the_epoch: "published/o01_softmax.ron";
    published_o8_holds_on_iris: "published/o08_iris.ron";
    published_o8_holds_on_digits: "published/o08_digits.ron";
    published_o8_holds_on_circles: "published/o08_circles.ron";
    published_o8_holds_on_moons: "published/o08_moons.ron";
    published_o9_holds: "published/o09_weights.ron";
    published_o11_holds: "published/o11_spirals.ron";
    published_o12_holds_on_concrete: "published/o12_concrete.ron";
    published_o12_holds_on_wine: "published/o12_wine.ron";
    published_o12_holds_on_yachts: "published/o12_yacht.ron";
}

/// The seeds' interval stands with each kind of claim, wherever claims are told of.
#[test]
fn every_kind_of_claim_has_the_interval_of_its_seeds() {
    let text = r#"// How sure is it?
(
    name: "sure",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(3)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.1),
    train: (epochs: 2, batch: 30),
    sweep: (axes: [LearningRate(List([0.001, 0.1]))], seeds: 4),
    checks: [
        (claim: Below(0.0), where: [LearningRate(0.1)], source: "us"),
        (claim: Above(0.0), where: [LearningRate(0.1)], source: "us"),
        (claim: Within(from: 0.0, to: 9.0), where: [LearningRate(0.1)], source: "us"),
        (claim: Order([[LearningRate(0.1)], [LearningRate(0.001)]]), source: "us"),
        (claim: BestAt([LearningRate(0.1)]), source: "us"),
    ],
)
"#;
    let folder = folder(&[("a.ron", text)]);
    let told = |more: &[&str]| {
        let arguments = [&["check", "a.ron"], more].concat();
        answer(&gradus(folder.path(), &arguments)).1
    };
    let (table, json) = (told(&["--junit", "a.xml", "--write", "a.md"]), told(&["--json"]));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("it is written");
    for (where_, text) in [("terminal", table), ("JUnit", read("a.xml")), ("page", read("a.md"))] {
        let count = text.matches("; 95 % of resampled seeds: ").count();
        assert!(count >= 5, "{where_}: {count}: {text}");
        assert!(text.contains("95 % of resampled seeds: least rise 0."), "{where_}: {text}");
        assert!(text.contains("95 % of resampled seeds: learning rate 0.1"), "{where_}: {text}");
    }
    let json: Value = serde_json::from_str(&json).expect("it prints JSON");
    let findings = json["checked"][0]["findings"].as_array().expect("a list");
    for finding in &findings[..4] {
        let ends = finding["interval"]["numbers"].as_array().expect("numbers");
        let [low, high] = [0, 1].map(|end: usize| ends[end].as_f64().expect("a number"));
        assert!(0.0 < low && low < high && high < 9.0, "{finding}");
    }
    assert_eq!(findings[4]["interval"]["cells"], serde_json::json!([1, 1]));
}

/// Each kind of claim, wrong and right, with what the table says of the wrong one.
#[test]
fn every_kind_of_claim_can_fail_and_says_by_how_much() {
    // The sharpness of the line is 8.350305; the loss ends at 0.0016 for 0.01 and at 0 for 0.2.
    let sharpness = "of: Sharpness(at: Epoch(0)), where: [LearningRate(0.01)]";
    let cases = [
        (format!("claim: Below(8.0), {sharpness}"), "by 0.35", "Below(8.0)", "Below(8.5)"),
        (format!("claim: Above(9.0), {sharpness}"), "by 0.65", "Above(9.0)", "Above(8.0)"),
        (
            format!("claim: Within(from: 8.4, to: 9.0), {sharpness}"),
            "by 0.05",
            "from: 8.4",
            "from: 8.3",
        ),
        (
            "claim: Order([[LearningRate(0.01)], [LearningRate(0.2)]])".to_string(),
            "by 0.0016",
            "[[LearningRate(0.01)], [LearningRate(0.2)]]",
            "[[LearningRate(0.2)], [LearningRate(0.01)]]",
        ),
        (
            "claim: BestAt([LearningRate(0.01), LearningRate(0.3)])".to_string(),
            "by 0.0016",
            "LearningRate(0.01)",
            "LearningRate(0.2)",
        ),
        (
            "claim: BestWithin(from: LearningRate(0.005), to: LearningRate(0.05))".to_string(),
            "by 0.0016",
            "(0.05)",
            "(0.25)",
        ),
        ("claim: DivergesAbove(LearningRate(0.1))".to_string(), "by 0.5", "0.1", "0.25"),
        (
            "claim: Rises(from: LearningRate(0.01), to: LearningRate(0.2))".to_string(),
            "by 0.0016",
            "from: LearningRate(0.01), to: LearningRate(0.2)",
            "from: LearningRate(0.2), to: LearningRate(0.01)",
        ),
        (
            "claim: Ratio(over: [LearningRate(0.01)], under: [LearningRate(0.2)], from: 2.0, \
             to: 3.0), of: Sharpness(at: Epoch(0))"
                .to_string(),
            "by 1",
            "from: 2.0",
            "from: 0.5",
        ),
        (format!("claim: Not(Below(9.0)), {sharpness}"), "by 0.65", "9.0", "8.0"),
        (format!("claim: Not(Within(from: 8.0, to: 9.0)), {sharpness}"), "by 0.35", "8.0", "8.5"),
        (
            "claim: Below(5.0), of: EpochsTo(metric: Loss, split: Train, target: 0.1), \
             where: [LearningRate(0.2)]"
                .to_string(),
            "by 2",
            "5.0",
            "50.0",
        ),
        (
            "claim: Order([[LearningRate(0.01)], [LearningRate(0.2)]]), \
             of: StepsTo(metric: Loss, split: Train, target: 0.1)"
                .to_string(),
            "by 24",
            "[[LearningRate(0.01)], [LearningRate(0.2)]]",
            "[[LearningRate(0.2)], [LearningRate(0.01)]]",
        ),
        (
            "claim: Below(1000.0), of: StepsTo(metric: Loss, split: Train, target: 0.0001), \
             where: [LearningRate(0.01)]"
                .to_string(),
            "never reached",
            "0.01",
            "0.2",
        ),
        (
            "claim: Below(1.0), where: [LearningRate(0.3)]".to_string(),
            "(1 of 1 run diverged)",
            "0.3",
            "0.2",
        ),
    ];
    for (claim, by, wrong, right) in cases {
        let (code, table, errors) = said(&[("a.ron", &known(&claim))], &["check", "a.ron"]);
        assert_eq!(code, 1, "{claim}: {table}{errors}");
        let line = table.lines().find(|line| line.trim_start().starts_with("FAILS"));
        assert!(line.is_some_and(|line| line.contains(by)), "{claim}: {table}");
        assert!(table.ends_with("1 claim: 0 held, 1 failed; 0 files skipped\n"), "{table}");
        let claim = claim.replace(wrong, right);
        let (code, table, errors) = said(&[("a.ron", &known(&claim))], &["check", "a.ron"]);
        assert_eq!(code, 0, "{claim}: {table}{errors}");
        assert!(table.ends_with("1 claim: 1 held, 0 failed; 0 files skipped\n"), "{table}");
    }
}

#[test]
fn a_bound_that_moves_trains_nothing() {
    let folder = folder(&[("a.ron", &known("claim: BestAt([LearningRate(0.2)])"))]);
    let json = |code: i32| -> Value {
        let (exit, json, errors) = answer(&gradus(folder.path(), &["check", "a.ron", "--json"]));
        assert_eq!(exit, code, "{json}{errors}");
        serde_json::from_str(&json).expect("it prints JSON")
    };
    let first = json(0);
    assert_eq!(first["checked"][0]["trained"], 3);
    let path = folder.path().join("a.ron");
    fs::write(path, known("claim: BestAt([LearningRate(0.3)])")).expect("it is writable");
    let second = json(1);
    assert_eq!(second["checked"][0]["trained"], 0);
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&second), ["checked", "gates", "refused", "skipped"]);
    let case = &second["checked"][0];
    assert_eq!(keys(case), ["file", "findings", "name", "runs", "seconds", "trained"]);
    let finding = &case["findings"][0];
    assert_eq!(
        keys(finding),
        [
            "best", "bound", "cells", "check", "epoch", "holds", "interval", "margin", "seed",
            "source", "what"
        ]
    );
    assert_eq!(
        keys(&finding["cells"][0]),
        ["cell", "diverged", "number", "values", "without_result"]
    );
    assert_eq!((&finding["holds"], &finding["best"]), (&false.into(), &1.into()));
    // The stored plan, checks and all, can be read again.
    let (code, _, errors) = answer(&gradus(folder.path(), &["report", "known"]));
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn missing_data_is_a_skip_that_is_counted_and_can_be_refused() {
    let right = known("claim: BestAt([LearningRate(0.2)])");
    let files = [("a.ron", &*right), ("b/missing.ron", MISSING)];
    let (code, table, errors) = said(&files, &["check", "a.ron", "b/missing.ron"]);
    assert_eq!(code, 0, "{table}{errors}");
    assert!(table.contains("b/missing.ron: skipped, its data is not here"), "{table}");
    assert!(table.ends_with("1 claim: 1 held, 0 failed; 1 file skipped\n"), "{table}");
    for (expected, code) in [("0", 1), ("1", 0), ("2", 1)] {
        let arguments = ["check", "a.ron", "b/missing.ron", "--expect-skips", expected];
        assert_eq!(said(&files, &arguments).0, code, "{expected} expected");
    }
    let (code, _, errors) =
        said(&files, &["check", "a.ron", "b/missing.ron", "--write", "page.md"]);
    assert!(code == 2 && errors.contains("page.md: not written"), "{errors}");
}

#[test]
fn without_files_every_experiment_with_claims_is_checked() {
    let right = known("claim: BestAt([LearningRate(0.2)])");
    let silent = right.replace("checks: [", "// checks: [").replace("known", "silent");
    let files = [
        ("experiments/a.ron", &*right),
        ("experiments/below/missing.ron", MISSING),
        ("experiments/silent.ron", &silent),
        ("experiments/data/other.ron", "no experiment"),
    ];
    let (code, table, errors) = said(&files, &["check"]);
    assert_eq!(code, 0, "{table}{errors}");
    assert!(table.ends_with("1 claim: 1 held, 0 failed; 1 file skipped\n"), "{table}");
    assert!(!table.contains("silent"), "{table}");
    let (code, _, errors) = said(&files, &["check", "experiments/silent.ron"]);
    assert!(code == 2 && errors.contains("claims nothing and has no baseline; add"), "{errors}");
    let (code, _, errors) = said(&[], &["check"]);
    assert!(code == 2 && errors.contains("name the files to check"), "{errors}");
}

#[test]
fn a_wrong_file_is_exit_2_and_hides_no_other() {
    let right = known("claim: BestAt([LearningRate(0.2)])");
    let wrong = known("claim: BestAt([LearningRate(0.5)])").replace("known", "wrong");
    let files = [("a.ron", &*wrong), ("b.ron", &right)];
    let (code, table, errors) = said(&files, &["check", "a.ron", "b.ron"]);
    assert_eq!(code, 2, "{table}{errors}");
    assert!(errors.contains("allowed: 0.01; 0.2; 0.3"), "{errors}");
    assert!(table.ends_with("1 claim: 1 held, 0 failed; 0 files skipped\n"), "{table}");
}

#[test]
fn the_page_shows_published_and_ours_and_is_the_same_but_for_times() {
    let check = "claim: Within(from: 8.3, to: 8.4), of: Sharpness(at: Epoch(0)), \
                 where: [LearningRate(0.2)], published: 8.35, trust: Read";
    let folder = folder(&[("a.ron", &known(check))]);
    let page = |name: &str| {
        let arguments = ["check", "a.ron", "--write", name];
        let (code, _, errors) = answer(&gradus(folder.path(), &arguments));
        assert_eq!(code, 0, "{errors}");
        let page = fs::read_to_string(folder.path().join(name)).expect("it was written");
        assert!(page.contains(&format!("`cargo xtask check --write {name} a.ron`")), "{page}");
        page.replace(name, "page.md")
    };
    let first = page("page.md");
    let row = "| sharpness after epoch 0, one seed | learning rate 0.2 | 8.35 | read | 8.3503 | \
               8.3 to 8.4 | holds, 0.05 to spare | theory |";
    assert!(first.contains(row), "{first}");
    // Nothing was trained again, so that even the times are the same.
    assert_eq!(first, page("again.md"));
}
