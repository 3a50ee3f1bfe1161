//! Why a store cannot be used: damage, shortage, or because it is none. Each names file and next
//! step.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};
use thiserror::Error;

/// Why the store could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file system or the database failed.
    #[error("{}: {message}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What it said.
        message: String,
        /// Whether the same command may succeed later (no space, held by someone).
        is_temporary: bool,
    },
    /// The file is not a store that this program reads.
    #[error("{}: {message}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is, and the next step.
        message: String,
    },
    /// What is read is not what was written.
    #[error("{}: damaged: {what}; {help}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The record, and what of it.
        what: String,
        /// The next step.
        help: String,
    },
    /// Two runs with the same key and stamp gave different bits.
    #[error(
        "run {key} was trained twice with the same stamp ({stamp}) and gave different results \
         (digests {stored} and {new}): the machine, the library or this program is at fault"
    )]
    Different {
        /// The key of the run.
        key: String,
        /// Its stamp.
        stamp: String,
        /// Digest of the record that is stored.
        stored: String,
        /// Digest of the newcomer.
        new: String,
    },
}

/// Damage that was met while rows were turned into what they mean.
#[derive(Debug, Error)]
pub(crate) struct Damage {
    place: DamagedPlace,
    what: String,
}

#[derive(Debug)]
enum DamagedPlace {
    /// The record of the run with this key.
    Record(String),
    Plan,
    /// What finds the records.
    Index,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            DamagedPlace::Record(key) => {
                write!(formatter, "the record of run {key}: {}", self.what)
            }
            DamagedPlace::Plan | DamagedPlace::Index => formatter.write_str(&self.what),
        }
    }
}

impl Damage {
    /// Of the record of a run.
    pub(crate) fn of(key: &str, what: impl Into<String>) -> rusqlite::Error {
        Self { place: DamagedPlace::Record(key.to_string()), what: what.into() }.into()
    }

    /// Of the plan.
    pub(crate) fn of_plan(what: impl Into<String>) -> rusqlite::Error {
        Self { place: DamagedPlace::Plan, what: what.into() }.into()
    }

    /// Of the index of the runs, or of what it points to.
    pub(crate) fn of_index(what: impl Into<String>) -> rusqlite::Error {
        Self { place: DamagedPlace::Index, what: what.into() }.into()
    }

    /// What SQLite finds while it reads the record of a run; other errors stay as they are.
    pub(crate) fn in_record(key: &str, error: rusqlite::Error) -> rusqlite::Error {
        match Self::found(&error) {
            Some(_) => error,
            None if is_damage(&error) => Self::of(key, error.to_string()),
            None => error,
        }
    }

    fn found(error: &rusqlite::Error) -> Option<&Self> {
        match error {
            rusqlite::Error::FromSqlConversionFailure(.., inner) => inner.downcast_ref(),
            _ => None,
        }
    }
}

impl From<Damage> for rusqlite::Error {
    fn from(damage: Damage) -> Self {
        Self::FromSqlConversionFailure(0, rusqlite::types::Type::Null, Box::new(damage))
    }
}

/// Whether what is stored cannot be what this program wrote.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as Is;
    matches!(
        error,
        Is::FromSqlConversionFailure(..)
            | Is::InvalidColumnType(..)
            | Is::IntegralValueOutOfRange(..)
            | Is::Utf8Error(..)
    ) || matches!(
        error.sqlite_error_code(),
        // Unknown is what SQLite says of a table or column that is not there any more.
        Some(
            ErrorCode::DatabaseCorrupt
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::Unknown
        )
    )
}

/// An error of the database `path` in the words of this program.
pub(crate) fn store_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    let owned = path.to_path_buf();
    if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        return foreign(path, "no database; remove the file, or choose another folder with --out");
    }
    if is_damage(error) {
        let help = match Damage::found(error).map(|damage| &damage.place) {
            Some(DamagedPlace::Record(key)) => format!(
                "to train this one again and nothing else, drop it by `cargo xtask forget {} \
                 {key}` and run the experiment",
                experiment_name(path)
            ),
            Some(DamagedPlace::Plan) => {
                "run the experiment again, which writes its plan anew".to_string()
            }
            Some(DamagedPlace::Index) | None => {
                "move the file away and run the experiment again, which trains anew what it held"
                    .to_string()
            }
        };
        return StoreError::Damaged { path: owned, what: error_text(error), help };
    }
    let (message, is_temporary) = failure(path, error);
    StoreError::Broken { path: owned, message, is_temporary }
}

fn error_text(error: &rusqlite::Error) -> String {
    Damage::found(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn experiment_name(path: &Path) -> String {
    let name = path.parent().and_then(Path::file_name).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Which other file stands in the way.
pub(crate) fn foreign(path: &Path, message: impl Into<String>) -> StoreError {
    StoreError::Foreign { path: path.to_path_buf(), message: message.into() }
}

/// What the file system has against it, and whether the same command may succeed later. SQLite
/// hides the reason, so the folder is asked for it.
fn failure(path: &Path, error: &rusqlite::Error) -> (String, bool) {
    const AGAIN: &str = "what is there is kept, and the same command carries on";
    let text = error_text(error);
    let moved =
        error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_READONLY_DBMOVED);
    if moved {
        return (
            format!("the file was moved or replaced while it was in use ({text}); {AGAIN}"),
            true,
        );
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (format!("no space left ({text}); make room: {AGAIN}"), true),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (format!("another process writes to it for too long ({text}); {AGAIN}"), true)
        }
        code => match (try_to_write(path), code) {
            // A folder that went away is made anew.
            (Err(reason), _) if is_temporary(&reason) || reason.kind() == ErrorKind::NotFound => {
                (format!("{reason} ({text}); mend that: {AGAIN}"), true)
            }
            (Err(reason), _) => {
                let help = "mend its permissions, or choose another folder with --out";
                (format!("{reason} ({text}); {help}"), false)
            }
            (Ok(()), Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied)) => (
                format!("{text}; mend its permissions, or choose another folder with --out"),
                false,
            ),
            // Whatever it was has passed.
            (Ok(()), _) => (format!("{text}; {AGAIN}"), true),
        },
    }
}

/// Whether the folder of `path` takes another file of some bytes, as a rollback journal is one, and
/// the file itself, where it is there, may be written.
///
/// # Errors
/// What the system says against it.
pub(crate) fn try_to_write(path: &Path) -> io::Result<()> {
    const SOME: [u8; 4096] = [0; 4096];
    match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    // Named and removed as what `whole_file` begins to write.
    let probe = folder.join(format!(".gradus.{}.probe.new", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&probe)
        .and_then(|mut file| file.write_all(&SOME).and_then(|()| file.sync_all()));
    let removed = fs::remove_file(&probe);
    written.and(removed)
}

/// Whether the cause may pass, so that the same command succeeds later: no space, no file handles,
/// a disk that does not answer.
pub fn is_temporary(error: &io::Error) -> bool {
    use ErrorKind::*;
    /// Too many open files, of the process or the system; input or output failed.
    const CODES: [i32; 3] = [24, 23, 5];
    matches!(
        error.kind(),
        StorageFull
            | QuotaExceeded
            | FileTooLarge
            | OutOfMemory
            | ResourceBusy
            | WouldBlock
            | Interrupted
            | TimedOut
            | StaleNetworkFileHandle
    ) || (cfg!(unix) && error.raw_os_error().is_some_and(|code| CODES.contains(&code)))
}
