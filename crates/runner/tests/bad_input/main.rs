//! Wrong experiment files: each is refused with its place, what is allowed and the next step, all
//! mistakes at once, held word for word; and nothing is written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gradus_runner::File;

mod form;
mod values;
mod fit;
mod sequences;
mod data;
mod files;

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
