//! The training loop: the article's six steps, for one run.
//!
//! Steps 2 to 5 are [`Run::step`], which neither fails, nor allocates, nor locks. Everything that
//! may take room is placed by [`Run::start`] (step 1); what ends a run (step 6) is [`train`].

mod probe;

use std::ops::Range;

use gradus_core::{Graph, Program, Scalar, Stream};
use gradus_optim::{Clock, Stepper, Walk};

use crate::batch::{Batch, gather};
use crate::constant::constant_loss;
use crate::curves::Curves;
use crate::data::Prepared;
use crate::digest;
use crate::evaluate::{Measured, evaluate, evaluate_loss, judged};
use crate::experiment::{Experiment, Order, Part, Quantity};
use crate::interruption::{Interrupted, Interruption};
use crate::record::{Curve, NamedArray, Outcome};
use crate::sabotage::is_removed;
use crate::sharpness::sharpness;
use crate::stop::{Epoch, Stopper};
use crate::weights::arrays;

pub(crate) use probe::Disturbance;

/// What a run leaves behind, before it has a key and a stamp.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// How it ended.
    pub outcome: Outcome,
    /// The rule that ended it before its length was reached, in words.
    pub stopped: Option<String>,
    /// Number of trained values.
    pub parameter_count: u64,
    /// Epochs done, the last perhaps cut short.
    pub epochs: u64,
    /// Steps done.
    pub steps: u64,
    /// Training loss at the initial weights.
    pub initial_loss: f64,
    /// Training loss of the best constant prediction.
    pub constant_loss: f64,
    /// All curves.
    pub curves: Vec<Curve>,
    /// The final parameters, or their running mean, where the file asks for them.
    pub arrays: Vec<NamedArray>,
    /// SHA-256 of the final parameters, or of their running mean: of the number of their bytes
    /// (64 bits), then the bytes, all little-endian.
    pub weights_digest: String,
}

/// What is done before each step of a run; an error ends training there.
pub type Between<'a, Run> = dyn FnMut(&mut Run) -> Result<(), Interrupted> + 'a;

/// Trains one run of a resolved experiment on prepared data.
///
/// # Panics
/// If the experiment was not checked against the data (see [`crate::File`]).
pub fn train<T: Scalar>(experiment: &Experiment, seed: u64, data: &Prepared<T>) -> Trained {
    let mut run = Run::start(experiment, seed, data);
    let outcome = run.train(&Interruption::default(), &mut |_| Ok(()));
    run.finish(outcome.expect("nobody has this one to interrupt it by"))
}

/// Every epoch has an order of its own, a function of seed and epoch and not of the order before;
/// when one batch holds everything there is nothing to order.
fn shuffle(order: &mut [u32], batch_rows: usize, seed: u64, epoch: u64) {
    if batch_rows < order.len() {
        for (row, position) in order.iter_mut().zip(0..) {
            *row = position;
        }
        Stream::new(seed, "shuffle", epoch, 0).shuffle(order);
    }
}

/// A run at work: the compiled network, the optimizer's state, and what is measured.
#[derive(Debug)]
pub struct Run<'a, T> {
    experiment: &'a Experiment,
    seed: u64,
    data: &'a Prepared<T>,
    program: Program<T>,
    stepper: Stepper<T>,
    batch: Batch<T>,
    batch_rows: usize,
    clock: Clock,
    curves: Curves,
    /// What was measured of the training part at the initial weights, until it is written down.
    initial: Option<Measured>,
    initial_loss: f64,
    constant_loss: f64,
    /// Above this loss the run counts as diverged. A run that does not move at all stands at the
    /// initial loss but for rounding, which must not decide.
    bound: f64,
    /// First step of the current stretch of epochs over which the window's loss is above the bound
    /// of divergence.
    first_above: Option<u64>,
    /// First step of this epoch whose loss is above it. The first of all is never one: its loss is
    /// that of the initial weights.
    epoch_first_above: Option<u64>,
    /// Sum of loss times rows over the epoch so far, and of rows.
    epoch_loss: f64,
    epoch_rows: u64,
    /// The same sum of the penalties, where they are recorded.
    epoch_penalty: f64,
    records_penalty: bool,
    /// In the runs that tell a gate what is noise.
    disturbance: Option<Disturbance>,
    stoppers: Vec<Stopper>,
    /// The step that ends the run, by its length or by a rule's patience.
    last_step: u64,
    pub(crate) stopped: Option<String>,
}

/// Rows that are evaluated at a time, where a batch has fewer and they take little room: it changes
/// nothing but the speed and the last bit.
const EVALUATION_ROWS: usize = 256;

/// The room that they may take, in values of the network.
const EVALUATION_NUMBERS: usize = 1 << 18;

/// Rows of a stretch of an evaluation, of so many; a batch may be more.
pub(crate) fn evaluated_rows(numbers_per_sample: usize, rows: usize) -> usize {
    EVALUATION_ROWS.min(rows).min(EVALUATION_NUMBERS / numbers_per_sample)
}

/// Relative slack of the bound of divergence, far above the rounding of an `f32` mean.
const ROUNDING: f64 = 1e-4;

impl<'a, T: Scalar> Run<'a, T> {
    /// Step 1: initialize. Compiles the network and places everything a step needs.
    ///
    /// # Panics
    /// If the experiment was not checked against the data (see [`crate::File`]).
    pub fn start(experiment: &'a Experiment, seed: u64, data: &'a Prepared<T>) -> Self {
        let rows = data.train.rows();
        let batch_rows = experiment.train.batch_rows(rows);
        let graph = Graph::build(data.input_shape, &experiment.model, experiment.init.drawn())
            .expect("the model was checked against the data");
        let numbers = graph.numbers_per_sample();
        let evaluated = evaluated_rows(numbers, rows);
        let loss = experiment.loss.clone();
        let mut program = Program::compile_for(graph, loss, batch_rows, evaluated);
        program.initialize(seed);
        if let Some(weights) = experiment.init.content() {
            weights.put_into(&mut program);
        }
        let outputs = program.output_width();
        let constant_loss = constant_loss(&experiment.loss, &data.train, outputs);
        let steps_per_epoch = experiment.train.steps_per_epoch(rows);
        let clock = Clock {
            step: 0,
            steps_per_epoch,
            total_steps: experiment.train.total_steps(steps_per_epoch),
            batch_rows: batch_rows as u64,
            epoch_rows: experiment.train.rows_per_epoch(rows) as u64,
        };
        let stoppers = experiment.train.stop.iter().map(|&rule| Stopper::new(rule));
        let mut run = Self {
            experiment,
            seed,
            data,
            stepper: experiment.optimizer.start_in_pieces(&program.parameters, program.pieces()),
            batch: Batch::new(batch_rows, &data.train),
            batch_rows,
            clock,
            curves: Curves::new(experiment, &program.parameters.layers()),
            program,
            initial: None,
            initial_loss: f64::NAN,
            constant_loss,
            bound: f64::NAN,
            first_above: None,
            epoch_first_above: None,
            epoch_loss: 0.0,
            epoch_rows: 0,
            epoch_penalty: 0.0,
            records_penalty: experiment.records(Quantity::RunningPenalizedLoss),
            disturbance: None,
            stoppers: stoppers.collect(),
            last_step: 0,
            stopped: None,
        };
        run.set_last_step();
        let initial = run.measure_part(Part::Train, &Interruption::default());
        let initial = initial.expect("nobody has this one to interrupt it by");
        // What begins below a constant prediction, with the weights of another run, has not
        // diverged before it is worse than that.
        let bound = initial.loss.max(constant_loss);
        run.bound = experiment.train.diverged_above * bound * (1.0 + ROUNDING);
        run.initial_loss = initial.loss;
        run.initial = Some(initial);
        run
    }

    pub(crate) fn set_last_step(&mut self) {
        let by_rules = self.stoppers.iter().map(Stopper::last_step);
        self.last_step = by_rules.fold(self.clock.total_steps, u64::min);
    }

    /// Steps done so far.
    pub fn steps(&self) -> u64 {
        self.clock.step
    }

    /// All that there is left to do, and how it ended; `between` is called before each step.
    ///
    /// # Errors
    /// When it is interrupted, between two steps or in the midst of an evaluation, which is then
    /// done again when the run is carried on.
    pub fn train(
        &mut self,
        interruption: &Interruption,
        between: &mut Between<'_, Self>,
    ) -> Result<Outcome, Interrupted> {
        let mut order: Vec<u32> = (0..self.data.train.rows() as u32).collect();
        if self.clock.step == 0 {
            self.evaluate(0, interruption)?;
            self.measure_sharpness(0);
        }
        let mut broken = None;
        while broken.is_none() && !self.is_done() {
            // Interrupted while it was evaluated, an epoch has no steps left to do.
            let is_trained =
                self.epoch_rows > 0 && self.clock.step.is_multiple_of(self.clock.steps_per_epoch);
            if !is_trained {
                broken = self.train_epoch(&mut order, between)?;
            }
            self.end_epoch(self.curves.epochs() + 1, broken.is_none(), interruption)?;
        }
        let outcome = broken.map_or_else(|| self.outcome(interruption), Ok)?;
        self.measure_sharpness(self.curves.epochs());
        Ok(outcome)
    }

    /// The steps of one epoch, or what is left of it; `order` has a place for each training row, to
    /// draw in. Nothing is evaluated. Returns how the run broke, if it did.
    ///
    /// # Errors
    /// When `between`, which is called before each step, says so.
    pub fn train_epoch(
        &mut self,
        order: &mut [u32],
        between: &mut Between<'_, Self>,
    ) -> Result<Option<Outcome>, Interrupted> {
        let Clock { step, steps_per_epoch, .. } = self.clock;
        if self.experiment.train.order == Order::Shuffled {
            shuffle(order, self.batch_rows, self.seed, step / steps_per_epoch);
        }
        let used = &order[..self.experiment.train.rows_per_epoch(order.len())];
        let done = (step % steps_per_epoch) as usize;
        for rows in used.chunks(self.batch_rows).skip(done) {
            between(self)?;
            let broken = self.step(rows);
            if broken.is_some() {
                return Ok(broken);
            }
        }
        Ok(None)
    }

    /// Steps 2 to 5 on these training rows: forward, loss, backward, update. Returns how the run
    /// broke, if it did.
    pub fn step(&mut self, rows: &[u32]) -> Option<Outcome> {
        if self.clock.step == self.last_step {
            return None;
        }
        if self.records_penalty {
            self.epoch_penalty += self.penalty() * rows.len() as f64;
        }
        self.batch.load(&self.data.train, rows);
        let inputs = self.data.train.inputs.view();
        let fill = |some: Range<usize>, to: &mut [T]| gather(inputs, &rows[some], to);
        let (size, targets) = ((rows.len(), self.clock.step), self.batch.targets());
        let pieces = self.stepper.pieces(self.clock);
        let (loss, finite);
        if let Some(pieces) = pieces.filter(|_| !self.curves.has_gradient_norms()) {
            loss = self.program.step(size, &fill, targets, pieces);
            finite = self.stepper.end_step(&mut self.program.parameters, self.clock);
        } else {
            loss = self.program.differentiate(size, &fill, targets);
            self.curves.add_gradient_norms(&self.program.parameters, self.clock.step == 0);
            if let Some(disturbance) = self.disturbance {
                self.disturb(disturbance);
            }
            finite = self.stepper.step(&mut self.program.parameters, self.clock);
        }

        self.clock.step += 1;
        self.epoch_loss += loss * rows.len() as f64;
        self.epoch_rows += rows.len() as u64;
        if loss > self.bound && self.epoch_first_above.is_none() && self.clock.step > 1 {
            self.epoch_first_above = Some(self.clock.step);
        }
        if loss.is_finite() && finite { None } else { self.not_finite(loss) }
    }

    /// The value of the optimizer's penalties at the present weights, as the step to come has them.
    fn penalty(&self) -> f64 {
        let parameters = &self.program.parameters;
        let rows = self.clock.rows();
        self.experiment.optimizer.penalty(&parameters.values, &parameters.ranges, rows)
    }

    /// Cold: runs once, at the end of a run that broke.
    #[cold]
    fn not_finite(&self, loss: f64) -> Option<Outcome> {
        if is_removed("finite") {
            return None;
        }
        let step = self.clock.step;
        if !loss.is_finite() {
            return Some(Outcome::Diverged {
                step,
                quantity: "loss not finite".into(),
                layer: None,
            });
        }
        let layer = self.program.parameters.first_not_finite().map(|range| range.name.clone());
        Some(Outcome::Diverged { step, quantity: "parameter not finite".into(), layer })
    }

    fn evaluate(&mut self, epoch: u64, interruption: &Interruption) -> Result<(), Interrupted> {
        let when = (epoch, self.clock.step);
        let measured = self.measure(interruption)?;
        for (&part, measured) in self.experiment.evaluated().iter().zip(&measured) {
            self.curves.push_evaluation(when, part, measured);
        }
        Ok(())
    }

    /// One for each evaluated part, at the running mean of the parameters, where the optimizer
    /// keeps one. All parts or none: what is interrupted is evaluated again from the start.
    pub(crate) fn measure(
        &mut self,
        interruption: &Interruption,
    ) -> Result<Vec<Measured>, Interrupted> {
        self.stepper.swap_averaged(&mut self.program.parameters);
        let parts = self.experiment.evaluated();
        let measured = parts.iter().map(|&part| self.measure_part(part, interruption)).collect();
        self.stepper.swap_averaged(&mut self.program.parameters);
        measured
    }

    /// The same of one part, at the present weights.
    fn measure_part(
        &mut self,
        part: Part,
        interruption: &Interruption,
    ) -> Result<Measured, Interrupted> {
        let initial = self.initial.take_if(|_| part == Part::Train);
        if let Some(measured) = initial.filter(|_| self.clock.step == 0) {
            return Ok(measured);
        }
        let (metrics, scale) = (self.experiment.metrics(), &self.data.target_scale);
        let samples = self.data.part(part).expect("evaluated parts were checked to exist");
        let penalty = self.penalty();
        evaluate(&mut self.program, samples, metrics, scale, penalty, interruption)
    }

    fn measure_sharpness(&mut self, epoch: u64) {
        if self.experiment.records(Quantity::Sharpness) {
            let weights = self.stepper.averaged().unwrap_or(&self.program.parameters.values);
            let (state, _) = self.program.state();
            let value = sharpness(self.experiment, self.data, weights, state);
            self.curves.push_sharpness((epoch, self.clock.step), value);
        }
    }

    /// Between two epochs: writes down what was measured, shows the schedule the judged metric, asks
    /// the rules that stop.
    fn end_epoch(
        &mut self,
        epoch: u64,
        is_sound: bool,
        interruption: &Interruption,
    ) -> Result<(), Interrupted> {
        // First, so that what is interrupted here has not ended its epoch.
        if is_sound {
            self.evaluate(epoch, interruption)?;
        }
        let when = (epoch, self.clock.step);
        let running_loss = self.epoch_loss / self.epoch_rows as f64;
        let penalty = self.epoch_penalty / self.epoch_rows as f64;
        (self.epoch_loss, self.epoch_penalty, self.epoch_rows) = (0.0, 0.0, 0);
        self.curves.push_epoch(when, running_loss, penalty, self.stepper.rate(self.clock));
        let is_above = self.curves.running_loss_over(self.experiment.train.window) > self.bound;
        let first = self.epoch_first_above.take().unwrap_or(self.clock.step);
        self.first_above = is_above.then(|| self.first_above.unwrap_or(first));
        if is_sound {
            self.observe();
        }
        Ok(())
    }

    fn observe(&mut self) {
        let judged = judged(self.experiment, &self.curves);
        let higher_is_better = self.experiment.judge().metric.higher_is_better();
        self.stepper.observe(if higher_is_better { -judged } else { judged });
        let epoch = Epoch {
            steps: self.clock.step,
            is_whole: self.clock.step.is_multiple_of(self.clock.steps_per_epoch),
            judged: if higher_is_better { 1.0 - judged } else { judged },
            running_loss: self.curves.last_running_loss(),
            running_penalized_loss: self.curves.last_running_penalized_loss(),
        };
        for stopper in &mut self.stoppers {
            let reason = stopper.observe(epoch);
            // A run that has reached its length was not stopped.
            if self.stopped.is_none() && self.clock.step < self.clock.total_steps {
                self.stopped = reason;
            }
        }
        self.set_last_step();
    }

    /// Step 6: until the number of steps is reached or a rule holds, and the last epoch has ended.
    fn is_done(&self) -> bool {
        let is_long = self.clock.step == self.clock.total_steps || self.stopped.is_some();
        is_long && self.epoch_rows == 0
    }

    /// The training loss that the rule of divergence looks at: the mean over the last window, or
    /// all of it at the end, where the last epoch was cut short and its few batches say little, or
    /// where training drops units and so sees a larger loss than the one at the start.
    fn loss_at_end(&mut self, interruption: &Interruption) -> Result<f64, Interrupted> {
        let is_whole = self.clock.step.is_multiple_of(self.clock.steps_per_epoch);
        if is_whole && !self.program.trains_otherwise() {
            return Ok(self.curves.running_loss_over(self.experiment.train.window));
        }
        evaluate_loss(&mut self.program, &self.data.train, interruption)
    }

    /// Walks over everything that decides what the run will come to. What is computed from the
    /// initial weights is the same in every process.
    pub(crate) fn walk(&mut self, walk: &mut dyn Walk<T>) {
        walk.count("step", &mut self.clock.step);
        walk.numbers("parameters", &mut self.program.parameters.values);
        walk.numbers("operations", self.program.state_mut());
        self.stepper.walk(walk);
        self.curves.walk(walk);
        for (name, step) in
            [("first_above", &mut self.first_above), ("epoch.first", &mut self.epoch_first_above)]
        {
            // Steps are counted from 1.
            let mut count = step.unwrap_or(0);
            walk.count(name, &mut count);
            *step = (count > 0).then_some(count);
        }
        walk.double("epoch.loss", &mut self.epoch_loss);
        walk.count("epoch.rows", &mut self.epoch_rows);
        walk.double("epoch.penalty", &mut self.epoch_penalty);
        for (position, stopper) in self.stoppers.iter_mut().enumerate() {
            stopper.walk(&format!("stop.{position}"), walk);
        }
        let stopped = self.stopped.take().unwrap_or_default();
        let mut letters = stopped.chars().map(u64::from).collect();
        walk.words("stopped", &mut letters);
        let letter = |letter| u32::try_from(letter).ok().and_then(char::from_u32);
        let stopped: String = letters.into_iter().filter_map(letter).collect();
        self.stopped = (!stopped.is_empty()).then_some(stopped);
    }

    /// How a run ended whose values are all finite.
    fn outcome(&mut self, interruption: &Interruption) -> Result<Outcome, Interrupted> {
        Ok(if self.loss_at_end(interruption)? > self.bound {
            let step = self.first_above.unwrap_or(self.clock.step);
            Outcome::Diverged { step, quantity: "loss above the bound".into(), layer: None }
        } else if self.curves.least_training_loss() < self.constant_loss {
            Outcome::Trained
        } else {
            Outcome::Stalled
        })
    }

    /// What is left behind by a run that ended so.
    pub fn finish(mut self, outcome: Outcome) -> Trained {
        self.stepper.swap_averaged(&mut self.program.parameters);
        let parameters = &self.program.parameters;
        let keeps_weights = self.experiment.records(Quantity::Weights);
        Trained {
            outcome,
            stopped: self.stopped,
            parameter_count: parameters.values.len() as u64,
            epochs: self.curves.epochs(),
            steps: self.clock.step,
            initial_loss: self.initial_loss,
            constant_loss: self.constant_loss,
            arrays: if keeps_weights { arrays(&self.program) } else { Vec::new() },
            weights_digest: digest::of_values(parameters),
            curves: self.curves.finish(),
        }
    }
}
