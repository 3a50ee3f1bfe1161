//! Training what is missing of a plan: what `run` and `check` have in common.

use std::borrow::Cow;
use std::time::Duration;

use gradus_runner::data::Dataset;
use gradus_runner::{Folder, Plan, Presence, Tally, Work, cores, train_runs};

use crate::failure::Failure;
use crate::output::say;
use crate::signals::Signals;

/// Which of the missing runs are trained, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Training<'a> {
    /// Runs at the same time; by default one a core.
    pub(crate) jobs: Option<u16>,
    /// Only the run whose key begins so.
    pub(crate) only: Option<&'a str>,
    /// Only the runs of so many first seeds.
    pub(crate) seeds: Option<usize>,
    /// Takes records with another stamp as they are.
    pub(crate) accept_stamp: bool,
    /// Time between two checkpoints of a run; none are written with 0.
    pub(crate) checkpoint_every: Duration,
    /// What may end it early.
    pub(crate) signals: &'a Signals,
}

impl Training<'_> {
    /// Trains what is missing and makes it durable; gives the rows as read up when it can.
    pub(crate) fn train(
        self,
        plan: &Plan,
        dataset: Cow<'_, Dataset>,
        folder: &mut Folder,
        stamp: &str,
    ) -> Result<Tally, Failure> {
        let missing = self.missing(plan, folder, stamp)?;
        if missing.is_empty() {
            return Ok(Tally::default());
        }
        // Before the first step: a run may take hours before it has anything to write.
        folder.store.check_writable()?;
        let jobs = self.jobs.map_or_else(cores, usize::from).min(missing.len());
        let interruption = &self.signals.interruption;
        let checkpoint_every = self.checkpoint_every;
        let work = Work { plan, positions: &missing, stamp, jobs, checkpoint_every, interruption };
        let tally = train_runs(work, dataset, &mut folder.store)?;
        if tally.doubles > 0 {
            say(&format!(
                "{} runs were trained by another process too, with equal bits",
                tally.doubles
            ));
        }
        if tally.left > 0 {
            let presence = folder.store.presence(plan, stamp)?;
            let here = presence.iter().filter(|&&there| there == Presence::Here).count();
            return Err(Failure::interrupted(self.signals, here, plan.len(), &folder.path));
        }
        Ok(tally)
    }

    fn missing(&self, plan: &Plan, folder: &Folder, stamp: &str) -> Result<Vec<usize>, Failure> {
        let keys = &plan.keys;
        // The plan goes seed after seed.
        let per_seed = keys.len() / plan.experiment.seed_count();
        let end = self.seeds.map_or(keys.len(), |seeds| seeds * per_seed);
        let is_wanted = |position: &usize| {
            *position < end && self.only.is_none_or(|only| keys[*position].starts_with(only))
        };
        let presence = folder.store.presence(plan, stamp)?;
        let is_missing = |position: &usize| match presence[*position] {
            Presence::Here => false,
            Presence::OtherStamp => !self.accept_stamp,
            Presence::Missing => true,
        };
        let others = presence.iter().filter(|&&there| there == Presence::OtherStamp).count();
        if others > 0 && !self.accept_stamp {
            say(&format!(
                "{others} runs are there with another stamp and are kept; they are trained anew \
                 with this one ({stamp}); --accept-stamp takes them as they are"
            ));
        }
        Ok((0..keys.len()).filter(is_wanted).filter(is_missing).collect())
    }
}
