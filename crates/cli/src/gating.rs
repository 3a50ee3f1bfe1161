//! Training for a gate, and comparing with a baseline: what `accept` and `check` have in common.
//!
//! Runs are trained in a folder of their own, `OUT/gate/NAME`, and again by every other program: a
//! stored record says what the program of its day did, a gate must say what this one does.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use gradus_report::{GateCase, Moved, draw_moved, forget_moved};
use gradus_runner::data::Dataset;
use gradus_runner::gate::{
    Baseline, Compared, Comparison, Evidence, WitnessError, departure, steady_witnesses, witnesses,
};
use gradus_runner::{CHECKPOINT_EVERY, Folder, Plan, Results, Selection, program_digest, stamp};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{json_number, say};
use crate::signals::Signals;
use crate::training::Training;

/// Where baselines stand; they are committed.
pub(crate) const BASELINES: &str = "results/baselines";

/// The runs of one plan by this very program.
pub(crate) struct Gating<'a> {
    plan: &'a Plan,
    dataset: &'a Dataset,
    folder: Folder,
    /// The stamp, and the program in it.
    marked: String,
    jobs: Option<u16>,
    signals: &'a Signals,
}

/// A file that has nothing to accept.
pub(crate) fn without_gate(path: &Path) -> Failure {
    Failure::usage(format!(
        "{}: it has no `gate`; add what a baseline holds and the change that matters, such as \
         `gate: (margins: [(margin: 0.01)])`, and seeds enough",
        path.display()
    ))
}

impl<'a> Gating<'a> {
    /// Takes the folder and drops what another program trained.
    pub(crate) fn take(
        out: &Path,
        plan: &'a Plan,
        dataset: &'a Dataset,
        jobs: Option<u16>,
        signals: &'a Signals,
    ) -> Result<Self, Failure> {
        let mut folder = Folder::take_for_gate(out, plan)?;
        let program = program_digest().map_err(|error| {
            Failure::usage(format!("the program's own file cannot be read: {error}"))
        })?;
        let marked = format!("{}; program {program}", stamp());
        let others = Selection { other_stamps: Some(&marked), ..Selection::default() };
        let others = folder.store.select(others)?;
        folder.store.forget(&others)?;
        Ok(Self { plan, dataset, folder, marked, jobs, signals })
    }

    /// The results, once the runs of so many first seeds are there.
    pub(crate) fn train(&mut self, seeds: usize) -> Result<Results, Failure> {
        let training = Training {
            jobs: self.jobs,
            only: None,
            seeds: Some(seeds),
            accept_stamp: false,
            checkpoint_every: CHECKPOINT_EVERY,
            signals: self.signals,
        };
        let data = Cow::Borrowed(self.dataset);
        training.train(self.plan, data, &mut self.folder, &self.marked)?;
        Ok(self.folder.store.results(self.plan, &self.marked)?)
    }

    /// The baseline that these results make.
    pub(crate) fn baseline(&mut self) -> Result<Baseline, Failure> {
        let results = self.train(self.plan.experiment.seed_count())?;
        let witness = steady_witnesses(self.plan, self.dataset, &self.signals.interruption);
        let witness = witness.map_err(|error| self.without_witness(&error))?;
        Ok(Baseline::of(self.plan, &results, &stamp(), witness)?)
    }

    /// Holds the results against a baseline: by bits, by the witness, by seeds, of which it takes
    /// further ones while some figure is undecided. Draws what moved, and returns where.
    pub(crate) fn compare(
        &mut self,
        baseline: &Baseline,
    ) -> Result<(Comparison, Option<PathBuf>), Failure> {
        forget_moved(&self.folder.path);
        let mut seeds = baseline.looks().first();
        let mut results = self.train(seeds)?;
        let mut comparison = Comparison {
            seeds,
            all_seeds: baseline.seeds.len(),
            same_bits: baseline.has_the_bits_of(self.plan, &results, &stamp(), seeds)?,
            departure: None,
            figures: Vec::new(),
        };
        if comparison.same_bits {
            return Ok((comparison, None));
        }
        let witness = witnesses(self.plan, self.dataset, &self.signals.interruption);
        let witness = witness.map_err(|error| self.without_witness(&error))?;
        comparison.departure = departure(&baseline.witness, &witness);
        loop {
            let (figures, next) = baseline.compare(self.plan, &results, seeds)?;
            (comparison.figures, comparison.seeds) = (figures, seeds);
            let Some(next) = next else { break };
            say(&format!("undecided by {seeds} seeds; taking {next}"));
            seeds = next;
            results = self.train(seeds)?;
        }
        let picture = self.draw(baseline, &results, &comparison)?;
        Ok((comparison, picture))
    }

    /// The curves of every figure that is not equivalent.
    fn draw(
        &self,
        baseline: &Baseline,
        results: &Results,
        comparison: &Comparison,
    ) -> Result<Option<PathBuf>, Failure> {
        let mut moved: Vec<Moved> = Vec::new();
        let mut figures: Vec<&Compared> =
            comparison.figures.iter().filter(|figure| figure.word() != "equivalent").collect();
        // The worst first: the picture has room for a few.
        figures.sort_by_key(|figure| figure.word() == "better");
        for figure in figures {
            let cell = &baseline.cells[figure.cell];
            let place = (figure.cell, comparison.seeds);
            let now = baseline.envelopes_now(self.plan, results, place)?;
            let is_of = |of| of == figure.figure.of;
            let before = cell.envelopes.iter().find(|envelope| is_of(envelope.of));
            let now = now.into_iter().find(|envelope| is_of(envelope.of));
            let is_drawn = moved.iter().any(|m| m.cell == cell.cell && is_of(m.before.of));
            if let (Some(before), Some(now), false) = (before, now, is_drawn) {
                moved.push(Moved { cell: cell.cell.clone(), before: before.clone(), now });
            }
        }
        if moved.is_empty() {
            return Ok(None);
        }
        let name = &self.plan.experiment.name;
        Ok(Some(draw_moved(name, &moved, &self.folder.path)?))
    }

    fn without_witness(&self, error: &WitnessError) -> Failure {
        match error {
            WitnessError::Interrupted => {
                Failure::left(self.signals, "what is trained is kept; the same command carries on")
            }
            WitnessError::Shortage(_) => Failure::shortage(&self.folder.path, &error.to_string()),
        }
    }
}

/// A file whose baseline was compared.
pub(crate) struct Gated {
    /// In words.
    pub(crate) case: GateCase,
    /// In numbers.
    pub(crate) comparison: Comparison,
    /// What moved, drawn.
    pub(crate) picture: Option<PathBuf>,
}

impl Gated {
    /// For scripts.
    pub(crate) fn as_json(&self) -> Value {
        let Self { case, comparison, picture } = self;
        let numbers =
            |values: &[f64]| values.iter().copied().map(json_number).collect::<Vec<Value>>();
        let evidence = |evidence: &Evidence| {
            json!({
                "pairs": evidence.pairs,
                "estimate": json_number(evidence.estimate),
                "interval": numbers(&evidence.interval),
                "p_changed": json_number(evidence.p_changed),
                "p_equivalent": json_number(evidence.p_equivalent),
                "smallest_shown": json_number(evidence.smallest_shown),
            })
        };
        let figures = comparison.figures.iter().zip(&case.lines).map(|(compared, line)| {
            let judged = compared.judged.as_ref();
            json!({
                "cell": compared.label,
                "what": line.what,
                "verdict": line.verdict,
                "fails": line.fails,
                "margin": json_number(compared.figure.margin),
                "before": numbers(&compared.before),
                "now": numbers(&compared.now),
                "diverged": judged.map(|judged| judged.diverged),
                "seeds": judged.map(|judged| judged.seeds),
                "values": judged.and_then(|judged| judged.values.as_ref().map(evidence)),
                "share_diverged": judged.and_then(|judged| judged.share.as_ref().map(evidence)),
            })
        });
        let departure = comparison.departure.as_ref().map(|departure| {
            json!({
                "cell": departure.cell,
                "seed": departure.seed,
                "step": departure.step,
                "quantity": departure.quantity,
                "before": json_number(departure.before),
                "now": json_number(departure.now),
            })
        });
        json!({
            "file": case.file,
            "name": case.name,
            "passes": !case.fails,
            "same_bits": comparison.same_bits,
            "changed": departure,
            "seeds": comparison.seeds,
            "seeds_of_baseline": comparison.all_seeds,
            "figures": figures.collect::<Vec<_>>(),
            "picture": picture,
        })
    }
}
