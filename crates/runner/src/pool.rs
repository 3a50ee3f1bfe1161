//! Many runs at once: workers that take the next run of the plan, and one writer that makes each
//! result durable before it is reported.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use gradus_core::Scalar;

use crate::data::Prepared;
use crate::digest;
use crate::experiment::Precision;
use crate::file::File;
use crate::progress::Progress;
use crate::record::{Outcome, RunRecord, Timing};
use crate::store::{Store, StoreError};
use crate::train::{Trained, train};

/// The name that worker threads begin with; a panic in one of them is the outcome of its run.
pub const WORKER_NAME: &str = "gradus-worker";

/// What became of the runs that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records written.
    pub written: usize,
    /// Records that were there already with the same bits: another process was quicker.
    pub doubles: usize,
    /// Runs that failed for good.
    pub failed: usize,
}

/// Trains these positions of the file's plan, `jobs` at a time, in plan order. Results do not
/// depend on `jobs`: each run is computed by one thread, from its own streams of draws.
///
/// # Errors
/// When a result could not be made durable; the runs that were reported are kept.
pub fn train_runs(
    file: &File,
    store: &mut Store,
    positions: &[usize],
    stamp: &str,
    jobs: usize,
) -> Result<Tally, StoreError> {
    match file.plan.experiment.train.precision {
        Precision::F32 => train_all::<f32>(file, store, positions, stamp, jobs),
        Precision::F64 => train_all::<f64>(file, store, positions, stamp, jobs),
    }
}

type Finished = (RunRecord, Timing);

fn train_all<T: Scalar>(
    file: &File,
    store: &mut Store,
    positions: &[usize],
    stamp: &str,
    jobs: usize,
) -> Result<Tally, StoreError> {
    let progress = Progress::start(positions.len());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .thread_name(|index| format!("{WORKER_NAME}-{index}"))
        .build()
        .expect("the system has threads for the workers");
    let next = AtomicUsize::new(0);
    let data = SharedData::<T>::new(file, jobs);
    let (sender, receiver) = sync_channel(4 * jobs);
    let tally = std::thread::scope(|threads| {
        let writer = threads.spawn(|| write(store, receiver, &progress));
        pool.scope(|workers| {
            for _ in 0..jobs {
                let sender = sender.clone();
                workers.spawn(|_| work(file, positions, stamp, &next, &data, sender));
            }
        });
        drop(sender);
        writer.join().expect("the writer hands its errors back")
    });
    progress.finish();
    tally
}

/// One worker: the next run, until there is none or nobody takes the results any more.
fn work<T: Scalar>(
    file: &File,
    positions: &[usize],
    stamp: &str,
    next: &AtomicUsize,
    data: &SharedData<'_, T>,
    sender: SyncSender<Finished>,
) {
    while let Some(&position) = positions.get(next.fetch_add(1, Ordering::Relaxed)) {
        if sender.send(train_one(file, position, stamp, data)).is_err() {
            return;
        }
    }
}

fn train_one<T: Scalar>(
    file: &File,
    position: usize,
    stamp: &str,
    data: &SharedData<'_, T>,
) -> Finished {
    let plan = &file.plan;
    let seed = plan.seed(position);
    let experiment = plan.experiment_at(plan.cell(position));
    let prepared = data.get(seed);
    let started = Instant::now();
    let trained = catch_unwind(AssertUnwindSafe(|| train(&experiment, seed, prepared.of())))
        .unwrap_or_else(|panic| failed(&panic));
    let timing = Timing { seconds: started.elapsed().as_secs_f64() };
    let record = RunRecord {
        key: plan.keys[position].clone(),
        stamp: stamp.to_string(),
        seed,
        description: plan.description(position),
        outcome: trained.outcome,
        stopped: trained.stopped,
        parameter_count: trained.parameter_count,
        epochs: trained.epochs,
        steps: trained.steps,
        initial_loss: trained.initial_loss,
        constant_loss: trained.constant_loss,
        curves: trained.curves,
        arrays: trained.arrays,
        weights_digest: digest::of(&trained.weights),
    };
    (record, timing)
}

/// A panic in one run is that run's outcome; the others go on.
fn failed(panic: &Box<dyn std::any::Any + Send>) -> Trained {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Trained {
        outcome: Outcome::Failed { message: text.unwrap_or("a panic without words").to_string() },
        stopped: None,
        parameter_count: 0,
        epochs: 0,
        steps: 0,
        initial_loss: f64::NAN,
        constant_loss: f64::NAN,
        curves: Vec::new(),
        arrays: Vec::new(),
        weights: Vec::new(),
    }
}

/// The one writer: takes what has come in, commits it as one group, and only then reports it.
fn write(
    store: &mut Store,
    receiver: Receiver<Finished>,
    progress: &Progress,
) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    while let Ok(first) = receiver.recv() {
        let mut group = vec![first];
        group.extend(receiver.try_iter());
        let doubles = store.insert(&group)?;
        tally.doubles += doubles;
        tally.written += group.len() - doubles;
        let is_failed = |(record, _): &&Finished| matches!(record.outcome, Outcome::Failed { .. });
        tally.failed += group.iter().filter(is_failed).count();
        progress.add(group.len());
    }
    Ok(tally)
}

/// Prepared data, shared by all runs of a seed and made once. Plan order goes seed after seed, so
/// a few seeds are enough to keep.
struct SharedData<'a, T> {
    file: &'a File,
    capacity: usize,
    kept: Mutex<VecDeque<(u64, Seeded<T>)>>,
}

/// The data of one seed, there once the first worker that needs it has made it.
struct Seeded<T>(Arc<OnceLock<Prepared<T>>>);

impl<T> Seeded<T> {
    fn of(&self) -> &Prepared<T> {
        self.0.get().expect("it was made before it was handed out")
    }
}

impl<'a, T: Scalar> SharedData<'a, T> {
    fn new(file: &'a File, jobs: usize) -> Self {
        Self { file, capacity: jobs + 1, kept: Mutex::new(VecDeque::new()) }
    }

    fn get(&self, seed: u64) -> Seeded<T> {
        let experiment = &self.file.plan.experiment;
        // Where nothing is drawn every seed has the same data.
        let seed = if experiment.data.split.depends_on_seed() { seed } else { 0 };
        let slot = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            match kept.iter().find(|(other, _)| *other == seed) {
                Some((_, slot)) => Arc::clone(&slot.0),
                None => {
                    let slot = Arc::new(OnceLock::new());
                    kept.push_back((seed, Seeded(Arc::clone(&slot))));
                    if kept.len() > self.capacity {
                        kept.pop_front();
                    }
                    slot
                }
            }
        };
        let kind = experiment.loss.target_kind();
        slot.get_or_init(|| self.file.dataset.prepare(&experiment.data, kind, seed));
        Seeded(slot)
    }
}
