//! Many runs at once: workers that take the next run of the plan, and one writer that makes each
//! result durable before it is reported.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use gradus_core::Scalar;

use crate::data::{Dataset, Prepared};
use crate::experiment::{Experiment, Precision};
use crate::interruption::{Interrupted, Interruption};
use crate::memory::{Memory, Refusal, Reserved, Threads};
use crate::needs::Needs;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::record::{Outcome, RunRecord, Timing};
use crate::sabotage::shared_draws;
use crate::store::Store;
use crate::store_error::StoreError;
use crate::train::Trained;
use crate::writer::{self, Finished, Line, Times};

/// The name that worker threads begin with; a panic in one of them is the outcome of its run.
pub const WORKER_NAME: &str = "gradus-worker";

/// Time between two checkpoints of a run, where nobody says otherwise.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// What became of the runs that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records written.
    pub written: usize,
    /// Records that were there already with the same bits: another process was quicker.
    pub doubles: usize,
    /// Runs that failed for good.
    pub failed: usize,
    /// Runs that were left out or left off because of an interruption.
    pub left: usize,
}

/// What is to be trained, and how.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Which runs of it, in the order in which they are begun.
    pub positions: &'a [usize],
    /// The present stamp.
    pub stamp: &'a str,
    /// Runs that are trained at the same time.
    pub jobs: usize,
    /// Time between two checkpoints of a run that goes on; none are written with 0.
    pub checkpoint_every: Duration,
    /// Ends training early; what is finished by then is made durable.
    pub interruption: &'a Interruption,
}

/// Trains runs of a plan, some at a time. Results do not depend on how many: a run is computed
/// from its own streams of draws, in tiles that its shapes decide. All cores work, where jobs are
/// fewer on tiles.
///
/// The rows as read are given up, if they are given to keep, as soon as the last seed's data has
/// been made from them; that data with its last run. Positions in plan order, which goes seed
/// after seed, need the data of few seeds at a time.
///
/// # Errors
/// When a result could not be made durable; the runs that were reported are kept.
pub fn train_runs(
    work: Work<'_>,
    dataset: Cow<'_, Dataset>,
    store: &mut Store,
) -> Result<Tally, StoreError> {
    match work.plan.experiment.train.precision {
        Precision::F32 => train_all::<f32>(work, dataset, store),
        Precision::F64 => train_all::<f64>(work, dataset, store),
    }
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn train_all<T: Scalar>(
    work: Work<'_>,
    dataset: Cow<'_, Dataset>,
    store: &mut Store,
) -> Result<Tally, StoreError> {
    let _listening = work.interruption.listen();
    // The writer asks too, when it cannot go on: nothing that is trained then would be kept.
    let interruption = &work.interruption.within();
    let work = Work { interruption, ..work };
    let jobs = work.jobs;
    let (times, progress) =
        (Times::new(work.checkpoint_every), Progress::start(work.positions.len()));
    let kept = match store.checkpoints() {
        Err(StoreError::Damaged { what, .. }) => {
            let warning = format!("warning: checkpoints are damaged: {what}; runs begin anew");
            progress.say(&warning);
            Vec::new()
        }
        kept => kept?,
    };
    let begun = kept.into_iter().filter(|entry| entry.stamp == work.stamp);
    let begun = begun.map(|entry| entry.key).collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs.max(cores()))
        .thread_name(|index| format!("{WORKER_NAME}-{index}"))
        .build()
        .expect("the system has threads for the workers");
    let next = AtomicUsize::new(0);
    // Whatever a thread takes at its first allocation has been taken when memory is asked for.
    pool.broadcast(|_| drop(black_box(Box::new(0_u8))));
    let threads = Threads { computing: pool.current_num_threads(), unstarted: 1 };
    let data = SharedData::<T>::new(dataset, work, threads);
    let (line, desk) = writer::open(&begun, &times, &progress);
    let tally = std::thread::scope(|threads| {
        let writer = threads.spawn(|| {
            desk.serve(store, work.stamp, &times, &progress).inspect_err(|_| {
                interruption.ask();
            })
        });
        // One call a thread: a worker that waits for a tile of its own run can never take up
        // another worker's runs meanwhile. Threads beyond the jobs help with tiles.
        pool.broadcast(|thread| {
            if thread.index() < jobs {
                train_next(work, &next, &data, line.clone());
            }
        });
        drop(line);
        writer.join().expect("the writer hands its errors back")
    });
    progress.finish();
    let mut tally = tally?;
    tally.left = work.positions.len() - tally.written - tally.doubles;
    Ok(tally)
}

/// One worker: the next run, until there is none, or training is interrupted, or nobody takes the
/// results any more.
fn train_next<T: Scalar>(
    work: Work<'_>,
    next: &AtomicUsize,
    data: &SharedData<'_, T>,
    line: Line<'_>,
) {
    while let Some(&position) = work.positions.get(next.fetch_add(1, Ordering::Relaxed)) {
        let finished = train_one(work, position, data, &line);
        if finished.and_then(|finished| line.finish(finished)).is_err() {
            return;
        }
    }
}

fn train_one<T: Scalar>(
    work: Work<'_>,
    position: usize,
    data: &SharedData<'_, T>,
    line: &Line<'_>,
) -> Result<Finished, Interrupted> {
    let Work { plan, stamp, interruption, .. } = work;
    interruption.check()?;
    let seed = plan.seed(position);
    let experiment = plan.experiment_at(plan.cell(position));
    let started = Instant::now();
    let key = &*plan.keys[position];
    let train = || {
        let slot = data.slot(seed);
        let say = |words: String| line.say(&format!("run {key}: {words}"));
        let (_reserved, of_data) = match data.reserve(&experiment, &slot, interruption, say) {
            Ok(reserved) => reserved,
            Err(Refusal::Interrupted) => return Err(Interrupted),
            Err(Refusal::TooLarge(message)) => {
                return Ok((failed(message), Timing { seconds: 0.0 }));
            }
        };
        let prepared = data.get(seed, &slot, of_data);
        line.train((key, seed + shared_draws()), &experiment, &prepared.data, interruption)
    };
    let (trained, timing) = catch_unwind(AssertUnwindSafe(train)).unwrap_or_else(|panic| {
        Ok((panicked(&panic), Timing { seconds: started.elapsed().as_secs_f64() }))
    })?;
    let record = RunRecord {
        key: key.into(),
        stamp: stamp.into(),
        seed,
        description: plan.description_of(&experiment, seed),
        outcome: trained.outcome,
        stopped: trained.stopped,
        parameter_count: trained.parameter_count,
        epochs: trained.epochs,
        steps: trained.steps,
        initial_loss: trained.initial_loss,
        constant_loss: trained.constant_loss,
        curves: trained.curves,
        arrays: trained.arrays,
        weights_digest: trained.weights_digest,
    };
    Ok((record, timing))
}

/// A panic in one run is that run's outcome; the others go on.
fn panicked(panic: &Box<dyn std::any::Any + Send>) -> Trained {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    failed(text.unwrap_or("a panic without words").to_string())
}

/// What is left of a run that could not be finished.
fn failed(message: String) -> Trained {
    Trained {
        outcome: Outcome::Failed { message },
        stopped: None,
        parameter_count: 0,
        epochs: 0,
        steps: 0,
        initial_loss: f64::NAN,
        constant_loss: f64::NAN,
        curves: Vec::new(),
        arrays: Vec::new(),
        weights_digest: String::new(),
    }
}

/// Prepared data, shared by all runs of a seed and made once.
struct SharedData<'a, T> {
    experiment: &'a Experiment,
    memory: Memory,
    needs: Needs,
    /// The rows as read, until no seed is left to be made from them.
    dataset: RwLock<Option<Cow<'a, Dataset>>>,
    seeds: Mutex<Seeds<T>>,
}

struct Seeds<T> {
    kept: HashMap<u64, Kept<T>>,
    /// How many of them have no data yet.
    unmade: usize,
}

struct Kept<T> {
    /// Runs that have yet to ask for it.
    runs: usize,
    /// There once the first worker that needs it has made it.
    data: Slot<T>,
}

type Slot<T> = Arc<OnceLock<Arc<Held<T>>>>;

/// Data with the memory that it takes.
struct Held<T> {
    data: Prepared<T>,
    _reserved: Reserved,
}

/// Which data a run has: where nothing is drawn every seed has the same.
fn data_seed(experiment: &Experiment, seed: u64) -> u64 {
    if experiment.data.split.depends_on_seed() { seed } else { 0 }
}

impl<'a, T: Scalar> SharedData<'a, T> {
    fn new(dataset: Cow<'a, Dataset>, work: Work<'a>, threads: Threads) -> Self {
        let experiment = &work.plan.experiment;
        let mut kept = HashMap::<u64, Kept<T>>::new();
        for &position in work.positions {
            let seed = data_seed(experiment, work.plan.seed(position));
            kept.entry(seed).or_insert_with(|| Kept { runs: 0, data: Arc::default() }).runs += 1;
        }
        let seeds = Mutex::new(Seeds { unmade: kept.len(), kept });
        let needs = Needs::new::<T>(&dataset, experiment);
        let (memory, dataset) = (Memory::of_machine(threads), RwLock::new(Some(dataset)));
        Self { experiment, memory, needs, dataset, seeds }
    }

    fn seeds(&self) -> MutexGuard<'_, Seeds<T>> {
        self.seeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a run's data. Each run asks once; the last takes the place away.
    fn slot(&self, seed: u64) -> Slot<T> {
        let seed = data_seed(self.experiment, seed);
        let mut seeds = self.seeds();
        let kept = seeds.kept.get_mut(&seed).expect("each run of the plan asks once");
        kept.runs -= 1;
        let slot = Arc::clone(&kept.data);
        if kept.runs == 0 {
            seeds.kept.remove(&seed);
        }
        slot
    }

    /// Waits for the memory of a run of this cell, and of its data where that is yet to be made.
    fn reserve(
        &self,
        experiment: &Experiment,
        slot: &Slot<T>,
        interruption: &Interruption,
        say: impl FnOnce(String),
    ) -> Result<(Reserved, Reserved), Refusal> {
        let run = self.needs.of_run::<T>(experiment);
        // Data that is there has been counted, but not against a run that could never have both.
        let both = run.saturating_add(self.needs.data);
        if let Some(words) = self.memory.refusal(both) {
            return Err(Refusal::TooLarge(words));
        }
        let of_data = || if slot.get().is_some() { 0 } else { self.needs.data };
        self.memory.reserve(run, of_data, interruption, say)
    }

    /// The data of a run. Where another worker has made it meanwhile, what was reserved for it is
    /// given back.
    fn get(&self, seed: u64, slot: &Slot<T>, of_data: Reserved) -> Arc<Held<T>> {
        let seed = data_seed(self.experiment, seed);
        let make = || Arc::new(Held { data: self.make(seed), _reserved: of_data });
        Arc::clone(slot.get_or_init(make))
    }

    fn make(&self, seed: u64) -> Prepared<T> {
        let (data, kind) = (&self.experiment.data, self.experiment.loss.target_kind());
        // Held before it is counted down: the last finds only workers that read already.
        let dataset = self.dataset.read().unwrap_or_else(PoisonError::into_inner);
        let is_last = {
            let mut seeds = self.seeds();
            seeds.unmade -= 1;
            seeds.unmade == 0
        };
        if !is_last {
            let dataset = dataset.as_ref().expect("it is there until the last seed is made");
            return dataset.prepare(data, kind, seed);
        }
        drop(dataset);
        let taken = self.dataset.write().unwrap_or_else(PoisonError::into_inner).take();
        match taken.expect("only the last takes it") {
            Cow::Owned(dataset) => dataset.prepare_last(data, kind, seed),
            Cow::Borrowed(dataset) => dataset.prepare(data, kind, seed),
        }
    }
}
