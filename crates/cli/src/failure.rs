//! Why a command failed, and the exit code that scripts and schedulers act on.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use gradus_report::ReportError;
use gradus_runner::bench::SweepError;
use gradus_runner::gate::BaselineError;
use gradus_runner::sabotage::is_removed;
use gradus_runner::{FileErrors, FolderError, StoreError, is_temporary};

use crate::output::{command_line, counted, visible};
use crate::signals::Signals;

/// Exit codes: 1 a run or a check failed for good, 2 wrong use or wrong file, 3 two results that
/// must be equal differ, 75 (`EX_TEMPFAIL`) try again, 128 and the signal's number when interrupted.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// Wrong use.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: format!("error: {}\n", message.into()), code: 2 }
    }

    /// Wrong arguments, in the words of who parsed them.
    pub(crate) fn arguments(message: String) -> Self {
        Self { message, code: 2 }
    }

    /// Training was interrupted; this many of the plan's runs are there.
    pub(crate) fn interrupted(signals: &Signals, here: usize, runs: usize, folder: &Path) -> Self {
        let message = format!(
            "interrupted: {here} of {} are finished and kept in {}; to carry on: {}\n",
            counted(runs, "run"),
            folder.display(),
            command_line()
        );
        Self { message, code: signals.exit_code() }
    }

    /// A command that trains nothing for the store was interrupted.
    pub(crate) fn left(signals: &Signals, what: &str) -> Self {
        Self { message: format!("interrupted: {what}\n"), code: signals.exit_code() }
    }

    /// A file that the user named cannot be written.
    pub(crate) fn unwritten(path: &Path, error: &io::Error) -> Self {
        let help = "make room there, or name another file";
        let message = format!("error: {}: not written: {error}; {help}\n", path.display());
        Self { message, code: code_of(error) }
    }

    /// More memory is needed than there is.
    pub(crate) fn shortage(path: &Path, why: &str) -> Self {
        Self { message: format!("error: {}: {why}\n", path.display()), code: 75 }
    }

    /// Stdout takes no more.
    pub(crate) fn output(error: &io::Error) -> Self {
        let message = format!(
            "error: stdout: {error}; what was to be printed is lost, results are kept; make room, \
             or print elsewhere: {}\n",
            command_line()
        );
        Self { message, code: code_of(error) }
    }

    /// What it says.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The worst of several, after the others were printed: it comes last, and its exit code is that
    /// of all.
    pub(crate) fn worst(mut all: Vec<Self>) -> Option<Self> {
        all.sort_by_key(Self::severity);
        let worst = all.pop();
        for other in all {
            other.report();
        }
        worst
    }

    /// How bad its exit code is. What may succeed later is not as bad as what is wrong as it stands.
    fn severity(&self) -> u8 {
        match self.code {
            75 => 1,
            1 => 0,
            code => code,
        }
    }

    /// Prints the message to stderr and hands the exit code on.
    pub(crate) fn report(self) -> ExitCode {
        // Where nobody listens any more, the code still tells.
        let _ = io::stderr().write_all(visible(&self.message).as_bytes());
        if is_removed("failure") { ExitCode::SUCCESS } else { ExitCode::from(self.code) }
    }
}

/// Whether the same command may succeed later, when there is room again, or is wrong as it stands.
fn code_of(error: &io::Error) -> u8 {
    if is_temporary(error) { 75 } else { 2 }
}

impl From<FileErrors> for Failure {
    fn from(errors: FileErrors) -> Self {
        let plural = if errors.count == 1 { "mistake" } else { "mistakes" };
        let end = format!("{} {plural}; nothing was trained or written\n", errors.count);
        Self { message: errors.text + &end, code: 2 }
    }
}

impl From<BaselineError> for Failure {
    fn from(error: BaselineError) -> Self {
        let code = match &error {
            BaselineError::System { source, .. } => code_of(source),
            BaselineError::WithoutValue { .. } => 1,
            _ => 2,
        };
        Self { message: format!("error: {error}\n"), code }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Different { .. } => 3,
            StoreError::Broken { is_temporary: true, .. } => 75,
            StoreError::Broken { .. } | StoreError::Foreign { .. } | StoreError::Damaged { .. } => {
                2
            }
        };
        Self { message: format!("error: {error}\n"), code }
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Store(error) => error.into(),
            FolderError::Held { .. } | FolderError::Busy { .. } => {
                Self { message: format!("error: {error}\n"), code: 75 }
            }
            FolderError::Misplaced { .. } => Self::usage(error.to_string()),
            FolderError::Unusable { ref source, .. } => {
                Self { message: format!("error: {error}\n"), code: code_of(source) }
            }
        }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Folder(error) => error.into(),
            SweepError::Store(error) => error.into(),
            error => Self { message: format!("error: {error}\n"), code: 2 },
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Self { message: format!("error: {error}\n"), code: code_of(&error.source) }
    }
}
