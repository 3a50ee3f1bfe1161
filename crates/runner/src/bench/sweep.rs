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
use super::steps::Measured;
use super::workloads::{COLD, SWEEP, SWEPT, WORKLOADS};
use crate::file::{File, FileErrors};
use crate::folder::{Folder, FolderError};
use crate::interruption::Interruption;
use crate::pool::{CHECKPOINT_EVERY, Tally, Work, train_runs};
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

/// Samples that all runs of a file train on.
fn samples(file: &File) -> f64 {
    let train = &file.plan.experiment.train;
    let rows = file.plan.data.train_rows;
    let epochs = train.epochs.expect("the sweep is given in epochs") as f64;
    file.plan.len() as f64 * epochs * train.rows_per_epoch(rows) as f64
}

/// Measures the sweep twice, each time after one that is not counted: warm, by the pool of this
/// process, and cold, as `PROGRAM run --no-report`, from the start of that process to its exit.
/// The floor of both is that of the workload they are made of, by `jobs` times one thread.
///
/// # Errors
/// When the temporary folder cannot be used, or the program fails.
pub fn measure_sweep(program: &Path, jobs: usize, pace: Pace) -> Result<[Measured; 2], SweepError> {
    let floor = floor(jobs, pace);
    let (samples, warm) = warm(SWEEP.text, jobs, pace)?;
    let cold = cold(program, jobs, pace)?;
    Ok([(SWEEP.name, warm), (COLD, cold)].map(|(workload, wall)| Measured {
        workload,
        threads: jobs,
        rate: wall.map(|seconds| samples / seconds),
        floor,
        full_floor: None,
        wall: Some(wall),
    }))
}

fn floor(jobs: usize, pace: Pace) -> Spread {
    let one = WORKLOADS.iter().find(|workload| workload.name == SWEPT).expect("it is one of them");
    let experiment = one.experiment();
    let batch = experiment.train.batch.expect("every workload has a batch");
    let mut floor = Floor::new(&products(one.input(), &experiment, batch), 1);
    let [floor] = in_turns(pace, 1, [&mut |steps| floor.run(steps)]);
    floor.map(|steps| steps * (batch * jobs) as f64)
}

/// Samples of the sweep that `text` describes, and the seconds that the product's own pool takes
/// for it, all records durable. The file is read and the store made before the clock starts.
pub(super) fn warm(text: &str, jobs: usize, pace: Pace) -> Result<(f64, Spread), SweepError> {
    let place = Place::new(text)?;
    let file = File::read(&place.file, None)?;
    let (stamp, positions) = (stamp(), Vec::from_iter(0..file.plan.len()));
    let interruption = &Interruption::default();
    let work = Work {
        plan: &file.plan,
        positions: &positions,
        stamp: &stamp,
        jobs,
        checkpoint_every: CHECKPOINT_EVERY,
        interruption,
    };
    let mut taken = Vec::new();
    for repetition in 0..=pace.repetitions {
        let mut folder = Folder::take(&place.results(repetition), &file.plan)?;
        let mut tally = Ok(Tally::default());
        let time = seconds(|| {
            let rows = Cow::Borrowed(&file.dataset);
            tally = train_runs(work, rows, &mut folder.store);
        });
        tally?;
        taken.push(time);
    }
    Ok((samples(&file), Spread::of(taken.split_off(1))))
}

/// Into a new folder each time.
fn cold(program: &Path, jobs: usize, pace: Pace) -> Result<Spread, SweepError> {
    let place = Place::new(SWEEP.text)?;
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
    Ok(Spread::of(taken.split_off(1)))
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
        let (samples, wall) = warm(&text, 2, pace).expect("there is a temporary folder");
        assert_eq!(samples, 32.0 * 1792.0);
        assert!(floor(2, pace).median > samples / wall.median, "{wall:?}");
    }
}
