//! Files that are there whole or not at all, whatever happens while they are written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sabotage::is_removed;

/// How the names of files begin and end that are being written. They are short and do not depend
/// on the name to come, which may be as long as the system allows.
const TEMPORARY: (&str, &str) = (".gradus.", ".new");

/// Attempts at a temporary file before another process is believed to remove it on purpose.
const ATTEMPTS: usize = 3;

/// Writes `bytes` under another name beside `path`, syncs them, renames, and syncs the folder:
/// when this returns without an error, they outlive a power cut. A file that is there is replaced;
/// what is no file, such as `/dev/stdout`, is written to as it is. What a killed process left
/// behind beside it is removed.
///
/// # Errors
/// What the system said first; then the old content is there, or none, and nothing beside it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_special = |data: fs::Metadata| !data.is_file() && !data.is_dir();
    if fs::metadata(path).is_ok_and(is_special) || is_removed("rename") {
        return fs::write(path, bytes);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    remove_leftovers(folder);
    let mut written = write_and_rename(folder, path, bytes);
    // Another process may take the new file for a leftover before it is locked.
    for _ in 1..ATTEMPTS {
        match &written {
            Err(error) if error.kind() == ErrorKind::NotFound && folder.is_dir() => {
                written = write_and_rename(folder, path, bytes);
            }
            _ => break,
        }
    }
    written?;
    sync_folder(folder)
}

fn write_and_rename(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (begin, end) = TEMPORARY;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!("{begin}{}.{count}{end}", std::process::id()));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?;
        // Dies with this process, and so tells what is being written from what was left over. Not
        // every file system has locks; there, leftovers stay.
        let _ = file.try_lock();
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    written.inspect_err(|_| {
        // It takes room; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    })
}

/// Removes what processes that were killed had begun to write in `folder`, and nobody else's.
pub(crate) fn remove_leftovers(folder: &Path) {
    let (begin, end) = TEMPORARY;
    // A folder that cannot be read says so where something is wanted of it.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_ours =
            name.to_str().is_some_and(|name| name.starts_with(begin) && name.ends_with(end));
        // A pipe of that name would be waited for when opened.
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Makes durable that a file of `folder` has its name.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and the rename has to do.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("it is there");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> =
            entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_leftovers_of_the_dead_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x".repeat(255));
        fs::write(&path, "old").expect("writable");
        fs::write(folder.path().join(".gradus.1.0.new"), "left over").expect("writable");
        fs::write(folder.path().join(".gradus"), "a user's").expect("writable");
        let alive = folder.path().join(".gradus.2.0.new");
        let held = File::create(&alive).expect("writable");
        held.lock().expect("nobody else has it");
        write_whole(&path, b"new").expect("writable");
        assert_eq!(fs::read(&path).expect("it is there"), b"new");
        let left = names(folder.path());
        assert_eq!(left, [".gradus", ".gradus.2.0.new", &*"x".repeat(255)]);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("taken")).expect("writable");
        assert!(write_whole(&folder.path().join("taken"), b"new").is_err());
        assert!(write_whole(&folder.path().join("missing/file"), b"new").is_err());
        assert!(write_whole(&folder.path().join("x".repeat(256)), b"new").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }
}
