//! Stored runs trained once more in another way, and their bits held against the record.

use thiserror::Error;

use crate::cut::{Cut, train_cut};
use crate::data::Dataset;
use crate::experiment::Experiment;
use crate::interruption::{Interrupted, Interruption};
use crate::memory::{Memory, Threads};
use crate::needs::shortage_of_run;
use crate::plan::Plan;
use crate::record::{Curve, NamedArray, RunRecord};
use crate::store::{Presence, Store};
use crate::store_error::StoreError;
use crate::train::Trained;

/// How a run is trained again: by so many threads, and perhaps cut in its middle, saved, and
/// carried on from what was saved.
struct Way {
    threads: usize,
    is_cut: bool,
}

/// One run after the other takes the next of these.
const WAYS: [Way; 4] = [
    Way { threads: 1, is_cut: true },
    Way { threads: 2, is_cut: false },
    Way { threads: 3, is_cut: true },
    Way { threads: 8, is_cut: false },
];

/// What came of a verification.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// Runs that were trained again.
    pub compared: usize,
    /// How many of them were cut and carried on.
    pub cut: usize,
    /// Runs of the plan with a record that can be compared; the sample was taken from them.
    pub comparable: usize,
    /// Where bits differ: the first difference of each run that has one.
    pub differences: Vec<Difference>,
}

/// The first quantity in which a run that was trained again differs from its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key of the run.
    pub key: String,
    /// How it was trained again.
    pub way: String,
    /// What differs, such as `validation loss, epoch 3`.
    pub quantity: String,
    /// As it is stored.
    pub stored: String,
    /// As it came out now.
    pub again: String,
}

/// Why no verdict came of it.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A run takes more memory than there is.
    #[error("run {key} cannot be trained again: {why}")]
    Shortage {
        /// Its key.
        key: String,
        /// In words, with the next step.
        why: String,
    },
    /// It was interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl From<Interrupted> for VerifyError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// Trains `most` of the plan's stored runs again, spread over the plan, last to first, by other
/// numbers of threads than workers have and every second one cut in its middle and carried on from
/// its checkpoint. Only runs with the present stamp can be compared, and none that failed.
///
/// # Errors
/// When the store cannot be read, a run takes more memory than there is, or it is interrupted.
pub fn verify(
    plan: &Plan,
    dataset: &Dataset,
    store: &Store,
    stamp: &str,
    most: usize,
    interruption: &Interruption,
) -> Result<Verified, VerifyError> {
    let presence = store.presence(plan, stamp)?;
    let is_here = |position: &usize| presence[*position] == Presence::Here;
    let stored: Vec<usize> = (0..plan.len()).filter(is_here).collect();
    let mut verified = Verified { comparable: stored.len(), ..Verified::default() };
    let count = most.min(stored.len());
    let threads = WAYS.iter().take(count).map(|way| way.threads).max().unwrap_or(0);
    let memory = Memory::of_machine(Threads { computing: threads, unstarted: threads });
    for (sample, way) in (0..count).rev().zip(WAYS.iter().cycle()) {
        // The first and the last of them, and others at equal distances.
        let position = stored[sample * (stored.len() - 1) / (count - 1).max(1)];
        let key = &plan.keys[position];
        let Some(record) = store.record(key, stamp)? else { continue };
        let experiment = plan.experiment_at(plan.cell(position));
        let seed = plan.seed(position);
        if let Some(why) = shortage_of_run(dataset, &experiment, &memory) {
            // What was found to differ is worse.
            if !verified.differences.is_empty() {
                break;
            }
            return Err(VerifyError::Shortage { key: key.to_string(), why });
        }
        let (again, was_cut) = again(&experiment, seed, dataset, way, interruption)?;
        verified.compared += 1;
        verified.cut += usize::from(was_cut);
        if let Some((quantity, stored, again)) = difference(&record, &again) {
            let way = way.to_string();
            verified.differences.push(Difference {
                key: key.to_string(),
                way,
                quantity,
                stored,
                again,
            });
        }
    }
    Ok(verified)
}

impl std::fmt::Display for Way {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        write!(formatter, "by {} {threads}", self.threads)?;
        if self.is_cut { formatter.write_str(", cut and carried on") } else { Ok(()) }
    }
}

fn again(
    experiment: &Experiment,
    seed: u64,
    dataset: &Dataset,
    way: &Way,
    interruption: &Interruption,
) -> Result<(Trained, bool), Interrupted> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(way.threads).build();
    let pool = pool.expect("the system has threads for the workers");
    let cut = if way.is_cut { Cut::Middle } else { Cut::Never };
    let mut was_cut = false;
    let mut carry = |saved| {
        was_cut = true;
        saved
    };
    let again =
        pool.install(|| train_cut(experiment, seed, dataset, cut, &mut carry, interruption))?;
    Ok((again.expect("a run fits what it has just saved"), was_cut))
}

/// What differs first, as stored and as trained again.
fn difference(stored: &RunRecord, again: &Trained) -> Option<(String, String, String)> {
    let texts = [
        ("outcome", stored.outcome.to_string(), again.outcome.to_string()),
        ("stop", format!("{:?}", stored.stopped), format!("{:?}", again.stopped)),
        ("parameters", stored.parameter_count.to_string(), again.parameter_count.to_string()),
        ("steps", stored.steps.to_string(), again.steps.to_string()),
        ("epochs", stored.epochs.to_string(), again.epochs.to_string()),
    ];
    let numbers = [
        ("initial loss", stored.initial_loss, again.initial_loss),
        ("loss of a constant prediction", stored.constant_loss, again.constant_loss),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, stored, again)| {
        differ(stored, again).map(|(stored, again)| (name.to_string(), stored, again))
    });
    let texts = texts.into_iter().filter(|(_, stored, again)| stored != again);
    let texts = texts.map(|(name, stored, again)| (name.to_string(), stored, again));
    texts
        .chain(numbers)
        .next()
        .or_else(|| difference_of_curves(&stored.curves, &again.curves))
        .or_else(|| difference_of_arrays(&stored.arrays, &again.arrays))
        .or_else(|| {
            let (stored, again) = (&stored.weights_digest, &again.weights_digest);
            let name = "digest of the final weights".to_string();
            (stored != again).then(|| (name, stored.clone(), again.clone()))
        })
}

/// Two numbers with other bits, as text that tells them apart.
fn differ(stored: f64, again: f64) -> Option<(String, String)> {
    let text = |number: f64| {
        if number.is_nan() {
            format!("NaN ({:x})", number.to_bits())
        } else {
            format!("{number:?}")
        }
    };
    (stored.to_bits() != again.to_bits()).then(|| (text(stored), text(again)))
}

fn difference_of_curves(stored: &[Curve], again: &[Curve]) -> Option<(String, String, String)> {
    let name = |curve: &Curve| {
        let of_layer = curve.layer.map_or(String::new(), |layer| format!(" of layer {layer}"));
        format!("{} {}{of_layer}", curve.split, curve.metric).trim_start().to_string()
    };
    for (stored, again) in stored.iter().zip(again) {
        if (name(stored), &stored.epochs, &stored.steps)
            != (name(again), &again.epochs, &again.steps)
        {
            let points = |curve: &Curve| format!("{}, {} points", name(curve), curve.values.len());
            return Some(("curve".to_string(), points(stored), points(again)));
        }
        for (point, (&one, &other)) in stored.values.iter().zip(&again.values).enumerate() {
            if let Some((one, other)) = differ(one, other) {
                let quantity = format!("{}, epoch {}", name(stored), stored.epochs[point]);
                return Some((quantity, one, other));
            }
        }
    }
    let counts = (stored.len(), again.len());
    let counted = || ("curves".to_string(), counts.0.to_string(), counts.1.to_string());
    (counts.0 != counts.1).then(counted)
}

fn difference_of_arrays(
    stored: &[NamedArray],
    again: &[NamedArray],
) -> Option<(String, String, String)> {
    for (stored, again) in stored.iter().zip(again) {
        let shape = |array: &NamedArray| format!("{} {}x{}", array.name, array.rows, array.columns);
        if shape(stored) != shape(again) {
            return Some(("array".to_string(), shape(stored), shape(again)));
        }
        for (position, (&one, &other)) in stored.values.iter().zip(&again.values).enumerate() {
            if let Some((one, other)) = differ(one, other) {
                let (row, column) =
                    (position as u64 / stored.columns, position as u64 % stored.columns);
                return Some((format!("{} [{row}, {column}]", stored.name), one, other));
            }
        }
    }
    let counts = (stored.len(), again.len());
    let counted = || ("arrays".to_string(), counts.0.to_string(), counts.1.to_string());
    (counts.0 != counts.1).then(counted)
}
