//! The one writer of a sweep: what workers hand it is durable before it is reported.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use gradus_core::Scalar;

use crate::checkpoints::{Checkpoint, StoredCheckpoint};
use crate::data::Prepared;
use crate::experiment::Experiment;
use crate::interruption::{Interrupted, Interruption};
use crate::pool::Tally;
use crate::progress::Progress;
use crate::record::{Outcome, RunRecord, Timing};
use crate::store::Store;
use crate::store_error::StoreError;
use crate::train::{Run, Trained};

/// Runs that may wait for the writer. A commit takes as long as the disk takes, milliseconds or
/// tens of them, while tiny runs take a fraction of one: what comes in meanwhile becomes the next
/// commit. Large records come from long runs, so few of them ever wait.
const WAITING: usize = 256;

/// So long a commit waits for further runs once the first has come: a commit costs the disk about
/// the same for one record as for a hundred, and takes a core from training while it lasts. What a
/// kill can lose grows by as much.
const GATHERED: Duration = Duration::from_millis(30);

/// A run that has lasted less than this is not worth a checkpoint.
const LEAST_AGE: Duration = Duration::from_secs(1);

/// Between two looks whether the writer has written the state before.
const LOOK: Duration = Duration::from_millis(1);

/// A run that has ended.
pub(crate) type Finished = (RunRecord, Timing);

/// What a worker hands to the writer.
enum Message {
    Finished(Box<Finished>),
    /// With a clone of the run's token, which is dropped once it is written.
    Keep(String, Checkpoint, Arc<()>),
    /// The checkpoint of this key is wanted.
    Find(String, SyncSender<Option<StoredCheckpoint>>),
}

/// A worker's end of the line to the writer.
#[derive(Clone)]
pub(crate) struct Line<'a> {
    sender: SyncSender<Message>,
    /// Keys that had a checkpoint when training began.
    begun: &'a HashSet<String>,
    times: &'a Times,
    progress: &'a Progress,
}

/// When checkpoints are taken.
pub(crate) struct Times {
    /// Zero: never.
    every: Duration,
    /// Counts the moments at which every run should be saved.
    due: AtomicU64,
}

impl Times {
    /// So much time between two checkpoints of a run; none with 0.
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, due: AtomicU64::new(0) }
    }

    fn are_worth_it(&self, age: Duration) -> bool {
        !self.every.is_zero() && age >= self.every.min(LEAST_AGE)
    }
}

/// A line that works as long as its writer lives, and the writer's end of it.
pub(crate) struct Desk {
    receiver: Receiver<Message>,
}

/// Both ends.
pub(crate) fn open<'a>(
    begun: &'a HashSet<String>,
    times: &'a Times,
    progress: &'a Progress,
) -> (Line<'a>, Desk) {
    let (sender, receiver) = sync_channel(WAITING);
    (Line { sender, begun, times, progress }, Desk { receiver })
}

/// Training came to an end: by an interruption, or since nobody writes any more.
impl Line<'_> {
    /// Hands a finished run over.
    pub(crate) fn finish(&self, finished: Finished) -> Result<(), Interrupted> {
        self.sender.send(Message::Finished(Box::new(finished))).map_err(|_| Interrupted)
    }

    /// Trains a run, from its checkpoint where there is one, and leaves one where it is
    /// interrupted. Returns the seconds that it took beside, those of earlier processes included.
    pub(crate) fn train<T: Scalar>(
        &self,
        (key, seed): (&str, u64),
        experiment: &Experiment,
        data: &Prepared<T>,
        interruption: &Interruption,
    ) -> Result<(Trained, Timing), Interrupted> {
        let started = Instant::now();
        let mut earlier = 0.0;
        let mut run = None;
        if let Some(Checkpoint { seconds, state, .. }) = self.checkpoint(key)? {
            match Run::carry_on(experiment, seed, data, &state) {
                Ok(carried) => {
                    let step = carried.steps();
                    self.progress.say(&format!("run {key} carries on behind step {step}"));
                    run = Some(carried);
                    earlier = seconds;
                }
                Err(misfit) => self.refuse(key, &misfit),
            }
        }
        let mut run = run.unwrap_or_else(|| Run::start(experiment, seed, data));
        let mut seen = self.times.due.load(Ordering::Relaxed);
        // One state waits for the writer at a time: memory is reserved for no more.
        let token = Arc::new(());
        let outcome = run.train(interruption, &mut |run| {
            interruption.check()?;
            let due = self.times.due.load(Ordering::Relaxed);
            if due == seen || Arc::strong_count(&token) > 1 {
                return Ok(());
            }
            seen = due;
            self.keep((key, &token), run, started.elapsed(), earlier)
        });
        let seconds = earlier + started.elapsed().as_secs_f64();
        match outcome {
            Ok(outcome) => Ok((run.finish(outcome), Timing { seconds })),
            Err(Interrupted) => {
                while Arc::strong_count(&token) > 1 {
                    std::thread::sleep(LOOK);
                }
                self.keep((key, &token), &mut run, started.elapsed(), earlier)?;
                Err(Interrupted)
            }
        }
    }

    /// Saves a run that is old enough.
    #[cold]
    fn keep<T: Scalar>(
        &self,
        (key, token): (&str, &Arc<()>),
        run: &mut Run<'_, T>,
        age: Duration,
        earlier: f64,
    ) -> Result<(), Interrupted> {
        if run.steps() == 0 || !self.times.are_worth_it(age) {
            return Ok(());
        }
        let seconds = earlier + age.as_secs_f64();
        let checkpoint = Checkpoint { steps: run.steps(), seconds, state: run.checkpoint() };
        let message = Message::Keep(key.to_string(), checkpoint, Arc::clone(token));
        self.sender.send(message).map_err(|_| Interrupted)
    }

    /// What an earlier process left of this run.
    fn checkpoint(&self, key: &str) -> Result<Option<Checkpoint>, Interrupted> {
        if !self.begun.contains(key) {
            return Ok(None);
        }
        let (sender, receiver) = sync_channel(1);
        self.sender.send(Message::Find(key.to_string(), sender)).map_err(|_| Interrupted)?;
        match receiver.recv().map_err(|_| Interrupted)? {
            Some(StoredCheckpoint::Whole(checkpoint)) => Ok(Some(checkpoint)),
            Some(StoredCheckpoint::Damaged(damage)) => {
                self.refuse(key, &damage);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// A line for whoever watches.
    pub(crate) fn say(&self, words: &str) {
        self.progress.say(words);
    }

    fn refuse(&self, key: &str, damage: &str) {
        self.progress.say(&format!(
            "warning: the checkpoint of run {key} is damaged: {damage}; the run begins anew"
        ));
    }
}

impl Desk {
    /// Writes until no worker is left: what has come in is one commit, and only then reported.
    pub(crate) fn serve(
        self,
        store: &mut Store,
        stamp: &str,
        times: &Times,
        progress: &Progress,
    ) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        let mut last = Instant::now();
        loop {
            if !times.every.is_zero() && last.elapsed() >= times.every {
                times.due.fetch_add(1, Ordering::Relaxed);
                last = Instant::now();
            }
            let first = match self.next(times, last) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(tally),
            };
            let until = Instant::now() + GATHERED;
            let (mut group, mut next) = (Vec::new(), Ok(first));
            while let Ok(message) = next {
                match message {
                    Message::Finished(finished) => group.push(*finished),
                    Message::Keep(key, checkpoint, _token) => {
                        store.keep(&key, stamp, &checkpoint)?;
                    }
                    Message::Find(key, reply) => {
                        // A worker that no longer waits has ended, and needs none.
                        let _ = reply.send(store.checkpoint(&key, stamp)?);
                    }
                }
                if group.is_empty() || group.len() == WAITING {
                    break;
                }
                let left = until.saturating_duration_since(Instant::now());
                next = self.receiver.recv_timeout(left);
            }
            if group.is_empty() {
                continue;
            }
            let doubles = store.insert(&group)?;
            tally.doubles += doubles;
            tally.written += group.len() - doubles;
            let is_failed =
                |(record, _): &&Finished| matches!(record.outcome, Outcome::Failed { .. });
            for (record, _) in group.iter().filter(is_failed) {
                tally.failed += 1;
                progress.say(&format!("run {} {}", record.key, record.outcome));
            }
            progress.add(group.len());
        }
    }

    fn next(&self, times: &Times, last: Instant) -> Result<Message, RecvTimeoutError> {
        if times.every.is_zero() {
            return self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        self.receiver.recv_timeout(times.every.saturating_sub(last.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::file::File;

    #[test]
    fn a_run_has_one_state_with_the_writer_at_a_time() {
        let text = "// Why?\n(name: \"kept\", data: (source: Xor), model: [Dense(2)],
            loss: CrossEntropy, optimizer: (learning_rate: 0.1), train: (epochs: 20000))";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("kept.ron");
        std::fs::write(&path, text).expect("it is written");
        let file = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
        let experiment = &file.plan.experiment;
        let kind = experiment.loss.target_kind();
        let data = file.dataset.prepare::<f32>(&experiment.data, kind, 0);
        let (begun, times) = (HashSet::new(), Times::new(Duration::from_nanos(1)));
        let (progress, over) = (Progress::start(1), AtomicBool::new(false));
        let (line, desk) = open(&begun, &times, &progress);
        let kept = std::thread::scope(|threads| {
            // A state is due at every step, and who takes them never has them written.
            threads.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    times.due.fetch_add(1, Ordering::Relaxed);
                }
            });
            let taken = threads.spawn(move || desk.receiver.iter().collect::<Vec<Message>>());
            let trained = line.train(("key", 0), experiment, &data, &Interruption::default());
            over.store(true, Ordering::Relaxed);
            drop(line);
            assert!(trained.is_ok(), "nobody interrupts it");
            let taken = taken.join().expect("it ends with the line");
            taken.iter().filter(|message| matches!(message, Message::Keep(..))).count()
        });
        assert_eq!(kept, 1);
    }
}
