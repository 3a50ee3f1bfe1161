//! Files written whole or not at all, and the note of what a folder's report was drawn from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gradus_runner::write_whole;

/// Name of the note: a line with the digest, then a line for each file.
const NOTE: &str = ".report";

/// A file of the report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written: {source}; make room or give the folder write permission, and draw \
         the report again: the results are kept", path.display())]
pub struct ReportError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl ReportError {
    pub(crate) fn new(path: &Path, source: impl Into<io::Error>) -> Self {
        Self { path: path.to_path_buf(), source: source.into() }
    }
}

/// Writes a file of the report, whole or not at all.
pub(crate) fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
    let path = folder.join(name);
    write_whole(&path, bytes).map_err(|error| ReportError::new(&path, error))
}

/// What the folder's note says; empty where there is none.
pub(crate) struct Note {
    digest: String,
    names: Vec<String>,
}

pub(crate) fn read_note(folder: &Path) -> Note {
    let text = fs::read_to_string(folder.join(NOTE)).unwrap_or_default();
    let mut lines = text.lines().map(String::from);
    Note { digest: lines.next().unwrap_or_default(), names: lines.collect() }
}

pub(crate) fn write_note(folder: &Path, digest: &str, names: &[&str]) -> Result<(), ReportError> {
    write_file(folder, NOTE, format!("{digest}\n{}\n", names.join("\n")).as_bytes())
}

impl Note {
    /// The files, if they were drawn from this and are all there.
    pub(crate) fn names_if(&self, digest: &str, folder: &Path) -> Option<&[String]> {
        let is_there = |name: &String| folder.join(name).is_file();
        (self.digest == digest && self.names.iter().all(is_there)).then_some(&self.names)
    }

    /// Removes the noted pictures that are not among `names`. Only plain names of pictures: the
    /// note is a file that anyone can edit.
    pub(crate) fn remove_all_but(&self, names: &[&str], folder: &Path) {
        let is_stale = |name: &&String| {
            let is_plain = !name.contains(['/', '\\']) && name.ends_with(".png");
            is_plain && !names.contains(&name.as_str())
        };
        for name in self.names.iter().filter(is_stale) {
            // A picture that stays behind is untidy, not wrong.
            let _ = fs::remove_file(folder.join(name));
        }
    }
}
