//! The store of results: `runs.sqlite`, the one truth; everything else is drawn from it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::axis::Coordinate;
use crate::checkpoints::{self, TABLES as CHECKPOINTS};
use crate::digest::Digest;
use crate::experiment::Experiment;
use crate::plan::Plan;
use crate::record::{Outcome, RunRecord, Timing};
use crate::results::{PlannedRun, Results, Shared};
use crate::sabotage::{is_removed, leak};
use crate::store_error::{StoreError, foreign, is_temporary, store_error, try_to_write};
use crate::stored_record::{
    Head, check_index, insert_record, read_head, read_record, read_sound_head, record_digest,
};

/// Version of the tables below. A store of another version is refused.
const FORMAT: i64 = 3;

/// The file in a folder of results.
const NAME: &str = "runs.sqlite";

/// "grad" in ASCII, so that another program's database is told apart.
const APPLICATION: i64 = 0x6772_6164;

const TABLES: &str = "
    CREATE TABLE plan (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE cells (position INTEGER PRIMARY KEY, key TEXT NOT NULL);
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL, stamp TEXT NOT NULL, seed INTEGER NOT NULL,
        description TEXT NOT NULL, outcome TEXT NOT NULL, stopped TEXT,
        parameter_count INTEGER NOT NULL, epochs INTEGER NOT NULL, steps INTEGER NOT NULL, initial_loss BLOB NOT NULL,
        constant_loss BLOB NOT NULL, weights_digest TEXT NOT NULL, digest TEXT NOT NULL,
        head TEXT NOT NULL, UNIQUE (key, stamp)
    );
    CREATE TABLE curves (
        run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, position INTEGER NOT NULL,
        split TEXT NOT NULL, metric TEXT NOT NULL, layer INTEGER,
        epochs BLOB NOT NULL, steps BLOB NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (run, position)
    ) WITHOUT ROWID;
    CREATE TABLE arrays (
        run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, position INTEGER NOT NULL,
        name TEXT NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (run, position)
    ) WITHOUT ROWID;
    CREATE TABLE timings (
        run INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE, seconds REAL NOT NULL,
        digest TEXT NOT NULL
    );
";

/// An open store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    pub(crate) path: PathBuf,
}

/// Which runs of the plan are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Trained with the present stamp.
    Here,
    /// Trained with another stamp only.
    OtherStamp,
    /// Not trained, or failed.
    Missing,
}

impl Store {
    /// Opens `runs.sqlite` in `folder`, making it if it is not there.
    ///
    /// # Errors
    /// When the file cannot be used; the error names it and the reason.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        size(&path)?;
        let connection = Connection::open(&path).map_err(|error| store_error(&path, &error))?;
        let store = Self { connection, path };
        store.prepare().map(|()| store)
    }

    /// Opens the store of `folder` if there is one: an empty file, which is what a process leaves
    /// that is killed as it makes one, is none.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        match size(&folder.join(NAME))? {
            None | Some(0) => Ok(None),
            Some(_) => Self::open(folder).map(Some),
        }
    }

    /// Whether results can be written to it now.
    ///
    /// # Errors
    /// When they cannot, as far as it can be known before.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        let writable = try_to_write(&self.path);
        let blocked = |reason: io::Error| StoreError::Broken {
            path: self.path.clone(),
            message: format!(
                "{reason}; nothing was trained; make room or mend its permissions, or choose \
                 another folder with --out"
            ),
            is_temporary: is_temporary(&reason),
        };
        writable.map_err(blocked)
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let wrap = |error| store_error(&self.path, &error);
        // EXTRA also syncs the folder after the rollback journal is unlinked. A file may be damaged
        // or made to harm: cells that do not fit their page are refused, and its schema may call
        // nothing.
        let settings = "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;
                        PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;
                        PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 30000;";
        self.connection.execute_batch(settings).map_err(wrap)?;
        for (guard, without) in
            [("sync", "PRAGMA synchronous = OFF"), ("journal", "PRAGMA journal_mode = OFF")]
        {
            if is_removed(guard) {
                self.connection.execute_batch(without).map_err(wrap)?;
            }
        }
        let mut versions = self.versions().map_err(wrap)?;
        if versions == (0, 0) {
            self.make_tables().map_err(wrap)?;
            versions = self.versions().map_err(wrap)?;
        }
        match versions {
            (APPLICATION, FORMAT) if self.has_our_tables().map_err(wrap)? => Ok(()),
            (APPLICATION, FORMAT) => {
                let what = format!("its tables are not those of format {FORMAT}");
                Err(wrap(rusqlite::Error::InvalidColumnType(0, what, Type::Null)))
            }
            (APPLICATION, _) if is_removed("format") => Ok(()),
            (APPLICATION, other) => Err(foreign(
                &self.path,
                format!(
                    "a store of format {other}, this program reads format {FORMAT}; remove the \
                     file and run the experiment again to train anew"
                ),
            )),
            _ => Err(foreign(
                &self.path,
                "a database of another program; choose another folder with --out",
            )),
        }
    }

    /// Whether every table is there as this program makes it.
    fn has_our_tables(&self) -> rusqlite::Result<bool> {
        let made = Connection::open_in_memory()?;
        made.execute_batch(&format!("{TABLES} {CHECKPOINTS}"))?;
        Ok(tables(&self.connection)? == tables(&made)?)
    }

    /// Application and format, read at one moment: another process may be making the tables.
    fn versions(&self) -> rusqlite::Result<(i64, i64)> {
        let both = "SELECT application_id, user_version
                    FROM pragma_application_id, pragma_user_version";
        self.connection.query_row(both, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Makes them where there is nothing at all.
    fn make_tables(&self) -> rusqlite::Result<()> {
        let immediate = TransactionBehavior::Immediate;
        let transaction = Transaction::new_unchecked(&self.connection, immediate)?;
        // Another process may have made them while this one waited; others' are left alone.
        if self.is_blank()? {
            transaction.execute_batch(&format!(
                "{TABLES} {CHECKPOINTS} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};"
            ))?;
        }
        transaction.commit()
    }

    fn is_blank(&self) -> rusqlite::Result<bool> {
        let count = "SELECT count(*) FROM sqlite_master";
        self.connection.query_row(count, [], |row| Ok(row.get::<_, i64>(0)? == 0))
    }

    /// Whether each run of the plan is there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn presence(&self, plan: &Plan, stamp: &str) -> Result<Vec<Presence>, StoreError> {
        self.read(|connection| {
            check_index(connection)?;
            let presence = |key: &Arc<str>| {
                Ok(match read_sound_head(connection, key, stamp)? {
                    Some(head) if head.stamp == stamp || is_removed("stamp") => Presence::Here,
                    Some(_) => Presence::OtherStamp,
                    None => Presence::Missing,
                })
            };
            plan.keys.iter().map(presence).collect()
        })
    }

    /// Writes records in one transaction; when this returns they are durable. Returns how many
    /// were there already with the same bits.
    ///
    /// # Errors
    /// When the file cannot be written, or a record is there with other bits.
    pub fn insert(&mut self, records: &[(RunRecord, Timing)]) -> Result<usize, StoreError> {
        leak(records.len());
        let mut refusal = None;
        let path = &self.path.clone();
        let doubles = self.within(|transaction| {
            let mut doubles = 0;
            for (record, timing) in records {
                let digest = record_digest(record);
                let place = [&record.key, &record.stamp];
                let stored = read_head(transaction, &record.key, &record.stamp)?;
                let mut stored = stored.filter(|head| *head.stamp == *record.stamp);
                // A failed attempt makes room for the next.
                if stored.take_if(|head| head.has_failed()).is_some() {
                    let remove = "DELETE FROM runs WHERE key = ?1 AND stamp = ?2";
                    transaction.execute(remove, place)?;
                }
                // A failed attempt may be carried on from where it was last sound.
                if !matches!(record.outcome, Outcome::Failed { .. }) {
                    checkpoints::remove(transaction, &record.key, &record.stamp)?;
                }
                match stored {
                    Some(head) if head.digest == digest => doubles += 1,
                    // Another process was luckier with this run; its result stands.
                    Some(_) if matches!(record.outcome, Outcome::Failed { .. }) => doubles += 1,
                    Some(head) => {
                        // Damage is no contradiction.
                        let whole = read_record(transaction, &record.key, &record.stamp);
                        refusal = Some(match whole {
                            Err(error) => store_error(path, &error),
                            Ok(_) => StoreError::Different {
                                key: record.key.to_string(),
                                stamp: record.stamp.to_string(),
                                stored: head.digest,
                                new: digest,
                            },
                        });
                    }
                    None => insert_record(transaction, record, *timing, &digest)?,
                }
            }
            Ok(doubles)
        })?;
        refusal.map_or(Ok(doubles), Err)
    }

    /// What is stored of exactly this plan; of several stamps the present one, else the newest.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn results(&self, plan: &Plan, stamp: &str) -> Result<Results, StoreError> {
        let mut digest = Digest::default();
        digest.add(experiment_text(&plan.experiment).as_bytes()).add(plan.question.as_bytes());
        self.read(check_index)?;
        let cells = 0..plan.experiment.cell_count();
        let coordinates: Vec<Arc<[Coordinate]>> =
            cells.map(|cell| plan.coordinates(cell).into()).collect();
        let mut runs = Vec::with_capacity(plan.len());
        let mut shared = Shared::default();
        for (position, key) in plan.keys.iter().enumerate() {
            let cell = plan.cell(position);
            let found = self.read(|connection| read_record(connection, key, stamp))?;
            let (mut record, timing) =
                found.map_or((None, None), |(record, timing)| (Some(record), timing));
            digest.add(key.as_bytes());
            if let Some(record) = &mut record {
                digest.add(record_digest(record).as_bytes()).add(record.stamp.as_bytes());
                record.description = String::new();
                record.key = key.clone();
                shared.hold(record);
            }
            runs.push(PlannedRun {
                position,
                cell,
                coordinates: coordinates[cell].clone(),
                seed: plan.seed(position),
                key: key.clone(),
                record,
                timing,
            });
        }
        Ok(Results {
            experiment: plan.experiment.clone(),
            question: plan.question.clone(),
            data: plan.data.clone(),
            runs,
            digest: digest.finish(),
        })
    }

    /// The record of one run, all of it; of several stamps the present one, else the newest.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn record(&self, key: &str, stamp: &str) -> Result<Option<RunRecord>, StoreError> {
        let found = self.read(|connection| read_record(connection, key, stamp))?;
        Ok(found.map(|(record, _)| record))
    }

    /// How each run of this plan ended, `None` where it is not there: the outcomes of
    /// [`Store::results`] without all the rest.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn outcomes(&self, plan: &Plan, stamp: &str) -> Result<Vec<Option<Outcome>>, StoreError> {
        self.read(|connection| {
            let head = |key: &Arc<str>| read_head(connection, key, stamp);
            let outcome = |found: Option<Head>| found.map(|head| head.outcome);
            plan.keys.iter().map(|key| head(key).map(outcome)).collect()
        })
    }

    pub(crate) fn read<Value>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Value>,
    ) -> Result<Value, StoreError> {
        work(&self.connection).map_err(|error| store_error(&self.path, &error))
    }

    pub(crate) fn within<Value>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Value>,
    ) -> Result<Value, StoreError> {
        // Claimed for writing from the start: two that both read first and then want to write
        // would each wait for the other, and SQLite fails one of them at once.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(|error| store_error(&self.path, &error))?;
        let is_whole = !is_removed("transaction");
        if !is_whole {
            // From here on each statement is a transaction of its own.
            transaction.execute_batch("COMMIT").map_err(|error| store_error(&self.path, &error))?;
        }
        let value = work(&transaction).map_err(|error| store_error(&self.path, &error))?;
        if is_whole {
            transaction.commit().map_err(|error| store_error(&self.path, &error))?;
        }
        Ok(value)
    }
}

/// The statements that made the tables of a database.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<Option<String>>> {
    let mut list = connection.prepare("SELECT sql FROM sqlite_master ORDER BY name")?;
    list.query_map([], |row| row.get(0))?.collect()
}

/// Bytes of a database, at least.
const SHORTEST: u64 = 512;

/// Bytes of the store at `path`, if there is one. Whatever else stands there is refused: SQLite
/// would wait for a pipe, and follow a link to wherever it leads.
fn size(path: &Path) -> Result<Option<u64>, StoreError> {
    let what = match fs::symlink_metadata(path) {
        // SQLite takes what is shorter than any page for nothing; with a journal beside it, it is
        // what a process left that was killed, and is rolled back.
        Ok(there) if there.is_file() && (1..SHORTEST).contains(&there.len()) => {
            if path.with_extension("sqlite-journal").exists() {
                return Ok(Some(there.len()));
            }
            "cut short"
        }
        Ok(there) if there.is_file() => return Ok(Some(there.len())),
        Ok(there) if there.is_dir() => "a folder",
        Ok(there) if there.is_symlink() => "a symbolic link",
        Ok(_) => "a pipe or device",
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(foreign(path, format!("{error}; name another folder with --out")));
        }
    };
    Err(foreign(
        path,
        format!("{what} and no store; move it away, or choose another folder with --out"),
    ))
}

/// The resolved experiment as RON, every default written out, in the form that files have.
pub fn experiment_text(experiment: &Experiment) -> String {
    crate::file::write(experiment)
}
