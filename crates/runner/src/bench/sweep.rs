//! The rate of a whole sweep: warm, by the pool of this process, and cold, by a process of its own.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use thiserror::Error;

use super::floor::{Floor, products};
use super::rates::{Pace, Spread, in_turns, seconds};
use super::workloads::{SWEEP, SWEPT, WORKLOADS};
use crate::file::{File, FileErrors};
use crate::folder::{Folder, FolderError};
use crate::interruption::Interruption;
use crate::pool::{Work, train_runs};
use crate::stamp::stamp;
use crate::store_error::StoreError;

/// Why a sweep could not be measured.
#[derive(Debug, Error)]
pub enum SweepError {
    /// The temporary folder, or the process.
    #[error("{0}; the sweep is measured in the system's temporary folder, which must have room")]
    System(#[from] io::Error),
    /// Its file.
    #[error("{}", .0.text)]
    File(FileErrors),
    /// The folder of its results.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process ended, but not well.
    #[error("{program} {arguments}: {said}", program = program.display())]
    Process {
        /// The program.
        program: PathBuf,
        /// What it was given.
        arguments: String,
        /// How it ended, and its last words.
        said: String,
    },
}

impl From<FileErrors> for SweepError {
    fn from(errors: FileErrors) -> Self {
        Self::File(errors)
    }
}

/// What was measured of a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    /// Runs at the same time.
    pub jobs: usize,
    /// Its runs.
    pub runs: usize,
    /// Samples that all its runs train on.
    pub samples: f64,
    /// Seconds from start to end.
    pub seconds: Spread,
}

impl Sweep {
    /// Samples a second of training.
    pub fn rate(&self) -> Spread {
        self.seconds.map(|seconds| self.samples / seconds)
    }
}

/// The file of the sweep in a temporary folder.
struct Place {
    folder: TempDir,
    file: PathBuf,
}

impl Place {
    fn new(text: &str) -> Result<Self, SweepError> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("s.ron");
        fs::write(&file, text)?;
        Ok(Self { folder, file })
    }

    /// A folder for results that nothing was written to yet.
    fn results(&self, repetition: usize) -> PathBuf {
        self.folder.path().join(repetition.to_string())
    }
}

fn described(file: &File, jobs: usize, seconds: Vec<f64>) -> Sweep {
    let train = &file.plan.experiment.train;
    let rows = file.plan.data.train_rows;
    let epochs = train.epochs.expect("the sweep is given in epochs") as f64;
    let runs = file.plan.len();
    let samples = runs as f64 * epochs * train.rows_per_epoch(rows) as f64;
    Sweep { jobs, runs, samples, seconds: Spread::of(seconds) }
}

/// Measures the sweep by the product's own pool into a store of its own, all records durable; and
/// the floor of the workload that it is made of, in samples a second of `jobs` times one thread.
/// The file is read and the store made before the clock starts. The first time is not counted.
///
/// # Errors
/// When the temporary folder cannot be used.
pub fn measure_warm(jobs: usize, pace: Pace) -> Result<(Sweep, Spread), SweepError> {
    warm(SWEEP.text, jobs, pace)
}

fn warm(text: &str, jobs: usize, pace: Pace) -> Result<(Sweep, Spread), SweepError> {
    let place = Place::new(text)?;
    let file = File::read(&place.file, None)?;
    let (stamp, positions) = (stamp(), Vec::from_iter(0..file.plan.len()));
    let interruption = &Interruption::default();
    let work = Work { plan: &file.plan, positions: &positions, stamp: &stamp, jobs, interruption };
    let mut taken = Vec::new();
    for repetition in 0..=pace.repetitions {
        let mut folder = Folder::take(&place.results(repetition), &file.plan)?;
        let mut tally = Ok(Default::default());
        let time = seconds(|| {
            let rows = Cow::Borrowed(&file.dataset);
            tally = train_runs(work, rows, &mut folder.store);
        });
        tally?;
        taken.push(time);
    }
    let one = WORKLOADS.iter().find(|workload| workload.name == SWEPT).expect("it is one of them");
    let experiment = one.experiment();
    let batch = experiment.train.batch.expect("every workload has a batch");
    let mut floor = Floor::new(&products(one.input(), &experiment, batch), 1);
    let [floor] = in_turns(pace, [&mut |steps| floor.run(steps)]);
    let sweep = described(&file, jobs, taken.split_off(1));
    Ok((sweep, floor.map(|steps| steps * (batch * jobs) as f64)))
}

/// Measures `PROGRAM run --no-report` of the sweep as a process, from start to exit, into a new
/// folder each time.
///
/// # Errors
/// When the temporary folder cannot be used, or the program fails.
pub fn measure_cold(program: &Path, jobs: usize, pace: Pace) -> Result<Sweep, SweepError> {
    let place = Place::new(SWEEP.text)?;
    let file = File::read(&place.file, None)?;
    let mut taken = Vec::new();
    for repetition in 0..=pace.repetitions {
        let mut command = Command::new(program);
        command.args(["run", "--no-report"]).arg(&place.file);
        command.arg("--out").arg(place.results(repetition)).args(["--jobs", &jobs.to_string()]);
        // As the front door starts it.
        command.env("OPENBLAS_NUM_THREADS", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut output = None;
        let time = seconds(|| output = Some(command.output()));
        let output = output.expect("it was started")?;
        if !output.status.success() {
            let arguments = "run --no-report FILE --out FOLDER".to_string();
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            let said = format!("{}: {words}", output.status);
            return Err(SweepError::Process { program: program.into(), arguments, said });
        }
        taken.push(time);
    }
    Ok(described(&file, jobs, taken.split_off(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One short repetition of everything; the process is tested with the program.
    #[test]
    fn a_warm_sweep_trains_all_its_runs() {
        gradus_core::use_one_thread();
        let pace = Pace { seconds: 0.001, repetitions: 1 };
        let text = SWEEP.text.replace("epochs: 20", "epochs: 1");
        let (sweep, floor) = warm(&text, 2, pace).expect("there is a temporary folder");
        assert_eq!((sweep.runs, sweep.samples), (32, 32.0 * 1792.0));
        assert!(sweep.rate().median > 0.0 && floor.median > sweep.rate().median);
    }
}
