//! A record as rows of the store, bit for bit in both directions, and the digests over all of it.
//!
//! Whatever is read is held against its digest first: a record that is damaged is an error that
//! names it, never a wrong number.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::digest::{self, Digest};
use crate::record::{Curve, NamedArray, Outcome, RunRecord, Timing};
use crate::store_error::Damage;

/// Digest of all that a record holds: what two trainings of the same run must agree in, and what a
/// record that is read is held against.
pub(crate) fn record_digest(record: &RunRecord) -> String {
    let mut digest = Digest::default();
    let outcome = outcome_text(&record.outcome);
    let stopped = format!("{:?}", record.stopped);
    let texts: [&str; 6] = [
        &record.key,
        &record.stamp,
        &record.description,
        &outcome,
        &stopped,
        &record.weights_digest,
    ];
    for text in texts {
        digest.add(text.as_bytes());
    }
    let counts = [record.curves.len() as u64, record.arrays.len() as u64];
    let numbers = [record.seed, record.parameter_count, record.epochs, record.steps];
    for number in numbers.into_iter().chain(counts) {
        digest.add(&number.to_le_bytes());
    }
    digest.add_numbers(&[record.initial_loss, record.constant_loss]);
    for curve in &record.curves {
        digest.add(curve.split.as_bytes()).add(curve.metric.as_bytes());
        digest.add(format!("{:?}", curve.layer).as_bytes());
        digest.add(&integer_bytes(&curve.epochs)).add(&integer_bytes(&curve.steps));
        digest.add_numbers(&curve.values);
    }
    for array in &record.arrays {
        digest.add(array.name.as_bytes()).add(&integer_bytes(&[array.rows, array.columns]));
        digest.add_numbers(&array.values);
    }
    digest.finish()
}

/// What is known of a record without reading all of it, with a digest of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) stamp: String,
    pub(crate) outcome: Outcome,
    /// That of [`record_digest`].
    pub(crate) digest: String,
}

impl Head {
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. })
    }
}

fn head_digest(key: &str, stamp: &str, outcome: &str, digest: &str) -> String {
    digest_of([key, stamp, outcome, digest].map(str::as_bytes))
}

/// What depends on the clock stands apart from the record, and so does its digest.
fn timing_digest(digest: &str, timing: Timing) -> String {
    digest_of([digest.as_bytes(), &timing.seconds.to_le_bytes()])
}

fn digest_of<const N: usize>(parts: [&[u8]; N]) -> String {
    let mut digest = Digest::default();
    for part in parts {
        digest.add(part);
    }
    digest.finish()
}

fn outcome_text(outcome: &Outcome) -> String {
    ron::to_string(outcome).expect("an outcome is plain data")
}

pub(crate) fn insert_record(
    transaction: &Transaction<'_>,
    record: &RunRecord,
    timing: Timing,
    digest: &str,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO runs (key, stamp, seed, description, outcome, stopped, parameter_count, epochs,
         steps, initial_loss, constant_loss, weights_digest, digest, head)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let outcome = outcome_text(&record.outcome);
    insert.execute(params![
        record.key,
        record.stamp,
        record.seed as i64,
        record.description,
        outcome,
        record.stopped,
        record.parameter_count as i64,
        record.epochs as i64,
        record.steps as i64,
        number_bytes(&[record.initial_loss]),
        number_bytes(&[record.constant_loss]),
        record.weights_digest,
        digest,
        head_digest(&record.key, &record.stamp, &outcome, digest),
    ])?;
    let run = transaction.last_insert_rowid();
    let mut insert = transaction.prepare_cached(
        "INSERT INTO curves (run, position, split, metric, layer, epochs, steps, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (position, curve) in record.curves.iter().enumerate() {
        insert.execute(params![
            run,
            position as i64,
            curve.split,
            curve.metric,
            curve.layer.map(|layer| layer as i64),
            integer_bytes(&curve.epochs),
            integer_bytes(&curve.steps),
            number_bytes(&curve.values),
        ])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO arrays (run, position, name, height, width, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (position, array) in record.arrays.iter().enumerate() {
        insert.execute(params![
            run,
            position as i64,
            array.name,
            array.rows as i64,
            array.columns as i64,
            number_bytes(&array.values),
        ])?;
    }
    let mut insert = transaction
        .prepare_cached("INSERT INTO timings (run, seconds, digest) VALUES (?1, ?2, ?3)")?;
    insert.execute(params![run, timing.seconds, timing_digest(digest, timing)])?;
    Ok(())
}

/// The head of the record that [`read_record`] finds.
pub(crate) fn read_head(
    connection: &Connection,
    key: &str,
    stamp: &str,
) -> rusqlite::Result<Option<Head>> {
    let find = "SELECT key, stamp, outcome, digest, head FROM runs WHERE key = ?1
                ORDER BY stamp = ?2 DESC, id DESC LIMIT 1";
    find_head(connection, find, key, stamp)
}

/// The same among the records that did not fail.
pub(crate) fn read_sound_head(
    connection: &Connection,
    key: &str,
    stamp: &str,
) -> rusqlite::Result<Option<Head>> {
    let find = "SELECT key, stamp, outcome, digest, head FROM runs
                WHERE key = ?1 AND outcome NOT LIKE 'Failed%'
                ORDER BY stamp = ?2 DESC, id DESC LIMIT 1";
    find_head(connection, find, key, stamp)
}

fn find_head(
    connection: &Connection,
    find: &str,
    key: &str,
    stamp: &str,
) -> rusqlite::Result<Option<Head>> {
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_row([key, stamp], |row| head_of(row, [0, 1, 2, 3, 4], key));
    about(key, found.optional())
}

/// The head of a record in these columns: key, stamp, outcome, digest, digest of the head.
fn head_of(row: &Row<'_>, columns: [usize; 5], key: &str) -> rusqlite::Result<Head> {
    let [stored, stamp, outcome, digest, head] = columns.map(|column| row.get::<_, String>(column));
    let (stored, stamp, outcome, digest) = (stored?, stamp?, outcome?, digest?);
    if stored != key || head? != head_digest(&stored, &stamp, &outcome, &digest) {
        return Err(Damage::of(key, "its key, stamp or outcome is not as it was stored"));
    }
    let outcome = ron::from_str(&outcome)
        .map_err(|error| Damage::of(key, format!("its outcome cannot be read: {error}")))?;
    Ok(Head { stamp, outcome, digest })
}

/// Holds every record against the index that finds it: one that is not found would be trained anew
/// in silence.
pub(crate) fn check_index(connection: &Connection) -> rusqlite::Result<()> {
    let mut find = connection.prepare_cached(
        "SELECT a.key FROM runs AS a NOT INDEXED WHERE NOT EXISTS (SELECT 1 FROM runs AS b INDEXED
         BY sqlite_autoindex_runs_1 WHERE b.key = a.key AND b.stamp = a.stamp) LIMIT 1",
    )?;
    match find.query_row([], |row| row.get::<_, String>(0)).optional()? {
        None => Ok(()),
        Some(key) => {
            let what = format!("the record of run {key} is there and its index does not find it");
            Err(Damage::of_index(what))
        }
    }
}

/// An error of the database with the run in whose record it was met.
fn about<Value>(key: &str, read: rusqlite::Result<Value>) -> rusqlite::Result<Value> {
    read.map_err(|error| Damage::in_record(key, error))
}

/// A record, all of it, as it was stored; of several stamps the present one, else the newest.
pub(crate) fn read_record(
    connection: &Connection,
    key: &str,
    stamp: &str,
) -> rusqlite::Result<Option<(RunRecord, Option<Timing>)>> {
    about(key, read_whole(connection, key, stamp))
}

fn read_whole(
    connection: &Connection,
    key: &str,
    stamp: &str,
) -> rusqlite::Result<Option<(RunRecord, Option<Timing>)>> {
    let mut find = connection.prepare_cached(
        "SELECT key, stamp, outcome, runs.digest, head, id, seed, description, parameter_count,
         epochs, steps, initial_loss, constant_loss, weights_digest, stopped, seconds,
         timings.digest
         FROM runs LEFT JOIN timings ON timings.run = runs.id WHERE key = ?1
         ORDER BY stamp = ?2 DESC, id DESC LIMIT 1",
    )?;
    let found = find
        .query_row([key, stamp], |row| {
            let head = head_of(row, [0, 1, 2, 3, 4], key)?;
            let record = RunRecord {
                key: key.into(),
                stamp: head.stamp.into(),
                seed: row.get::<_, i64>(6)? as u64,
                description: row.get(7)?,
                outcome: head.outcome,
                stopped: row.get(14)?,
                parameter_count: row.get::<_, i64>(8)? as u64,
                epochs: row.get::<_, i64>(9)? as u64,
                steps: row.get::<_, i64>(10)? as u64,
                initial_loss: first_number(row.get(11)?),
                constant_loss: first_number(row.get(12)?),
                curves: Vec::new(),
                arrays: Vec::new(),
                weights_digest: row.get(13)?,
            };
            let timing = row.get::<_, Option<f64>>(15)?.map(|seconds| Timing { seconds });
            let of_timing: Option<String> = row.get(16)?;
            if of_timing != timing.map(|timing| timing_digest(&head.digest, timing)) {
                return Err(Damage::of(key, "its time is not what was stored"));
            }
            Ok((row.get::<_, i64>(5)?, record, timing, head.digest))
        })
        .optional()?;
    let Some((run, mut record, timing, digest)) = found else { return Ok(None) };
    record.curves = connection
        .prepare_cached(
            "SELECT split, metric, layer, epochs, steps, data FROM curves WHERE run = ?1
             ORDER BY position",
        )?
        .query_map([run], |row| {
            Ok(Curve {
                split: name(row.get_ref(0)?.as_str()?),
                metric: name(row.get_ref(1)?.as_str()?),
                layer: row.get::<_, Option<i64>>(2)?.map(|layer| layer as u64),
                epochs: integers(row.get(3)?),
                steps: integers(row.get(4)?),
                values: numbers(row.get(5)?),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    // Ten thousand records may be held at a time.
    record.curves.shrink_to_fit();
    record.arrays = connection
        .prepare_cached(
            "SELECT name, height, width, data FROM arrays WHERE run = ?1 ORDER BY position",
        )?
        .query_map([run], |row| {
            Ok(NamedArray {
                name: row.get(0)?,
                rows: row.get::<_, i64>(1)? as u64,
                columns: row.get::<_, i64>(2)? as u64,
                values: numbers(row.get(3)?),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let now = record_digest(&record);
    if !digest::agrees(&now, &digest) {
        let what = "its curves, arrays or numbers are not what was stored";
        return Err(Damage::of(key, format!("{what} (digest {now}, stored {digest})")));
    }
    Ok(Some((record, timing)))
}

/// The names that nearly every curve has, which take no room of their own.
const NAMES: [&str; 12] = [
    "train",
    "validation",
    "test",
    "",
    "loss",
    "running_loss",
    "running_penalized_loss",
    "accuracy",
    "penalized_loss",
    "gradient_norm",
    "learning_rate",
    "sharpness",
];

fn name(text: &str) -> Cow<'static, str> {
    let known = NAMES.into_iter().find(|&known| known == text);
    known.map_or_else(|| text.to_string().into(), Cow::Borrowed)
}

fn integer_bytes(integers: &[u64]) -> Vec<u8> {
    integers.iter().flat_map(|integer| integer.to_le_bytes()).collect()
}

fn number_bytes(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A last word that is cut off is none; the digest tells.
fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    bytes.chunks_exact(8).map(|word| word.try_into().expect("a chunk of 8 has 8 bytes"))
}

fn integers(bytes: Vec<u8>) -> Arc<[u64]> {
    words(&bytes).map(u64::from_le_bytes).collect()
}

fn numbers(bytes: Vec<u8>) -> Vec<f64> {
    words(&bytes).map(f64::from_le_bytes).collect()
}

/// NaN where the blob is too short; SQLite itself would store NaN as NULL, hence blobs.
fn first_number(bytes: Vec<u8>) -> f64 {
    numbers(bytes).first().copied().unwrap_or(f64::NAN)
}
