//! The plan last asked for, as rows of the store with a checksum over all of them.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::digest::Digest;
use crate::explain::Source;
use crate::plan::Plan;
use crate::results::DataSummary;
use crate::store::{Store, experiment_text};
use crate::store_error::{Damage, StoreError, foreign, store_error};

/// Name of the value that the others of the plan are held against.
const CHECKSUM: &str = "checksum";

fn checksum(values: &BTreeMap<String, String>) -> String {
    let mut digest = Digest::default();
    for (name, value) in values {
        digest.add(name.as_bytes()).add(value.as_bytes());
    }
    digest.finish()
}

/// What is stored of a plan beside the list of its runs.
fn values_of(plan: &Plan) -> BTreeMap<String, String> {
    let data = ron::to_string(&plan.data).expect("a summary is plain data");
    let values = [
        ("digest", plan.digest()),
        ("experiment", experiment_text(&plan.experiment)),
        ("question", plan.question.clone()),
        ("data", data),
        ("file", plan.source.text.clone()),
        ("path", plan.source.path.display().to_string()),
    ];
    values.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

impl Store {
    /// Makes `plan` the plan last asked for.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_plan(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let values = values_of(plan);
        // What is damaged is as good as another plan: nothing of it is kept.
        match self.plan_values().and_then(|stored| Ok(stored == values && self.cells_are_whole()?))
        {
            Ok(true) => return Ok(()),
            Ok(false) | Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        self.within(|transaction| {
            transaction.execute_batch("DELETE FROM cells; DELETE FROM plan;")?;
            let mut insert =
                transaction.prepare("INSERT INTO cells (position, key) VALUES (?1, ?2)")?;
            for (position, key) in plan.keys.iter().enumerate() {
                insert.execute(params![position as i64, key])?;
            }
            let mut insert =
                transaction.prepare("INSERT INTO plan (name, value) VALUES (?1, ?2)")?;
            let checksum = (CHECKSUM.to_string(), checksum(&values));
            for (name, value) in values.iter().chain([(&checksum.0, &checksum.1)]) {
                insert.execute([name, value])?;
            }
            Ok(())
        })
    }

    /// What is stored of the plan by name, as it was stored; nothing where there is no plan.
    fn plan_values(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.read(|connection| {
            let mut find = connection.prepare_cached("SELECT name, value FROM plan")?;
            let mut values: BTreeMap<String, String> = find
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            if values.is_empty() {
                return Ok(values);
            }
            if values.remove(CHECKSUM) != Some(checksum(&values)) {
                return Err(Damage::of_plan("the plan is not what was stored"));
            }
            Ok(values)
        })
    }

    /// Whether the list of runs is that of the plan's digest.
    fn cells_are_whole(&self) -> Result<bool, StoreError> {
        let mut digest = Digest::default();
        let is_in_order = self.read(|connection| {
            let mut list =
                connection.prepare("SELECT position, key FROM cells ORDER BY position")?;
            let mut rows = list.query([])?;
            let mut next = 0;
            while let Some(row) = rows.next()? {
                digest.add(row.get_ref(1)?.as_str()?.as_bytes());
                if row.get::<_, i64>(0)? != next {
                    return Ok(false);
                }
                next += 1;
            }
            Ok(true)
        })?;
        Ok(is_in_order && self.plan_digest()? == Some(digest.finish()))
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
        if !self.cells_are_whole()? {
            let damage = Damage::of_plan("the list of its runs is not what was stored");
            return Err(store_error(&self.path, &damage));
        }
        let foreign = |message: String| foreign(&self.path, message);
        let experiment = crate::file::parse(&experiment)
            .map_err(|error| foreign(format!("the stored experiment cannot be read: {error}")))?;
        let data: DataSummary = ron::from_str(&data)
            .map_err(|error| foreign(format!("the stored summary of the data: {error}")))?;
        let source = Source {
            path: self.text("path")?.unwrap_or_default().into(),
            text: self.text("file")?.unwrap_or_default(),
        };
        Ok(Some(Plan::new(experiment, question, data, source)))
    }

    fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.plan_values()?.remove(name))
    }
}
