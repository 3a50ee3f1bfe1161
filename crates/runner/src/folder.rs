//! The folder of one experiment's results, and who may write to it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::plan::Plan;
use crate::store::{Store, StoreError};
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
    /// Takes `out/NAME` for this plan, making it if need be. With nobody there, the plan simply
    /// becomes the folder's plan; a process with the same plan is joined.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process works there on another plan.
    pub fn take(out: &Path, plan: &Plan) -> Result<Self, FolderError> {
        let path = out.join(&plan.experiment.name);
        let unusable = |source| FolderError::Unusable { path: path.clone(), source };
        fs::create_dir_all(&path).map_err(unusable)?;
        remove_leftovers(&path);
        let claim = File::open(&path).map_err(unusable)?;
        let opened = match claim.try_lock() {
            Ok(()) => {
                let mut store = Store::open(&path)?;
                store.set_plan(plan)?;
                // Between unlocking and sharing another may come in, and is seen below.
                claim.unlock().map_err(unusable)?;
                Some(store)
            }
            Err(_) => None,
        };
        // Nobody holds it alone for longer than it takes to write a plan.
        claim.lock_shared().map_err(unusable)?;
        let store = opened.map_or_else(|| Store::open(&path), Ok)?;
        if store.plan_digest()? != Some(plan.digest()) {
            return Err(FolderError::Held { path });
        }
        Ok(Self { path, store, _claim: claim })
    }
}
