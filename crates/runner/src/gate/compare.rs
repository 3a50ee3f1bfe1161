//! A check: present results against a baseline, by bits, by the witness, by paired seeds.

use super::baseline::{Baseline, BaselineError, Values};
use super::description::{Gate, Reaction};
use super::judge::{Figure, Judged, Ruling, Verdict, judge};
use super::looks::{ERROR_RATE, Looks};
use super::values::{Criterion, Envelope, digests, envelope, planned_epochs};
use super::witness::Departure;
use crate::plan::Plan;
use crate::record::RunRecord;
use crate::results::Results;

/// What a check came to.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Seeds that were looked at.
    pub seeds: usize,
    /// Seeds of the baseline.
    pub all_seeds: usize,
    /// Whether every bit of them is that of the baseline, with an equal stamp: then there is
    /// nothing else to look at, and no figures are judged.
    pub same_bits: bool,
    /// Where the witness first differs.
    pub departure: Option<Departure>,
    /// One for each figure of each cell.
    pub figures: Vec<Compared>,
}

/// One figure of one cell.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The cell: its position in the plan.
    pub cell: usize,
    /// The cell in words; empty where there is one only.
    pub label: String,
    /// What is measured.
    pub figure: Criterion,
    /// The values of the baseline, one for each seed that was looked at.
    pub before: Vec<f64>,
    /// Those of now; NaN where a run has none.
    pub now: Vec<f64>,
    /// What the seeds say; none where a value is missing.
    pub judged: Option<Judged>,
}

impl Comparison {
    /// Whether a check fails by it, as the gate of the file says.
    pub fn fails(&self, gate: &Gate) -> bool {
        let is_changed = self.departure.is_some() && gate.changed == Reaction::Fail;
        is_changed || self.figures.iter().any(|figure| figure.fails(gate))
    }
}

impl Compared {
    /// Whether a check fails by it, as the gate of the file says.
    pub fn fails(&self, gate: &Gate) -> bool {
        match self.judged.as_ref().map(|judged| judged.verdict) {
            None | Some(Verdict::Worse) => true,
            Some(Verdict::Undecided) => gate.undecided == Reaction::Fail,
            Some(Verdict::Better | Verdict::Equivalent) => false,
        }
    }

    /// One word: `worse`, `better`, `equivalent`, `undecided` or `missing`.
    pub fn word(&self) -> &'static str {
        match self.judged.as_ref().map(|judged| judged.verdict) {
            None => "missing",
            Some(Verdict::Worse) => "worse",
            Some(Verdict::Better) => "better",
            Some(Verdict::Equivalent) => "equivalent",
            Some(Verdict::Undecided) => "undecided",
        }
    }
}

impl Baseline {
    /// When a check looks at how many of its seeds.
    pub fn looks(&self) -> Looks {
        Looks::of(self.seeds.len(), ERROR_RATE)
    }

    /// Whether the runs of the first seeds have the bits of the baseline, and bits are comparable.
    ///
    /// # Errors
    /// When a run is not there.
    pub fn has_the_bits_of(
        &self,
        plan: &Plan,
        results: &Results,
        stamp: &str,
        seeds: usize,
    ) -> Result<bool, BaselineError> {
        if self.stamp != stamp {
            return Ok(false);
        }
        let planned = planned_epochs(plan);
        for (index, cell) in self.cells.iter().enumerate() {
            for (seed, record) in records(plan, results, index, seeds)?.iter().enumerate() {
                let [weights, curves] = digests(record);
                if (&weights, &curves) != (&cell.weights[seed], &cell.curves[seed]) {
                    return Ok(false);
                }
                // What reads a number of a run may be wrong as well.
                let reads_otherwise =
                    |of: &Values| of.values[seed] != of.figure.value(record, planned);
                if cell.figures.iter().any(reads_otherwise) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Judges every figure by the first seeds; and how many seeds to look at next, where some
    /// figure is undecided and there are more.
    ///
    /// # Errors
    /// When a run is not there.
    pub fn compare(
        &self,
        plan: &Plan,
        results: &Results,
        seeds: usize,
    ) -> Result<(Vec<Compared>, Option<usize>), BaselineError> {
        let planned = planned_epochs(plan);
        let mut all = Vec::new();
        for (cell, stored) in self.cells.iter().enumerate() {
            let records = records(plan, results, cell, seeds)?;
            for values in &stored.figures {
                let figure = values.figure;
                all.push(Compared {
                    cell,
                    label: stored.cell.clone(),
                    figure,
                    before: values.values[..seeds].to_vec(),
                    now: records.iter().map(|record| figure.value(record, planned)).collect(),
                    judged: None,
                });
            }
        }
        let is_whole = |compared: &&mut Compared| !compared.now.iter().any(|value| value.is_nan());
        let mut whole: Vec<&mut Compared> = all.iter_mut().filter(is_whole).collect();
        let figures: Vec<Figure> = whole
            .iter()
            .map(|compared| Figure {
                before: compared.before.clone(),
                now: compared.now.clone(),
                margin: compared.figure.margin,
                higher_is_better: compared.figure.of.higher_is_better(),
            })
            .collect();
        let Ruling { figures: judged, next } = judge(&figures, &self.looks());
        for (compared, judged) in whole.iter_mut().zip(judged) {
            compared.judged = Some(judged);
        }
        Ok((all, next))
    }

    /// The envelopes of a cell now, over the same seeds as `compare`, in the baseline's order.
    ///
    /// # Errors
    /// When a run is not there.
    pub fn envelopes_now(
        &self,
        plan: &Plan,
        results: &Results,
        (cell, seeds): (usize, usize),
    ) -> Result<Vec<Envelope>, BaselineError> {
        let (records, planned) = (records(plan, results, cell, seeds)?, planned_epochs(plan));
        let measures = self.cells[cell].envelopes.iter().map(|stored| stored.of);
        Ok(measures.filter_map(|of| envelope(&records, of, planned)).collect())
    }
}

/// The first seeds' runs of a cell, in order.
fn records<'a>(
    plan: &Plan,
    results: &'a Results,
    cell: usize,
    seeds: usize,
) -> Result<Vec<&'a RunRecord>, BaselineError> {
    let records = super::baseline::records(plan, results, cell, seeds)?;
    Ok(records.into_iter().map(|(_, record)| record).collect())
}
