//! The runs of a plan in order: a cell for each combination of the axes' values, a facet for
//! each combination of the axes beside the learning rate, and the measure that judges.

use std::collections::BTreeMap;

use gradus_core::Loss;
use gradus_runner::{
    At, Coordinate, Curve, Judge, Metric, Outcome, Part, PlannedRun, Results, RunRecord,
};

use gradus_runner::statistics::{argmin, median, quantile};

/// Name of the axis that this report is about.
pub(crate) const LEARNING_RATE: &str = "learning rate";

/// Everything that tables, verdict and charts ask of the results, worked out once.
pub(crate) struct Survey<'a> {
    /// What is surveyed.
    pub(crate) results: &'a Results,
    /// The cells in plan order.
    pub(crate) cells: Vec<Cell<'a>>,
    /// The combinations of the axes beside the learning rate, in plan order; one, without a
    /// label, where there are none.
    pub(crate) facets: Vec<Facet>,
    /// What "best" means.
    pub(crate) judged: Measure,
}

/// The runs of one combination of the axes' values: one a seed.
pub(crate) struct Cell<'a> {
    /// Its place on the axes.
    pub(crate) coordinates: &'a [Coordinate],
    /// Its runs, in plan order.
    pub(crate) runs: Vec<&'a PlannedRun>,
}

/// The cells that differ in the learning rate only.
pub(crate) struct Facet {
    /// The other coordinates in words; empty where there are none.
    pub(crate) label: String,
    /// Indices of its cells; ascending learning rates where there are any.
    pub(crate) cells: Vec<usize>,
}

/// How many runs of a cell ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) planned: usize,
    pub(crate) diverged: usize,
    pub(crate) stalled: usize,
    pub(crate) failed: usize,
    pub(crate) missing: usize,
}

impl Counts {
    /// Runs with a result: trained, stalled or diverged.
    pub(crate) fn finished(&self) -> usize {
        self.planned - self.failed - self.missing
    }

    /// Share of the runs with a result that diverged; 0 where there is none.
    pub(crate) fn diverged_share(&self) -> f64 {
        self.diverged as f64 / self.finished().max(1) as f64
    }
}

/// A number that a run is judged by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measure {
    pub(crate) metric: Metric,
    pub(crate) split: Part,
    pub(crate) at: At,
    loss: Loss,
}

impl<'a> Survey<'a> {
    /// Sorts the runs.
    pub(crate) fn new(results: &'a Results) -> Self {
        let mut cells: Vec<Cell<'a>> = Vec::new();
        let mut index_of = BTreeMap::new();
        for run in &results.runs {
            let index = *index_of.entry(run.cell).or_insert(cells.len());
            if index == cells.len() {
                cells.push(Cell { coordinates: &run.coordinates, runs: Vec::new() });
            }
            cells[index].runs.push(run);
        }
        let experiment = &results.experiment;
        let judge = experiment.judge.unwrap_or_else(|| {
            let split = experiment.evaluate.as_ref().and_then(|parts| parts.first().copied());
            Judge { metric: Metric::Loss, split: split.unwrap_or(Part::Train), at: At::Final }
        });
        let judged = Measure {
            metric: judge.metric,
            split: judge.split,
            at: judge.at,
            loss: experiment.loss.clone(),
        };
        Self { results, facets: facets(&cells), cells, judged }
    }

    /// Whether the learning rate is varied.
    pub(crate) fn varies_rate(&self) -> bool {
        self.cells.first().is_some_and(|cell| cell.rate().is_some())
    }

    /// All learning rates, ascending, each once.
    pub(crate) fn rates(&self) -> Vec<f64> {
        let mut rates: Vec<f64> = self.cells.iter().filter_map(Cell::rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        rates
    }

    /// The parts that were evaluated, in the order of the file.
    pub(crate) fn evaluated(&self) -> &[Part] {
        self.results.experiment.evaluate.as_deref().unwrap_or_default()
    }

    /// Every record of the plan.
    pub(crate) fn records(&self) -> impl Iterator<Item = &'a RunRecord> {
        self.results.runs.iter().filter_map(|run| run.record.as_ref())
    }

    /// The index of the cell with the lowest median cost.
    pub(crate) fn best_cell(&self) -> Option<usize> {
        argmin(&self.cells.iter().map(|cell| median(&cell.costs(&self.judged))).collect::<Vec<_>>())
    }

    /// The most seeds of a cell.
    pub(crate) fn n_seeds(&self) -> usize {
        self.cells.iter().map(|cell| cell.runs.len()).max().unwrap_or(0)
    }
}

fn facets(cells: &[Cell<'_>]) -> Vec<Facet> {
    let mut facets: Vec<Facet> = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let label = cell.label_beside_rate();
        // Without a learning rate every cell stands by itself, all in one facet.
        let label = if cell.rate().is_some() { label } else { String::new() };
        match facets.iter_mut().find(|facet| facet.label == label) {
            Some(facet) => facet.cells.push(index),
            None => facets.push(Facet { label, cells: vec![index] }),
        }
    }
    let rate = |&index: &usize| cells[index].rate().unwrap_or(0.0);
    for facet in &mut facets {
        facet.cells.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    }
    facets
}

impl<'a> Cell<'a> {
    /// The learning rate, if it is an axis.
    pub(crate) fn rate(&self) -> Option<f64> {
        let found = self.coordinates.iter().find(|coordinate| coordinate.axis == LEARNING_RATE);
        found.and_then(|coordinate| coordinate.number)
    }

    /// The coordinates beside the learning rate: `momentum 0.9, batch 32`.
    pub(crate) fn label_beside_rate(&self) -> String {
        label(self.coordinates.iter().filter(|coordinate| coordinate.axis != LEARNING_RATE))
    }

    /// All coordinates: `momentum 0.9, batch 32`; the bare value where there is one axis only.
    pub(crate) fn label(&self) -> String {
        match self.coordinates {
            [] => "the only cell".to_string(),
            [only] => shown(only),
            all => label(all.iter()),
        }
    }

    /// The records of runs that ended by themselves: trained, stalled or diverged.
    pub(crate) fn records(&self) -> impl Iterator<Item = &'a RunRecord> {
        let records = self.runs.iter().filter_map(|run| run.record.as_ref());
        records.filter(|record| !matches!(record.outcome, Outcome::Failed { .. }))
    }

    /// The seeds of [`Cell::records`], in the same order.
    pub(crate) fn seeds(&self) -> Vec<u64> {
        self.records().map(|record| record.seed).collect()
    }

    /// How its runs ended.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts { planned: self.runs.len(), ..Counts::default() };
        for run in &self.runs {
            match run.record.as_ref().map(|record| &record.outcome) {
                None => counts.missing += 1,
                Some(Outcome::Failed { .. }) => counts.failed += 1,
                Some(Outcome::Diverged { .. }) => counts.diverged += 1,
                Some(Outcome::Stalled) => counts.stalled += 1,
                Some(Outcome::Trained) => {}
            }
        }
        counts
    }

    /// The cost of each of its records by this measure: lower is better, diverged is `+inf`.
    pub(crate) fn costs(&self, measure: &Measure) -> Vec<f64> {
        self.records().map(|record| measure.cost(record)).collect()
    }

    /// The value of `measure` at this quantile of cost: 0.25 is the better quarter.
    pub(crate) fn value_at(&self, measure: &Measure, share: f64) -> f64 {
        measure.value_of_cost(quantile(&self.costs(measure), share))
    }
}

fn label<'a>(coordinates: impl Iterator<Item = &'a Coordinate>) -> String {
    let words = coordinates.map(|coordinate| format!("{} {}", coordinate.axis, shown(coordinate)));
    words.collect::<Vec<_>>().join(", ")
}

/// The value of a coordinate for people.
pub(crate) fn shown(coordinate: &Coordinate) -> String {
    coordinate.number.map_or_else(|| coordinate.label.clone(), crate::numbers::short)
}

impl Measure {
    /// The same measure at another moment.
    pub(crate) fn at(&self, at: At) -> Self {
        Self { at, ..self.clone() }
    }

    /// This metric on `split` at the end.
    pub(crate) fn of(metric: Metric, loss: &Loss, split: Part) -> Self {
        Self { metric, split, at: At::Final, loss: loss.clone() }
    }

    fn judge(&self) -> Judge {
        Judge { metric: self.metric, split: self.split, at: self.at }
    }

    /// The curve that it is read from.
    pub(crate) fn curve<'r>(&self, record: &'r RunRecord) -> Option<&'r Curve> {
        self.judge().curve(record)
    }

    /// The value as measured, whatever became of the run; NaN where nothing was.
    pub(crate) fn value(&self, record: &RunRecord) -> f64 {
        self.judge().value(record)
    }

    /// What runs are compared by: lower is better, and a diverged run is worst, `+inf`.
    pub(crate) fn cost(&self, record: &RunRecord) -> f64 {
        let value = self.value(record);
        if record.outcome.is_diverged() || !value.is_finite() {
            return f64::INFINITY;
        }
        self.value_of_cost(value)
    }

    /// A cost as a value, and a value as a cost: the sign changes where higher is better.
    pub(crate) fn value_of_cost(&self, cost: f64) -> f64 {
        if self.metric.higher_is_better() { -cost } else { cost }
    }

    /// What is measured, with its unit.
    pub(crate) fn quantity(&self) -> String {
        match self.metric {
            Metric::Accuracy => "accuracy (share correct)".to_string(),
            Metric::BalancedAccuracy => "balanced accuracy (mean recall)".to_string(),
            Metric::Rmse => "root mean squared error (units of the file)".to_string(),
            Metric::Mae => "mean absolute error (units of the file)".to_string(),
            Metric::Loss => loss_name(&self.loss).to_string(),
            Metric::PenalizedLoss => format!("{} with penalties", loss_name(&self.loss)),
            _ => metric_words(self.metric),
        }
    }

    /// In a sentence: `validation loss`.
    pub(crate) fn words(&self) -> String {
        let part = if self.split == Part::Train { "training" } else { self.split.name() };
        format!("{part} {}", metric_words(self.metric))
    }

    /// When it is measured: `at the end`.
    pub(crate) fn moment(&self) -> String {
        match self.at {
            At::Final => "at the end".to_string(),
            At::Best => "at the best epoch".to_string(),
            At::BestOf(part) => format!("at the epoch of the best on {}", part.name()),
            At::Window(epochs) => format!("over the last {epochs} epochs"),
        }
    }
}

/// The metric in a sentence: `mean squared error`.
pub(crate) fn metric_words(metric: Metric) -> String {
    match metric {
        Metric::Mse => "mean squared error".to_string(),
        Metric::Rmse => "RMSE".to_string(),
        Metric::Mae => "mean absolute error".to_string(),
        Metric::R2 => "R²".to_string(),
        Metric::TopK(k) => format!("top-{k} accuracy"),
        other => other.name().replace('_', " "),
    }
}

/// A loss with its unit, for axes.
pub(crate) fn loss_name(loss: &Loss) -> &'static str {
    match loss {
        Loss::HalfMse => "half mean squared error",
        Loss::Mse => "mean squared error",
        Loss::Mae => "mean absolute error",
        Loss::Huber(_) => "Huber loss",
        Loss::CrossEntropy | Loss::CrossEntropyWith { .. } => "cross-entropy (nats)",
        Loss::BinaryCrossEntropy => "binary cross-entropy (nats)",
        Loss::Hinge => "hinge loss",
    }
}
