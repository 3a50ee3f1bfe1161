//! A record as rows of the store, bit for bit in both directions, and the digest over all of it.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::digest::Digest;
use crate::record::{Curve, NamedArray, Outcome, RunRecord, Timing};

/// Digest of all that a record holds: what two trainings of the same run must agree in.
pub(crate) fn record_digest(record: &RunRecord) -> String {
    let mut digest = Digest::default();
    let outcome = outcome_text(&record.outcome);
    let stopped = format!("{:?}", record.stopped);
    for text in [&record.key, &record.description, &outcome, &stopped, &record.weights_digest] {
        digest.add(text.as_bytes());
    }
    for number in [record.seed, record.parameter_count, record.epochs, record.steps] {
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
         steps, initial_loss, constant_loss, weights_digest, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    insert.execute(params![
        record.key,
        record.stamp,
        record.seed as i64,
        record.description,
        outcome_text(&record.outcome),
        record.stopped,
        record.parameter_count as i64,
        record.epochs as i64,
        record.steps as i64,
        number_bytes(&[record.initial_loss]),
        number_bytes(&[record.constant_loss]),
        record.weights_digest,
        digest,
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
    let mut insert =
        transaction.prepare_cached("INSERT INTO timings (run, seconds) VALUES (?1, ?2)")?;
    insert.execute(params![run, timing.seconds])?;
    Ok(())
}

/// How the run that [`read_record`] finds ended.
pub(crate) fn read_outcome(
    connection: &Connection,
    key: &str,
    stamp: &str,
) -> rusqlite::Result<Option<Outcome>> {
    let mut find = connection.prepare_cached(
        "SELECT outcome FROM runs WHERE key = ?1 ORDER BY stamp = ?2 DESC, id DESC LIMIT 1",
    )?;
    let found = find.query_row([key, stamp], |row| row.get(0)).optional()?;
    Ok(found.map(|text: String| outcome(&text)))
}

/// The outcome as it was stored.
fn outcome(text: &str) -> Outcome {
    ron::from_str(text).unwrap_or_else(|error| Outcome::Failed {
        message: format!("the stored outcome cannot be read: {error}"),
    })
}

pub(crate) fn read_record(
    connection: &Connection,
    key: &str,
    stamp: &str,
) -> rusqlite::Result<Option<(RunRecord, Option<Timing>)>> {
    let mut find = connection.prepare_cached(
        "SELECT id, stamp, seed, description, outcome, parameter_count, epochs, steps,
         initial_loss, constant_loss, weights_digest, seconds, stopped
         FROM runs LEFT JOIN timings ON timings.run = runs.id
         WHERE key = ?1 ORDER BY stamp = ?2 DESC, id DESC LIMIT 1",
    )?;
    let found = find
        .query_row([key, stamp], |row| {
            let text: String = row.get(4)?;
            let record = RunRecord {
                key: key.to_string(),
                stamp: row.get(1)?,
                seed: row.get::<_, i64>(2)? as u64,
                description: row.get(3)?,
                outcome: outcome(&text),
                stopped: row.get(12)?,
                parameter_count: row.get::<_, i64>(5)? as u64,
                epochs: row.get::<_, i64>(6)? as u64,
                steps: row.get::<_, i64>(7)? as u64,
                initial_loss: first_number(row.get(8)?),
                constant_loss: first_number(row.get(9)?),
                curves: Vec::new(),
                arrays: Vec::new(),
                weights_digest: row.get(10)?,
            };
            let seconds: Option<f64> = row.get(11)?;
            Ok((row.get::<_, i64>(0)?, record, seconds.map(|seconds| Timing { seconds })))
        })
        .optional()?;
    let Some((run, mut record, timing)) = found else { return Ok(None) };
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

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    bytes.chunks_exact(8).map(|word| word.try_into().expect("a chunk of 8 has 8 bytes"))
}

fn integers(bytes: Vec<u8>) -> Vec<u64> {
    words(&bytes).map(u64::from_le_bytes).collect()
}

fn numbers(bytes: Vec<u8>) -> Vec<f64> {
    words(&bytes).map(f64::from_le_bytes).collect()
}

/// NaN where the blob is too short; SQLite itself would store NaN as NULL, hence blobs.
fn first_number(bytes: Vec<u8>) -> f64 {
    numbers(bytes).first().copied().unwrap_or(f64::NAN)
}
