//! Why a command failed, and the exit code that scripts and schedulers act on.

use std::io::Write;
use std::process::ExitCode;

use gradus_report::ReportError;
use gradus_runner::bench::SweepError;
use gradus_runner::{FileErrors, FolderError, StoreError};

/// Exit codes: 1 a run or a check failed for good, 2 wrong use or wrong file, 3 two results that
/// must be equal differ, 75 (`EX_TEMPFAIL`) try again.
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

    /// Prints the message to stderr and hands the exit code on.
    pub(crate) fn report(self) -> ExitCode {
        // Where nobody listens any more, the code still tells.
        let _ = std::io::stderr().write_all(self.message.as_bytes());
        ExitCode::from(self.code)
    }
}

impl From<FileErrors> for Failure {
    fn from(errors: FileErrors) -> Self {
        let plural = if errors.count == 1 { "mistake" } else { "mistakes" };
        let end = format!("{} {plural}; nothing was trained or written\n", errors.count);
        Self { message: errors.text + &end, code: 2 }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Different { .. } => 3,
            StoreError::Broken { is_temporary: true, .. } => 75,
            StoreError::Broken { .. } | StoreError::Foreign { .. } => 2,
        };
        Self { message: format!("error: {error}\n"), code }
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Store(error) => error.into(),
            FolderError::Held { .. } => Self { message: format!("error: {error}\n"), code: 75 },
            FolderError::Unusable { .. } => Self::usage(error.to_string()),
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
        Self { message: format!("error: {error}\n"), code: 2 }
    }
}
