//! A baseline: what the runs of an experiment came to, as text that is reviewed and committed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::values::{Criterion, Envelope, criteria, digests, envelope, planned_epochs};
use super::witness::Witness;
use crate::digest;
use crate::plan::Plan;
use crate::record::RunRecord;
use crate::results::{PlannedRun, Results};
use crate::whole_file::write_whole;

/// What this program writes and reads.
const FORMAT: u32 = 1;

/// Begins the line with the digest of all others.
const DIGEST: &str = "    digest: ";

/// What a check holds results against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of this format.
    pub format: u32,
    /// Name of the experiment.
    pub name: String,
    /// Digest of its plan: of every key, and so of everything that its bits depend on.
    pub plan: String,
    /// What the bits depend on beside that.
    pub stamp: String,
    /// The program that trained it.
    pub program: String,
    /// The seeds, in the order of the plan.
    pub seeds: Vec<u64>,
    /// The cells, in the order of the plan.
    pub cells: Vec<Cell>,
    /// The first steps of its models in `f64`.
    pub witness: Vec<Witness>,
    /// SHA-256 of the text without this line.
    #[serde(default)]
    pub digest: String,
}

/// What the runs of one cell came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Where it lies on each axis, in words; empty where there is one only.
    pub cell: String,
    /// Digest of the weights of each seed.
    pub weights: Vec<String>,
    /// Digest of the curves of each seed.
    pub curves: Vec<String>,
    /// Numbers of each seed.
    pub figures: Vec<Values>,
    /// Over all seeds.
    pub envelopes: Vec<Envelope>,
}

/// One number of the runs of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// Which.
    pub figure: Criterion,
    /// One value a seed; infinite where the run diverged.
    pub values: Vec<f64>,
}

/// Why a baseline cannot be read or made.
#[derive(Debug, Error)]
pub enum BaselineError {
    /// There is none.
    #[error("{}: no baseline; `cargo xtask accept {}` makes it", path.display(), file.display())]
    Missing {
        /// Where it would be.
        path: PathBuf,
        /// The experiment.
        file: PathBuf,
    },
    /// The system.
    #[error("{}: {source}", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what a program wrote.
    #[error(
        "{}: damaged or edited by hand: {what}; take it back from version control, or make it anew \
         with `cargo xtask accept`", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Another program wrote it.
    #[error(
        "{}: a baseline of format {format}, this program reads {FORMAT}; take the program that \
         wrote it, or make it anew with `cargo xtask accept`", path.display()
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// It belongs to other runs.
    #[error(
        "{}: a baseline of another plan: {what}; if the experiment was meant to change, make it \
         anew with `cargo xtask accept`", path.display()
    )]
    OtherPlan {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// A run has no value.
    #[error("run {key} (seed {seed}{cell}): {what}; a baseline needs all values of all runs")]
    WithoutValue {
        /// The run.
        key: String,
        /// Its seed.
        seed: u64,
        /// Its cell, with a comma before it; empty where there is one only.
        cell: String,
        /// What it lacks.
        what: String,
    },
}

impl BaselineError {
    /// Whether the file is there and can be read, and is wrong: another may take its place.
    pub fn is_about_content(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::OtherFormat { .. } | Self::OtherPlan { .. })
    }
}

impl Baseline {
    /// Of the results of a whole plan and its witnesses.
    ///
    /// # Errors
    /// When a run is missing, failed, or lacks a value.
    pub fn of(
        plan: &Plan,
        results: &Results,
        stamp: &str,
        witness: Vec<Witness>,
    ) -> Result<Self, BaselineError> {
        let (criteria, planned) = (criteria(plan), planned_epochs(plan));
        let cells = (0..plan.experiment.cell_count()).map(|cell| {
            let records = records(plan, results, cell, plan.experiment.seed_count())?;
            let all: Vec<&RunRecord> = records.iter().map(|(_, record)| *record).collect();
            let figures = criteria.iter().map(|&figure| {
                let value = |&(position, record): &(usize, &RunRecord)| {
                    let value = figure.value(record, planned);
                    let what = || format!("no value of {:?}", figure.of);
                    if value.is_nan() { Err(without(plan, position, what())) } else { Ok(value) }
                };
                let values = records.iter().map(value).collect::<Result<_, _>>()?;
                Ok(Values { figure, values })
            });
            let ends = criteria.iter().filter(|figure| !figure.course);
            let [weights, curves] = [0, 1].map(|which| {
                all.iter().map(|record| digests(record)[which].clone()).collect::<Vec<_>>()
            });
            Ok(Cell {
                cell: plan.cell_label(cell),
                weights,
                curves,
                figures: figures.collect::<Result<_, BaselineError>>()?,
                envelopes: ends.filter_map(|figure| envelope(&all, figure.of, planned)).collect(),
            })
        });
        let seeds = (0..plan.experiment.seed_count()).map(|index| plan.experiment.seed(index));
        Ok(Self {
            format: FORMAT,
            name: plan.experiment.name.clone(),
            plan: plan.digest(),
            stamp: stamp.to_string(),
            program: concat!("gradus ", env!("CARGO_PKG_VERSION")).to_string(),
            seeds: seeds.collect(),
            cells: cells.collect::<Result<_, BaselineError>>()?,
            witness,
            digest: String::new(),
        })
    }

    /// Where the baseline of an experiment lies.
    pub fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.ron"))
    }

    /// As text: one line a figure, an envelope, a step.
    pub fn text(&self) -> String {
        let mut text = format!(
            "// What `cargo xtask check` holds the results of `{}` against. Made by `cargo xtask \
             accept`, not edited by hand.\n(\n    format: {FORMAT},\n",
            self.name
        );
        for (name, value) in [
            ("name", line(&self.name)),
            ("plan", line(&self.plan)),
            ("stamp", line(&self.stamp)),
            ("program", line(&self.program)),
            ("seeds", line(&self.seeds)),
        ] {
            text += &format!("    {name}: {value},\n");
        }
        text += "    cells: [\n";
        for cell in &self.cells {
            text += &format!("        (cell: {},\n", line(&cell.cell));
            text += &format!("         weights: {},\n", line(&cell.weights));
            text += &format!("         curves: {},\n", line(&cell.curves));
            text += "         figures: [\n";
            for figure in &cell.figures {
                text += &format!("            {},\n", line(figure));
            }
            text += "         ],\n         envelopes: [\n";
            for envelope in &cell.envelopes {
                text += &format!("            {},\n", line(envelope));
            }
            text += "         ]),\n";
        }
        text += "    ],\n    witness: [\n";
        for witness in &self.witness {
            let (cell, seed) = (line(&witness.cell), witness.seed);
            text += &format!("        (cell: {cell}, seed: {seed}, steps: [\n");
            for step in &witness.steps {
                text += &format!("            {},\n", line(step));
            }
            text += &format!("        ], evaluated: {}),\n", line(&witness.evaluated));
        }
        text += "    ],\n";
        let digest = digest_of(&text);
        text + &format!("{DIGEST}\"{digest}\",\n)\n")
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> Result<(), BaselineError> {
        let failed = |source| BaselineError::System { path: path.to_path_buf(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        write_whole(path, self.text().as_bytes()).map_err(failed)
    }

    /// Reads one that was written for this experiment's file; `None` where there is none.
    ///
    /// # Errors
    /// When it is damaged, of another format, or cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, BaselineError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| BaselineError::System { path: path.into(), source })?,
        };
        let damaged = |what: String| BaselineError::Damaged { path: path.to_path_buf(), what };
        let text = String::from_utf8(text).map_err(|error| damaged(error.to_string()))?;
        // Version control may have turned line ends.
        let text = text.replace("\r\n", "\n");
        let head: Head = ron::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if head.format != FORMAT {
            return Err(BaselineError::OtherFormat { path: path.into(), format: head.format });
        }
        let baseline: Self = ron::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let body = text.find(DIGEST).map_or(&*text, |end| &text[..end]);
        if digest_of(body) != baseline.digest {
            return Err(damaged("its digest is that of other text".to_string()));
        }
        baseline.is_whole().map_err(damaged)?;
        Ok(Some(baseline))
    }

    /// Whether there is a value for every seed.
    fn is_whole(&self) -> Result<(), String> {
        for cell in &self.cells {
            let lengths = [cell.weights.len(), cell.curves.len()];
            let lengths = lengths.into_iter().chain(cell.figures.iter().map(|f| f.values.len()));
            for length in lengths {
                if length != self.seeds.len() {
                    let n = self.seeds.len();
                    return Err(format!("{length} values in cell `{}` for {n} seeds", cell.cell));
                }
            }
        }
        Ok(())
    }

    /// Whether it is one of this plan, with the gate that its file has now.
    ///
    /// # Errors
    /// What differs.
    pub fn fits(&self, plan: &Plan, path: &Path) -> Result<(), BaselineError> {
        let experiment = &plan.experiment;
        let seeds: Vec<u64> =
            (0..experiment.seed_count()).map(|index| experiment.seed(index)).collect();
        let what = if self.name != experiment.name {
            format!("it is of `{}`, the file is `{}`", self.name, experiment.name)
        } else if self.seeds != seeds {
            format!("it has {} seeds, the file {}", self.seeds.len(), seeds.len())
        } else if self.plan != plan.digest() {
            "model, data, optimizer, sweep or training differ".to_string()
        } else if self.figures() != criteria(plan) {
            "the margins of its `gate` differ".to_string()
        } else {
            return Ok(());
        };
        Err(BaselineError::OtherPlan { path: path.to_path_buf(), what })
    }

    /// Its figures, the same for each cell.
    pub fn figures(&self) -> Vec<Criterion> {
        self.cells
            .first()
            .map_or(Vec::new(), |cell| cell.figures.iter().map(|values| values.figure).collect())
    }
}

/// The runs of a cell with the first seeds, in order, with their positions in the plan.
pub(super) fn records<'a>(
    plan: &Plan,
    results: &'a Results,
    cell: usize,
    seeds: usize,
) -> Result<Vec<(usize, &'a RunRecord)>, BaselineError> {
    let runs = results.runs.iter().filter(|run| run.cell == cell).take(seeds);
    let record = |run: &'a PlannedRun| {
        let record = run.record.as_ref();
        let what = || "is not there".to_string();
        record
            .map(|record| (run.position, record))
            .ok_or_else(|| without(plan, run.position, what()))
    };
    runs.map(record).collect()
}

fn without(plan: &Plan, position: usize, what: String) -> BaselineError {
    let cell = plan.cell_label(plan.cell(position));
    BaselineError::WithoutValue {
        key: plan.keys[position].to_string(),
        seed: plan.seed(position),
        cell: if cell.is_empty() { cell } else { format!(", {cell}") },
        what,
    }
}

fn digest_of(text: &str) -> String {
    digest::of(text.as_bytes())
}

/// A value as one line of RON.
fn line<T: Serialize + ?Sized>(value: &T) -> String {
    ron::to_string(value).expect("a baseline is plain data")
}
