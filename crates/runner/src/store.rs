//! The store of results: `runs.sqlite`, the one truth; everything else is drawn from it.

use std::path::{Path, PathBuf};

use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use thiserror::Error;

use crate::digest::Digest;
use crate::experiment::Experiment;
use crate::plan::Plan;
use crate::record::{Outcome, RunRecord, Timing};
use crate::results::{DataSummary, PlannedRun, Results};
use crate::stored_record::{insert_record, read_outcome, read_record, record_digest};

/// Version of the tables below. A store of another version is refused.
const FORMAT: i64 = 2;

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
        UNIQUE (key, stamp)
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
        run INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE, seconds REAL NOT NULL
    );
";

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

/// An open store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
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
        let path = folder.join("runs.sqlite");
        let connection = Connection::open(&path).map_err(|error| broken(&path, &error))?;
        let store = Self { connection, path };
        store.prepare().map(|()| store)
    }

    /// Opens the store of `folder` if there is one.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        if folder.join("runs.sqlite").exists() { Self::open(folder).map(Some) } else { Ok(None) }
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let wrap = |error| broken(&self.path, &error);
        // EXTRA also syncs the folder after the rollback journal is unlinked.
        let settings = "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;
                        PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000;";
        self.connection.execute_batch(settings).map_err(wrap)?;
        let mut versions = self.versions().map_err(wrap)?;
        if versions == (0, 0) {
            self.make_tables().map_err(wrap)?;
            versions = self.versions().map_err(wrap)?;
        }
        match versions {
            (APPLICATION, FORMAT) => Ok(()),
            (APPLICATION, other) => Err(StoreError::Foreign {
                path: self.path.clone(),
                message: format!(
                    "a store of format {other}, this program reads format {FORMAT}; remove the \
                     file and run the experiment again to train anew"
                ),
            }),
            _ => Err(StoreError::Foreign {
                path: self.path.clone(),
                message: "a database of another program; choose another folder with --out".into(),
            }),
        }
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
                "{TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};"
            ))?;
        }
        transaction.commit()
    }

    fn is_blank(&self) -> rusqlite::Result<bool> {
        let count = "SELECT count(*) FROM sqlite_master";
        self.connection.query_row(count, [], |row| Ok(row.get::<_, i64>(0)? == 0))
    }

    /// Makes `plan` the plan last asked for.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_plan(&mut self, plan: &Plan) -> Result<(), StoreError> {
        if self.plan_digest()?.as_deref() == Some(&plan.digest())
            && self.text("experiment")?.as_deref() == Some(&experiment_text(&plan.experiment))
            && self.text("question")?.as_deref() == Some(&plan.question)
        {
            return Ok(());
        }
        self.within(|transaction| {
            transaction.execute("DELETE FROM cells", [])?;
            let mut insert =
                transaction.prepare("INSERT INTO cells (position, key) VALUES (?1, ?2)")?;
            for (position, key) in plan.keys.iter().enumerate() {
                insert.execute(params![position as i64, key])?;
            }
            let data = ron::to_string(&plan.data).expect("a summary is plain data");
            for (name, value) in [
                ("digest", plan.digest()),
                ("experiment", experiment_text(&plan.experiment)),
                ("question", plan.question.clone()),
                ("data", data),
            ] {
                transaction.execute(
                    "INSERT OR REPLACE INTO plan (name, value) VALUES (?1, ?2)",
                    [name, &value],
                )?;
            }
            Ok(())
        })
    }

    /// The digest of the plan last asked for.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn plan_digest(&self) -> Result<Option<String>, StoreError> {
        self.text("digest")
    }

    /// The plan last asked for, as it was stored.
    ///
    /// # Errors
    /// When the file cannot be read, or what it holds is no plan of this program.
    pub fn plan(&self) -> Result<Option<Plan>, StoreError> {
        let (Some(experiment), Some(question), Some(data)) =
            (self.text("experiment")?, self.text("question")?, self.text("data")?)
        else {
            return Ok(None);
        };
        let foreign = |message: String| StoreError::Foreign { path: self.path.clone(), message };
        let experiment = crate::file::parse(&experiment)
            .map_err(|error| foreign(format!("the stored experiment cannot be read: {error}")))?;
        let data: DataSummary = ron::from_str(&data)
            .map_err(|error| foreign(format!("the stored summary of the data: {error}")))?;
        Ok(Some(Plan::new(experiment, question, data)))
    }

    /// Whether each run of the plan is there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn presence(&self, plan: &Plan, stamp: &str) -> Result<Vec<Presence>, StoreError> {
        self.read(|connection| {
            let mut find = connection.prepare(
                "SELECT stamp = ?2 FROM runs WHERE key = ?1 AND outcome NOT LIKE 'Failed%'
                 ORDER BY stamp = ?2 DESC LIMIT 1",
            )?;
            let mut presence = |key: &String| {
                let same = find.query_row([key, stamp], |row| row.get::<_, bool>(0)).optional()?;
                Ok(match same {
                    Some(true) => Presence::Here,
                    Some(false) => Presence::OtherStamp,
                    None => Presence::Missing,
                })
            };
            plan.keys.iter().map(&mut presence).collect()
        })
    }

    /// Writes records in one transaction; when this returns they are durable. Returns how many
    /// were there already with the same bits.
    ///
    /// # Errors
    /// When the file cannot be written, or a record is there with other bits.
    pub fn insert(&mut self, records: &[(RunRecord, Timing)]) -> Result<usize, StoreError> {
        let mut different = None;
        let doubles = self.within(|transaction| {
            let mut doubles = 0;
            for (record, timing) in records {
                let digest = record_digest(record);
                let place = [&record.key, &record.stamp];
                let mut find = transaction.prepare_cached(
                    "SELECT digest, outcome FROM runs WHERE key = ?1 AND stamp = ?2",
                )?;
                let mut stored: Option<(String, String)> =
                    find.query_row(place, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                // A failed attempt makes room for the next.
                if stored.take_if(|(_, outcome)| outcome.starts_with("Failed")).is_some() {
                    let remove = "DELETE FROM runs WHERE key = ?1 AND stamp = ?2";
                    transaction.execute(remove, place)?;
                }
                match stored {
                    Some((stored, _)) if stored == digest => doubles += 1,
                    // Another process was luckier with this run; its result stands.
                    Some(_) if matches!(record.outcome, Outcome::Failed { .. }) => doubles += 1,
                    Some((stored, _)) => {
                        different = Some(StoreError::Different {
                            key: record.key.clone(),
                            stamp: record.stamp.clone(),
                            stored,
                            new: digest,
                        });
                    }
                    None => insert_record(transaction, record, *timing, &digest)?,
                }
            }
            Ok(doubles)
        })?;
        different.map_or(Ok(doubles), Err)
    }

    /// What is stored of exactly this plan; of several stamps the present one, else the newest.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn results(&self, plan: &Plan, stamp: &str) -> Result<Results, StoreError> {
        let mut digest = Digest::default();
        digest.add(experiment_text(&plan.experiment).as_bytes()).add(plan.question.as_bytes());
        let mut runs = Vec::with_capacity(plan.len());
        for (position, key) in plan.keys.iter().enumerate() {
            let cell = plan.cell(position);
            let found = self.read(|connection| read_record(connection, key, stamp))?;
            let (mut record, timing) =
                found.map_or((None, None), |(record, timing)| (Some(record), timing));
            digest.add(key.as_bytes());
            if let Some(record) = &mut record {
                digest.add(record_digest(record).as_bytes()).add(record.stamp.as_bytes());
                record.description = String::new();
            }
            runs.push(PlannedRun {
                position,
                cell,
                coordinates: plan.coordinates(cell),
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
            plan.keys.iter().map(|key| read_outcome(connection, key, stamp)).collect()
        })
    }

    fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            let find = "SELECT value FROM plan WHERE name = ?1";
            connection.query_row(find, [name], |row| row.get(0)).optional()
        })
    }

    fn read<Value>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Value>,
    ) -> Result<Value, StoreError> {
        work(&self.connection).map_err(|error| broken(&self.path, &error))
    }

    fn within<Value>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Value>,
    ) -> Result<Value, StoreError> {
        // Claimed for writing from the start: two that both read first and then want to write
        // would each wait for the other, and SQLite fails one of them at once.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(|error| broken(&self.path, &error))?;
        let value = work(&transaction).map_err(|error| broken(&self.path, &error))?;
        transaction.commit().map_err(|error| broken(&self.path, &error))?;
        Ok(value)
    }
}

fn broken(path: &Path, error: &rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        return StoreError::Foreign {
            path: path.to_path_buf(),
            message: "no database; remove the file, or choose another folder with --out".into(),
        };
    }
    let is_temporary = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    );
    StoreError::Broken { path: path.to_path_buf(), message: error.to_string(), is_temporary }
}

/// The resolved experiment as RON, every default written out, in the form that files have.
pub fn experiment_text(experiment: &Experiment) -> String {
    crate::file::write(experiment)
}
