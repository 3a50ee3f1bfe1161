//! What a store holds, held against its plan; and dropping of what is chosen.

use std::collections::HashSet;

use rusqlite::params;

use crate::checkpoints::CheckpointEntry;
use crate::plan::Plan;
use crate::record::Outcome;
use crate::store::{Presence, Store};
use crate::store_error::StoreError;

/// The plan against the store. Each run of the plan is in one of the first four.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Positions of runs with a record of the present stamp.
    pub here: Vec<usize>,
    /// Positions of runs with a record of another stamp only.
    pub other_stamp: Vec<usize>,
    /// Positions of runs that failed, and why.
    pub failed: Vec<(usize, String)>,
    /// Positions of runs without any record.
    pub missing: Vec<usize>,
    /// All checkpoints, those of other plans and stamps too.
    pub checkpoints: Vec<CheckpointEntry>,
    /// Records beside those of the plan with the present stamp.
    pub unplanned: usize,
}

/// Which records and checkpoints are meant: all that any of these chooses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'a> {
    /// Those whose key begins with one of these.
    pub prefixes: &'a [String],
    /// Those of runs that failed.
    pub failed: bool,
    /// Those with another stamp than this.
    pub other_stamps: Option<&'a str>,
    /// Those of runs that are not in this plan.
    pub not_in: Option<&'a Plan>,
}

/// What is to be dropped: keys and stamps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Of records.
    pub records: Vec<(String, String)>,
    /// Of checkpoints.
    pub checkpoints: Vec<(String, String)>,
}

impl Forgotten {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.checkpoints.is_empty()
    }
}

impl Store {
    /// What there is of each run of the plan, and what lies beside.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn status(&self, plan: &Plan, stamp: &str) -> Result<Status, StoreError> {
        let mut status = Status { checkpoints: self.checkpoints()?, ..Status::default() };
        let (presence, outcomes) = (self.presence(plan, stamp)?, self.outcomes(plan, stamp)?);
        for (position, (there, outcome)) in presence.into_iter().zip(outcomes).enumerate() {
            match (there, outcome) {
                (Presence::Here, _) => status.here.push(position),
                (Presence::OtherStamp, _) => status.other_stamp.push(position),
                (Presence::Missing, Some(Outcome::Failed { message })) => {
                    status.failed.push((position, message));
                }
                (Presence::Missing, _) => status.missing.push(position),
            }
        }
        let planned: HashSet<&str> = plan.keys.iter().map(|key| &**key).collect();
        let beside = |(key, other, _): &&(String, String, bool)| {
            other != stamp || !planned.contains(key.as_str())
        };
        status.unplanned = self.records()?.iter().filter(beside).count();
        Ok(status)
    }

    /// Key, stamp, and whether it failed, of every record.
    fn records(&self) -> Result<Vec<(String, String, bool)>, StoreError> {
        self.read(|connection| {
            let mut list = connection.prepare(
                "SELECT key, stamp, outcome LIKE 'Failed%' FROM runs ORDER BY key, stamp",
            )?;
            list.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })
    }

    /// What a selection chooses.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn select(&self, selection: Selection<'_>) -> Result<Forgotten, StoreError> {
        let planned: HashSet<&str> =
            selection.not_in.iter().flat_map(|plan| &plan.keys).map(|key| &**key).collect();
        let is_chosen = |key: &str, stamp: &str, failed: bool| {
            selection.prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()))
                || (selection.failed && failed)
                || selection.other_stamps.is_some_and(|present| stamp != present)
                || (selection.not_in.is_some() && !planned.contains(key))
        };
        let all = self.records()?;
        let failed: HashSet<(&str, &str)> = all
            .iter()
            .filter(|(.., failed)| *failed)
            .map(|(key, stamp, _)| (key.as_str(), stamp.as_str()))
            .collect();
        let records = all.iter().filter(|(key, stamp, failed)| is_chosen(key, stamp, *failed));
        let checkpoints = self.checkpoints()?.into_iter().filter(|entry| {
            let (key, stamp) = (entry.key.as_str(), entry.stamp.as_str());
            is_chosen(key, stamp, failed.contains(&(key, stamp)))
        });
        Ok(Forgotten {
            records: records.map(|(key, stamp, _)| (key.clone(), stamp.clone())).collect(),
            checkpoints: checkpoints.map(|entry| (entry.key, entry.stamp)).collect(),
        })
    }

    /// Drops records and checkpoints, all of them or none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&mut self, forgotten: &Forgotten) -> Result<(), StoreError> {
        if forgotten.is_empty() {
            return Ok(());
        }
        self.within(|transaction| {
            for (table, chosen) in
                [("runs", &forgotten.records), ("checkpoints", &forgotten.checkpoints)]
            {
                let drop = format!("DELETE FROM {table} WHERE key = ?1 AND stamp = ?2");
                let mut drop = transaction.prepare(&drop)?;
                for (key, stamp) in chosen {
                    drop.execute(params![key, stamp])?;
                }
            }
            Ok(())
        })
    }
}
