//! The folder of one experiment's results, and who may write to it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::plan::Plan;
use crate::sabotage::is_removed;
use crate::store::Store;
use crate::store_error::StoreError;
use crate::whole_file::remove_leftovers;

/// Why a folder of results could not be taken.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The folder cannot be made or opened.
    #[error("{}: {source}; choose another folder with --out, or mend its permissions", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else stands where it should.
    #[error("{}: {message}", path.display())]
    Misplaced {
        /// The folder.
        path: PathBuf,
        /// What it is, and the next step.
        message: String,
    },
    /// Another process is working there on another plan.
    #[error(
        "{}: another process is training another plan of this name; wait for it to end, or choose \
         another folder with --out",
        path.display()
    )]
    Held {
        /// The folder.
        path: PathBuf,
    },
    /// Another process is working there, whatever its plan.
    #[error("{}: another process is working there; try again when it has ended", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Its store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A folder of results that this process may write to, with its store.
///
/// The claim is an operating-system lock on the folder itself, which dies with its process: there
/// is no lock file to clean up.
#[derive(Debug)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Its store.
    pub store: Store,
    /// Held for as long as the folder is.
    _claim: File,
}

impl Folder {
    /// Takes `out/gate/NAME` for this plan: runs of a gate stand apart from those of `run`.
    ///
    /// # Errors
    /// As [`Folder::take`].
    pub fn take_for_gate(out: &Path, plan: &Plan) -> Result<Self, FolderError> {
        make(out).map_err(|source| FolderError::Unusable { path: out.to_path_buf(), source })?;
        Self::take(&out.join("gate"), plan)
    }

    /// Takes `out/NAME` for this plan, making it if need be. With nobody there, the plan simply
    /// becomes the folder's plan; a process with the same plan is joined.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process works there on another plan.
    pub fn take(out: &Path, plan: &Plan) -> Result<Self, FolderError> {
        let path = out.join(&plan.experiment.name);
        let unusable = |source| FolderError::Unusable { path: path.clone(), source };
        make(out).map_err(|source| FolderError::Unusable { path: out.to_path_buf(), source })?;
        make(&path).map_err(unusable)?;
        check_place(&path)?;
        remove_leftovers(&path);
        let claim = File::open(&path).map_err(unusable)?;
        let opened = match claim.try_lock() {
            Err(_) if !is_removed("lock") => None,
            _ => {
                let mut store = Store::open(&path)?;
                store.set_plan(plan)?;
                // Between unlocking and sharing another may come in, and is seen below.
                claim.unlock().map_err(unusable)?;
                Some(store)
            }
        };
        // Nobody holds it alone for longer than it takes to write a plan.
        claim.lock_shared().map_err(unusable)?;
        let store = opened.map_or_else(|| Store::open(&path), Ok)?;
        if store.plan_digest()? != Some(plan.digest()) {
            return Err(FolderError::Held { path });
        }
        Ok(Self { path, store, _claim: claim })
    }

    /// Takes a folder of results that is there, with nobody else at work in it, whatever the plan.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process works there.
    pub fn take_alone(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { path: path.to_path_buf(), source };
        let claim = File::open(path).map_err(unusable)?;
        claim.try_lock().map_err(|_| FolderError::Busy { path: path.to_path_buf() })?;
        Ok(Self { path: path.to_path_buf(), store: Store::open(path)?, _claim: claim })
    }
}

/// Makes a folder, unless it is there. Not the one above it: a folder of results that is made
/// wherever a slip of the pen points is found by nobody.
fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(io::Error::new(ErrorKind::NotADirectory, "it is there and no folder"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), "the folder that it would stand in is not there"))
        }
        made => made,
    }
}

/// The longest path that SQLite takes, of its journal and with all links followed.
const LONGEST_PATH: usize = 512;
const LONGEST_NAME: &str = "/runs.sqlite-journal";

/// What `folder` must not be, although it is one.
fn check_place(folder: &Path) -> Result<(), FolderError> {
    let misplaced = |message: &str| {
        Err(FolderError::Misplaced { path: folder.to_path_buf(), message: message.to_string() })
    };
    // The name of an experiment must not write to wherever a link leads; `--out` may be one.
    if folder.is_symlink() {
        return misplaced(
            "a symbolic link; remove it and name the folder that it leads to with --out",
        );
    }
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    if whole.as_os_str().len() + LONGEST_NAME.len() > LONGEST_PATH {
        return misplaced(
            "its path is longer than a store of results takes; choose another folder with --out",
        );
    }
    Ok(())
}
