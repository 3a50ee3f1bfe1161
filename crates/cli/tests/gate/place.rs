//! A folder with a quick experiment and its baseline, in which commands are given.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use gradus_runner::gate::Baseline;
use serde_json::Value;
use tempfile::TempDir;

/// A quick experiment whose seeds resolve its margins.
pub(crate) const QUICK: &str = r#"// Is it as it was?
(
    name: "quick",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(8), Tanh, Dense(3)],
    loss: CrossEntropy,
    optimizer: (chain: [Momentum(0.9)], learning_rate: 0.05, schedule: Step(every: 3.0, factor: 0.5)),
    train: (epochs: 6, batch: 16),
    sweep: (axes: [LearningRate(List([0.02, 0.05]))], seeds: 12),
    gate: (margins: [(margin: MARGIN)]REACTIONS),
)
"#;

pub(crate) const MARGIN: f64 = 0.4;

pub(crate) fn quick(reactions: &str) -> String {
    QUICK.replace("MARGIN", &MARGIN.to_string()).replace("REACTIONS", reactions)
}

/// A folder with the file, in which commands are given.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("quick.ron"), text).expect("it is writable");
        Self(folder)
    }

    /// With the baseline that it has by itself.
    pub(crate) fn accepted(text: &str) -> Self {
        let place = Self::new(text);
        let (code, _, messages) = place.gradus(&["accept", "--yes", "quick.ron"]);
        assert_eq!(code, 0, "{messages}");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn baseline_path(&self) -> PathBuf {
        self.path("results/baselines/quick.ron")
    }

    /// Changes the baseline as another program would have written it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Baseline)) {
        let path = self.baseline_path();
        let mut baseline = Baseline::read(&path).expect("it is whole").expect("it is there");
        change(&mut baseline);
        baseline.write(&path).expect("it is writable");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("GITHUB_STEP_SUMMARY");
        command
    }

    pub(crate) fn gradus(&self, arguments: &[&str]) -> (i32, String, String) {
        answer(&self.command(arguments).output().expect("the program starts"))
    }

    pub(crate) fn check(&self) -> (i32, String, String) {
        self.gradus(&["check", "quick.ron"])
    }

    pub(crate) fn check_json(&self) -> (i32, Value) {
        let (code, results, messages) = self.gradus(&["check", "quick.ron", "--json"]);
        let value: Value = serde_json::from_str(&results).unwrap_or_else(|_| panic!("{messages}"));
        (code, value["gates"][0].clone())
    }
}

pub(crate) fn answer(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Bits can no longer be compared, so that the other instruments are asked.
pub(crate) fn of_another_stamp(baseline: &mut Baseline) {
    baseline.stamp = "another machine".to_string();
}

/// Moves what the baseline holds of one cell by so many margins.
pub(crate) fn moved(baseline: &mut Baseline, cell: usize, margins: f64) {
    of_another_stamp(baseline);
    let figure = &mut baseline.cells[cell].figures[0];
    figure.values.iter_mut().for_each(|value| *value += margins * MARGIN);
}
