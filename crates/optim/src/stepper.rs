//! An optimizer at work: its description and the state of every part.

use std::ops::Range;

use gradus_core::{ParameterRange, Parameters, Scalar, Update, vectorized};

use crate::average::Averaging;
use crate::clock::{Clock, Each};
use crate::constraint::Constrain;
use crate::schedule::{PlateauState, Schedule};
use crate::transforms::{Links, Step, Transform};
use crate::walk::Walk;

/// An [`Optimizer`](crate::Optimizer) at work.
#[derive(Debug)]
pub struct Stepper<T> {
    pub(crate) learning_rate: f64,
    pub(crate) schedule: Schedule,
    pub(crate) each: Each,
    pub(crate) warm_up: f64,
    pub(crate) plateau: PlateauState,
    /// One for each piece of the parameters, or one for all.
    pub(crate) pieces: Vec<PieceStepper<T>>,
    /// Whether there is one for each piece.
    pub(crate) is_apart: bool,
    pub(crate) constraints: Vec<Constrain>,
    pub(crate) average: Option<Averaging<T>>,
}

/// What all pieces of a step share.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Moment {
    /// The learning rate, before the multipliers of parameters.
    rate: f64,
    /// Samples that the gradient is the mean over.
    rows: u64,
}

/// The chain for a stretch of the parameters.
#[derive(Debug)]
pub struct PieceStepper<T> {
    /// Where it lies among all.
    flat: Range<usize>,
    chain: Links<T>,
    /// What of each parameter lies in the stretch, counted from its beginning.
    ranges: Vec<ParameterRange>,
    spans: Vec<Span>,
    /// Of the step that is to come.
    moment: Moment,
    is_finite: bool,
}

/// Neighbors with the same multiplier of the rate; one span for most networks.
#[derive(Debug)]
struct Span {
    range: Range<usize>,
    rate_multiplier: f64,
}

fn spans(ranges: &[ParameterRange]) -> Vec<Span> {
    let of_neighbors = |neighbors: &[ParameterRange]| Span {
        range: neighbors[0].range.start..neighbors[neighbors.len() - 1].range.end,
        rate_multiplier: neighbors[0].rate_multiplier,
    };
    let same = |a: &ParameterRange, b: &ParameterRange| a.rate_multiplier == b.rate_multiplier;
    ranges.chunk_by(same).map(of_neighbors).collect()
}

impl<T: Scalar> PieceStepper<T> {
    pub(crate) fn new(chain: &[Transform], parameters: &Parameters<T>, flat: Range<usize>) -> Self {
        let inside = |parameter: &ParameterRange| {
            let start = parameter.range.start.max(flat.start);
            let end = parameter.range.end.min(flat.end);
            (start < end).then(|| ParameterRange {
                range: start - flat.start..end - flat.start,
                ..parameter.clone()
            })
        };
        let ranges: Vec<ParameterRange> = parameters.ranges.iter().filter_map(inside).collect();
        Self {
            chain: Transform::start(chain, &ranges),
            spans: spans(&ranges),
            ranges,
            flat,
            moment: Moment { rate: 0.0, rows: 0 },
            is_finite: true,
        }
    }
}

impl<T: Scalar> Update<T> for PieceStepper<T> {
    /// Less the rate, where the chain is empty and all have the same rate.
    fn scale(&self) -> Option<T> {
        let [span] = &self.spans[..] else { return None };
        let is_plain = self.chain.is_empty() && span.rate_multiplier != 0.0;
        is_plain.then(|| -T::from_f64(self.moment.rate * span.rate_multiplier))
    }

    fn update(&mut self, values: &mut [T], gradients: &mut [T]) {
        let moment = self.moment;
        for span in self.spans.iter().filter(|span| span.rate_multiplier == 0.0) {
            gradients[span.range.clone()].fill(T::ZERO);
        }
        let step = Step { values, ranges: &self.ranges, rows: moment.rows, rate: moment.rate };
        for transform in &mut self.chain {
            transform.apply(&step, gradients);
        }
        for span in self.spans.iter().filter(|span| span.rate_multiplier != 0.0) {
            let rate = T::from_f64(moment.rate * span.rate_multiplier);
            let updates = &gradients[span.range.clone()];
            let values = &mut values[span.range.clone()];
            vectorized(|| {
                for (value, &update) in values.iter_mut().zip(updates) {
                    *value -= rate * update;
                }
            });
        }
        self.updated(values);
    }

    /// Notes whether every value is finite.
    fn updated(&mut self, values: &[T]) {
        self.is_finite = are_finite(values);
    }
}

/// No early exit: a plain reduction is vectorised and costs next to nothing.
fn are_finite<T: Scalar>(values: &[T]) -> bool {
    vectorized(|| values.iter().fold(true, |finite, value| finite & value.is_finite()))
}

impl<T: Scalar> Stepper<T> {
    /// The learning rate at this moment, with schedule and warm-up.
    pub fn rate(&self, clock: Clock) -> f64 {
        let clock = match self.each {
            Each::Step => clock,
            Each::Epoch => clock.by_epochs(),
        };
        self.learning_rate * self.schedule.factor(clock, self.warm_up, self.plateau)
    }

    /// One for each piece, ready for the step at this moment, to be updated one by one before
    /// [`Stepper::end_step`]; `None` where the chain must see all gradients together.
    pub fn pieces(&mut self, clock: Clock) -> Option<&mut [PieceStepper<T>]> {
        self.begin_step(clock);
        self.is_apart.then_some(&mut self.pieces)
    }

    fn begin_step(&mut self, clock: Clock) {
        let moment = Moment { rate: self.rate(clock), rows: clock.rows() };
        self.pieces.iter_mut().for_each(|piece| piece.moment = moment);
    }

    /// Changes the parameters by their gradients, which are used up. Returns whether every value
    /// is finite afterwards.
    pub fn step(&mut self, parameters: &mut Parameters<T>, clock: Clock) -> bool {
        self.begin_step(clock);
        for piece in &mut self.pieces {
            let flat = piece.flat.clone();
            let values = &mut parameters.values[flat.clone()];
            piece.update(values, &mut parameters.gradients[flat]);
        }
        self.end_step(parameters, clock)
    }

    /// What is left to do once every piece is stepped: constraints and the average. Returns
    /// whether every value is finite.
    pub fn end_step(&mut self, parameters: &mut Parameters<T>, clock: Clock) -> bool {
        let Parameters { values, ranges, .. } = parameters;
        for constraint in &mut self.constraints {
            constraint.apply(values, ranges);
        }
        if let Some(average) = &mut self.average {
            average.add(values, clock);
        }
        if self.constraints.is_empty() {
            self.pieces.iter().all(|piece| piece.is_finite)
        } else {
            are_finite(values)
        }
    }

    /// The running mean of the parameters; `None` where the file asks for none, or none is there
    /// yet: then the parameters themselves are what is evaluated.
    pub fn averaged(&self) -> Option<&[T]> {
        self.average.as_ref().and_then(Averaging::mean)
    }

    /// Puts the running mean in the place of the parameters, and the parameters in its own, where
    /// there is a mean: done twice, all is as before. Nothing is copied.
    pub fn swap_averaged(&mut self, parameters: &mut Parameters<T>) {
        if let Some(mean) = self.average.as_mut().and_then(Averaging::mean_mut) {
            std::mem::swap(&mut parameters.values, mean);
        }
    }

    /// Shows the schedule the judged metric of an epoch (lower is better); only `Plateau` listens.
    pub fn observe(&mut self, metric: f64) {
        self.schedule.observe(metric, &mut self.plateau);
    }
    /// Walks over everything that decides later steps: the schedule's memory, the state of every
    /// transformation, the average. Constraints and penalties keep nothing.
    pub fn walk(&mut self, walk: &mut dyn Walk<T>) {
        self.plateau.walk(walk);
        for (position, piece) in self.pieces.iter_mut().enumerate() {
            for (link, transform) in piece.chain.iter_mut().enumerate() {
                transform.walk(&format!("piece.{position}.chain.{link}"), walk);
            }
        }
        if let Some(average) = &mut self.average {
            average.walk(walk);
        }
    }
}
