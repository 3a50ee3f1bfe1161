//! The checkpoints of a store: what is kept of runs that have not ended.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::digest::{self, Digest};
use crate::store::Store;
use crate::store_error::StoreError;

/// The tables. A state may be larger than a value of SQLite, hence the pieces.
pub(crate) const TABLES: &str = "
    CREATE TABLE checkpoints (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL, stamp TEXT NOT NULL, steps INTEGER NOT NULL,
        seconds REAL NOT NULL, digest TEXT NOT NULL, UNIQUE (key, stamp)
    );
    CREATE TABLE checkpoint_pieces (
        checkpoint INTEGER NOT NULL REFERENCES checkpoints (id) ON DELETE CASCADE,
        position INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (checkpoint, position)
    );
";

/// Bytes of a piece, at most.
const PIECE: usize = 16 << 20;

/// A run in the midst of its training.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Steps done.
    pub steps: u64,
    /// Seconds that they took.
    pub seconds: f64,
    /// What [`crate::Run::checkpoint`] gave.
    pub state: Vec<u8>,
}

/// A checkpoint as it was found.
#[derive(Clone, Debug, PartialEq)]
pub enum StoredCheckpoint {
    /// As it was written.
    Whole(Checkpoint),
    /// Not as it was written; how that shows.
    Damaged(String),
}

/// What a store says of a checkpoint without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointEntry {
    /// The key of its run.
    pub key: String,
    /// The stamp of the process that wrote it.
    pub stamp: String,
    /// Steps done.
    pub steps: u64,
}

fn digest(key: &str, stamp: &str, checkpoint: &Checkpoint) -> String {
    let mut digest = Digest::default();
    digest.add(key.as_bytes()).add(stamp.as_bytes()).add(&checkpoint.steps.to_le_bytes());
    digest.add_numbers(&[checkpoint.seconds]).add(&checkpoint.state);
    digest.finish()
}

/// What is stored of a run that has ended, or begins anew, needs no checkpoint.
pub(crate) fn remove(
    transaction: &Transaction<'_>,
    key: &str,
    stamp: &str,
) -> rusqlite::Result<usize> {
    let remove = "DELETE FROM checkpoints WHERE key = ?1 AND stamp = ?2";
    transaction.prepare_cached(remove)?.execute([key, stamp])
}

impl Store {
    /// Writes the checkpoint of a run in the place of the one before; when this returns it is
    /// durable. Where the run has ended meanwhile, by another process, nothing is written.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(
        &mut self,
        key: &str,
        stamp: &str,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        self.within(|transaction| {
            let has_ended = "SELECT count(*) FROM runs
                             WHERE key = ?1 AND stamp = ?2 AND outcome NOT LIKE 'Failed%'";
            if transaction.query_row(has_ended, [key, stamp], |row| row.get::<_, i64>(0))? > 0 {
                return Ok(());
            }
            remove(transaction, key, stamp)?;
            transaction.execute(
                "INSERT INTO checkpoints (key, stamp, steps, seconds, digest)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    key,
                    stamp,
                    checkpoint.steps as i64,
                    checkpoint.seconds,
                    digest(key, stamp, checkpoint)
                ],
            )?;
            let id = transaction.last_insert_rowid();
            let mut insert = transaction.prepare_cached(
                "INSERT INTO checkpoint_pieces (checkpoint, position, data) VALUES (?1, ?2, ?3)",
            )?;
            for (position, piece) in checkpoint.state.chunks(PIECE).enumerate() {
                insert.execute(params![id, position as i64, piece])?;
            }
            Ok(())
        })
    }

    /// The checkpoint of a run with this stamp; those with others belong to other bits.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn checkpoint(
        &self,
        key: &str,
        stamp: &str,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        let found = self.read(|connection| {
            let find = "SELECT id, steps, seconds, digest FROM checkpoints
                        WHERE key = ?1 AND stamp = ?2";
            let found = connection.query_row(find, [key, stamp], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, f64>(2)?,
                    row.get::<_, String>(3)?,
                ))
            });
            let Some((id, steps, seconds, digest)) = found.optional()? else { return Ok(None) };
            let mut state = Vec::new();
            let mut find = connection.prepare_cached(
                "SELECT data FROM checkpoint_pieces WHERE checkpoint = ?1 ORDER BY position",
            )?;
            let mut pieces = find.query([id])?;
            while let Some(piece) = pieces.next()? {
                state.extend_from_slice(piece.get_ref(0)?.as_blob()?);
            }
            Ok(Some((Checkpoint { steps: steps as u64, seconds, state }, digest)))
        });
        let found = match found {
            Err(StoreError::Damaged { what, .. }) => {
                return Ok(Some(StoredCheckpoint::Damaged(what)));
            }
            found => found?,
        };
        Ok(found.map(|(checkpoint, stored)| {
            if digest::agrees(&digest(key, stamp, &checkpoint), &stored) {
                StoredCheckpoint::Whole(checkpoint)
            } else {
                StoredCheckpoint::Damaged("its checksum is that of other content".to_string())
            }
        }))
    }

    /// Every checkpoint that there is, by key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<CheckpointEntry>, StoreError> {
        self.read(|connection| {
            let mut list = connection
                .prepare("SELECT key, stamp, steps FROM checkpoints ORDER BY key, stamp")?;
            let entry = |row: &rusqlite::Row<'_>| {
                Ok(CheckpointEntry {
                    key: row.get(0)?,
                    stamp: row.get(1)?,
                    steps: row.get::<_, i64>(2)? as u64,
                })
            };
            list.query_map([], entry)?.collect()
        })
    }
}
