//! A folder with an experiment in it, what an undisturbed run of it leaves, and the comparison.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gradus_runner::{File, Folder, Presence, Store, stamp};

use crate::program::{Ended, Program};

/// Six runs of some milliseconds, two of which diverge: mostly one commit.
pub(crate) const SIX: &str = r#"// Which learning rate is best?
(
    name: "six",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(8), Relu, Dense(3)],
    loss: CrossEntropy,
    optimizer: (chain: [Momentum(0.9)], learning_rate: 0.1),
    train: (epochs: 100, batch: 16),
    record: [Weights],
    sweep: (axes: [LearningRate(List([0.01, 0.1, 1e30]))], seeds: 2),
)
"#;

/// Twenty-four runs of the same kind, a little longer: room for kills.
pub(crate) fn twenty_four() -> String {
    SIX.replace("\"six\"", "\"twenty_four\"")
        .replace("[0.01, 0.1, 1e30]", "[0.003, 0.01, 0.03, 0.1, 0.3, 1.0]")
        .replace("seeds: 2", "seeds: 4")
}

/// The files that a report consists of, but for what depends on the clock.
pub(crate) type Drawn = BTreeMap<String, Vec<u8>>;

/// An experiment in a folder of its own; results go to `results/NAME` inside.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) name: String,
}

/// The name of the experiment file.
pub(crate) const FILE: &str = "experiment.ron";

impl Place {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(FILE), text).expect("it is writable");
        let name = text.split('"').nth(1).expect("an experiment has a name").to_string();
        Self { folder, name }
    }

    pub(crate) fn path(&self) -> PathBuf {
        // As the system names it, which is how a tracer compares paths.
        self.folder.path().canonicalize().expect("it is there")
    }

    pub(crate) fn results(&self) -> PathBuf {
        self.path().join("results")
    }

    /// The folder of the experiment's results.
    pub(crate) fn own_results(&self) -> PathBuf {
        self.results().join(&self.name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.own_results().join("runs.sqlite")
    }

    /// `gradus run experiment.ron ARGUMENTS`, with results under their full path.
    pub(crate) fn run(&self, program: &Program, wrapper: &[String], arguments: &[&str]) -> Ended {
        let results = self.results();
        program.call(&self.path(), wrapper, &self.run_arguments(&results, arguments))
    }

    pub(crate) fn run_arguments<'a>(&self, results: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
        let results = results.to_str().expect("temporary folders have plain names");
        [&["run", FILE, "--json", "--out", results], more].concat()
    }

    pub(crate) fn file(&self) -> File {
        File::read(&self.path().join(FILE), None).unwrap_or_else(|errors| panic!("{}", errors.text))
    }

    /// Claims the folder as the program does: a store with the plan and no run.
    pub(crate) fn claim(&self) -> Folder {
        Folder::take(&self.results(), &self.file().plan).expect("nobody else is there")
    }

    /// Which runs are durable. Reads a copy: opening a store would roll back what a kill left open.
    pub(crate) fn durable(&self) -> Result<Vec<bool>, String> {
        let plan = self.file().plan;
        if !self.own_results().is_dir() {
            return Ok(vec![false; plan.len()]);
        }
        let copy = tempfile::tempdir().expect("a temporary folder");
        copy_files(&self.own_results(), copy.path());
        let store = Store::open_existing(copy.path()).map_err(|error| error.to_string())?;
        let Some(store) = store else { return Ok(vec![false; plan.len()]) };
        let presence = store.presence(&plan, &stamp()).map_err(|error| error.to_string())?;
        Ok(presence.into_iter().map(|there| there == Presence::Here).collect())
    }

    /// Copies the results to this folder.
    pub(crate) fn copy_to(&self, folder: &Path) {
        if self.own_results().is_dir() {
            copy_files(&self.own_results(), folder);
        }
    }

    /// Puts the results of `other` here in place of what there is.
    pub(crate) fn copy_results(&self, other: &Path) {
        let own = self.own_results();
        let _ = fs::remove_dir_all(&own);
        fs::create_dir_all(&own).expect("it can be made");
        copy_files(other, &own);
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("an entry");
        // Of a process that is at work: a journal may be gone by now.
        let copied = fs::copy(entry.path(), to.join(entry.file_name()));
        assert!(copied.is_ok() || !entry.path().exists(), "{copied:?}: {:?}", entry.path());
    }
}

/// What does not depend on the clock of a folder of results; the store is compared by what is
/// drawn from it, as its bytes depend on the order of commits.
pub(crate) fn drawn(folder: &Path) -> Drawn {
    let entries = fs::read_dir(folder).map(|entries| entries.filter_map(Result::ok).collect());
    let entries: Vec<fs::DirEntry> = entries.unwrap_or_default();
    let plain = entries.into_iter().filter(|entry| entry.path().is_file());
    let named = plain.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let of_the_clock = ["runs.sqlite", "timings.csv"];
    let kept = named.filter(|(name, _)| !of_the_clock.iter().any(|other| name.starts_with(other)));
    kept.map(|(name, path)| (name, fs::read(path).unwrap_or_default())).collect()
}

/// What an undisturbed run of an experiment leaves.
pub(crate) struct Reference {
    pub(crate) place: Place,
    pub(crate) drawn: Drawn,
    names: Vec<String>,
    verdict: serde_json::Value,
    pub(crate) runs: usize,
    /// How long it took.
    pub(crate) seconds: f64,
}

impl Reference {
    pub(crate) fn of(program: &Program, text: &str) -> Self {
        let place = Place::new(text);
        let ended = place.run(&program.unimpaired(), &[], &["--jobs", "1"]);
        let document = ended.json().unwrap_or_else(|why| panic!("without any fault: {why}"));
        let (drawn, names) = (drawn(&place.own_results()), names(&place.own_results()));
        let runs = document["runs"].as_u64().expect("a number") as usize;
        Self {
            drawn,
            names,
            runs,
            verdict: document["verdict"].clone(),
            seconds: ended.seconds,
            place,
        }
    }

    /// The same command carries on where a fault struck, and ends as if there had been none.
    /// Returns how many runs it trained.
    pub(crate) fn demand_resume(&self, place: &Place, program: &Program) -> Result<usize, String> {
        let ended = place.run(&program.unimpaired(), &[], &[]);
        let document = ended.json().map_err(|why| format!("carrying on: {why}"))?;
        self.demand_same(&place.own_results()).map_err(|why| format!("carrying on: {why}"))?;
        if document["verdict"] != self.verdict {
            return Err(format!("another verdict: {}", document["verdict"]));
        }
        document["trained"].as_u64().map(|count| count as usize).ok_or("no count".to_string())
    }

    /// The same files with the same bytes, and no others.
    pub(crate) fn demand_same(&self, folder: &Path) -> Result<(), String> {
        let found = drawn(folder);
        for (name, bytes) in &self.drawn {
            match found.get(name) {
                None => return Err(format!("{name} is missing")),
                Some(other) if other != bytes => return Err(format!("{name} has other bytes")),
                Some(_) => {}
            }
        }
        let left = names(folder);
        match left.iter().find(|name| !self.names.contains(name)) {
            Some(name) => Err(format!("{name} was left over")),
            None => Ok(()),
        }
    }

    /// Whatever has the name of a finished file is that file, whole.
    pub(crate) fn demand_nothing_partial(&self, folder: &Path) -> Result<(), String> {
        let found = drawn(folder);
        let mut final_names = found.iter().filter(|(name, _)| self.drawn.contains_key(*name));
        match final_names.find(|(name, bytes)| self.drawn[*name] != **bytes) {
            Some((name, bytes)) => {
                Err(format!("{name} has its name, {} bytes, and is not whole", bytes.len()))
            }
            None => Ok(()),
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there").filter_map(Result::ok);
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
