//! A compiled network: every buffer has its place, and a step cannot fail.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::graph::NodeId;
use crate::operation::{Backward, Forward, Mode, Operation, Slot};
use crate::random::StreamName;
use crate::{Graph, Loss, Parameters, Scalar, Shape, Targets};

/// A network and its loss, ready to run on up to `capacity` samples at a time.
///
/// `values` holds every node's output in graph order, so that what a step reads always lies before
/// what it writes and one `split_at_mut` separates them; `gradients` has the same layout. A short
/// batch uses the front of each slot; a view of another shape uses the slot of what it views.
#[derive(Debug)]
pub struct Program<T> {
    steps: Vec<Step<T>>,
    slots: Vec<Slot>,
    output: Slot,
    output_shape: Shape,
    values: Vec<T>,
    gradients: Vec<T>,
    scratch: Vec<T>,
    state: Vec<T>,
    states: Vec<StateRange<T>>,
    /// The trained values, their gradients, names and places.
    pub parameters: Parameters<T>,
    loss: Loss,
    capacity: usize,
    rows: usize,
    seed: u64,
    mode: Mode,
}

/// Named values that an operation keeps from step to step.
#[derive(Clone, Debug, PartialEq)]
pub struct StateRange<T> {
    /// Position of the layer, kind of layer and name: `1.BatchNorm.running_mean`.
    pub name: String,
    /// Where it lies in [`Program::state`].
    pub range: Range<usize>,
    initial: Vec<T>,
}

#[derive(Debug)]
struct Step<T> {
    operation: Box<dyn Operation<T>>,
    inputs: Vec<Slot>,
    needs_gradient: Vec<bool>,
    output: Slot,
    parameters: Range<usize>,
    scratch: Range<usize>,
    state: Range<usize>,
    stream: StreamName,
}

impl<T: Scalar> Program<T> {
    /// Places every buffer of `graph` for batches of up to `capacity` samples.
    ///
    /// # Panics
    /// If `capacity` is 0, or the buffers do not fit the address space.
    pub fn compile(graph: Graph<T>, loss: Loss, capacity: usize) -> Self {
        assert!(capacity > 0, "a program for batches of 0 samples has nothing to do");
        const FITS: &str = "the buffers of a program fit the address space";
        let mut slots: Vec<Slot> = Vec::with_capacity(graph.values.len());
        let mut owners = Vec::new();
        let mut end = 0_usize;
        for (position, value) in graph.values.iter().enumerate() {
            if value.storage.0 != position {
                slots.push(slots[value.storage.0]);
                continue;
            }
            let slot = Slot { offset: end, len: value.shape.len() };
            end = slot.len.checked_mul(capacity).and_then(|len| end.checked_add(len)).expect(FITS);
            slots.push(slot);
            owners.push(slot);
        }
        // A value needs a gradient when something trained stands before it or in it.
        let mut trained = vec![false; graph.values.len()];
        let (mut scratch_end, mut state_end) = (0_usize, 0);
        let mut states = Vec::new();
        let mut steps = Vec::with_capacity(graph.nodes.len());
        for node in graph.nodes {
            let is_trained = |id: &NodeId| trained[graph.values[id.0].storage.0];
            let needs_gradient: Vec<bool> = node.inputs.iter().map(is_trained).collect();
            trained[node.output.0] = !node.parameters.is_empty() || needs_gradient.contains(&true);
            let scratch_start = scratch_end;
            let scratch = node.operation.scratch(capacity);
            scratch_end = scratch_end.checked_add(scratch).expect(FITS);
            let state_start = state_end;
            for state in node.operation.state() {
                let range = state_end..state_end + state.values.len();
                state_end = range.end;
                let name = format!("{}.{}", node.name, state.name);
                states.push(StateRange { name, range, initial: state.values });
            }
            steps.push(Step {
                operation: node.operation,
                inputs: node.inputs.iter().map(|id| slots[id.0]).collect(),
                needs_gradient,
                output: slots[node.output.0],
                parameters: node.parameters,
                scratch: scratch_start..scratch_end,
                state: state_start..state_end,
                stream: StreamName::new(&node.name),
            });
        }
        let mut program = Self {
            steps,
            output: slots[graph.output.0],
            output_shape: graph.values[graph.output.0].shape,
            slots: owners,
            values: vec![T::ZERO; end],
            gradients: vec![T::ZERO; end],
            scratch: vec![T::ZERO; scratch_end],
            state: vec![T::ZERO; state_end],
            states,
            parameters: Parameters::new(graph.parameters),
            loss,
            capacity,
            rows: capacity,
            seed: 0,
            mode: Mode::Evaluate,
        };
        program.initialize_state();
        program
    }

    /// Draws every parameter anew, puts every state back to its beginning, and makes `seed` the
    /// one that training draws by.
    pub fn initialize(&mut self, seed: u64) {
        self.seed = seed;
        self.parameters.initialize(seed);
        self.initialize_state();
    }

    fn initialize_state(&mut self) {
        for state in &self.states {
            self.state[state.range.clone()].copy_from_slice(&state.initial);
        }
    }

    /// What the operations keep from step to step beside the parameters: the values and, in the
    /// same order, their names and places.
    pub fn state(&self) -> (&[T], &[StateRange<T>]) {
        (&self.state, &self.states)
    }

    /// The values of [`Program::state`], to be set to those of another moment.
    pub fn state_mut(&mut self) -> &mut [T] {
        &mut self.state
    }

    /// The most samples that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether training computes another output than evaluation: units are dropped, or statistics
    /// are those of the batch.
    pub fn trains_otherwise(&self) -> bool {
        self.steps.iter().any(|step| step.operation.trains_otherwise())
    }

    /// The loss it is held against.
    pub fn loss_kind(&self) -> &Loss {
        &self.loss
    }

    /// Takes the next `rows` samples: their inputs are to be written to the view, (N, D).
    ///
    /// # Panics
    /// If `rows` is 0 or above the capacity.
    pub fn begin(&mut self, rows: usize) -> ArrayViewMut2<'_, T> {
        assert!((1..=self.capacity).contains(&rows), "{rows} rows of {}", self.capacity);
        self.rows = rows;
        self.slots[0].view_mut(&mut self.values, rows)
    }

    /// Computes every node from the inputs and the parameters.
    pub fn forward(&mut self, mode: Mode) {
        self.mode = mode;
        for step in &self.steps {
            let (values, output) = self.values.split_at_mut(step.output.offset);
            step.operation.forward(Forward {
                rows: self.rows,
                inputs: &step.inputs,
                values,
                parameters: &self.parameters.values,
                ranges: &self.parameters.ranges[step.parameters.clone()],
                seed: self.seed,
                stream: step.stream,
                mode,
                scratch: &mut self.scratch[step.scratch.clone()],
                state: &mut self.state[step.state.clone()],
                y: step.output.at_front().view_mut(output, self.rows),
            });
        }
    }

    /// The predictions of the last forward pass, (N, K); of a network that ends in a sequence, one
    /// for each token, (N T, K).
    pub fn output(&self) -> ArrayView2<'_, T> {
        let (count, width) = self.output_shape.predictions();
        let slot = Slot { offset: self.output.offset, len: width };
        slot.view(&self.values, self.rows * count)
    }

    /// The loss of the last forward pass.
    ///
    /// # Panics
    /// If the targets are not as many as the predictions, or of the wrong kind for the loss.
    pub fn loss(&self, targets: Targets<'_, T>) -> f64 {
        let output = self.output();
        assert_eq!(targets.rows(), output.nrows(), "a target for each prediction");
        self.loss.value(output, targets)
    }

    /// The same loss; leaves its gradient by every parameter in `parameters.gradients`.
    ///
    /// # Panics
    /// As [`Program::loss`].
    pub fn backward(&mut self, targets: Targets<'_, T>) -> f64 {
        self.clear_gradients();
        let (count, width) = self.output_shape.predictions();
        let slot = Slot { offset: self.output.offset, len: width };
        let predictions = self.rows * count;
        assert_eq!(targets.rows(), predictions, "a target for each prediction");
        let loss = self.loss.differentiate(
            slot.view(&self.values, predictions),
            targets,
            slot.view_mut(&mut self.gradients, predictions),
        );
        for step in self.steps.iter().rev() {
            let (input_gradients, gradient) = self.gradients.split_at_mut(step.output.offset);
            step.operation.backward(Backward {
                rows: self.rows,
                inputs: &step.inputs,
                needs_gradient: &step.needs_gradient,
                values: &self.values,
                input_gradients,
                parameters: &self.parameters.values,
                parameter_gradients: &mut self.parameters.gradients,
                ranges: &self.parameters.ranges[step.parameters.clone()],
                mode: self.mode,
                scratch: &mut self.scratch[step.scratch.clone()],
                state: &self.state[step.state.clone()],
                y: step.output.view(&self.values, self.rows),
                dy: step.output.at_front().view(gradient, self.rows),
            });
        }
        loss
    }

    /// Every gradient is added to, so all begin at zero.
    fn clear_gradients(&mut self) {
        for slot in &self.slots {
            slot.view_mut(&mut self.gradients, self.rows).fill(T::ZERO);
        }
        self.parameters.gradients.fill(T::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayView2, arr2};

    use super::Program;
    use crate::{Graph, Initialization, Layer, Loss, Mode, Shape, Targets};

    fn compile(capacity: usize) -> Program<f64> {
        let layers = [Layer::dense(3), Layer::Tanh, Layer::dense(2)];
        let graph = Graph::build(Shape::Features(2), &layers, Initialization::default())
            .expect("the model fits");
        let mut program = Program::compile(graph, Loss::Mse, capacity);
        program.initialize(3);
        program
    }

    fn step(program: &mut Program<f64>, x: ArrayView2<'_, f64>) -> (f64, Vec<f64>) {
        program.begin(x.nrows()).assign(&x);
        program.forward(Mode::Evaluate);
        let loss = program.backward(Targets::Values(x));
        (loss, program.parameters.gradients.clone())
    }

    /// Padding must never leak: a short batch in a large program is the small program.
    #[test]
    fn a_short_batch_gives_the_bits_of_a_program_made_for_it() {
        let x = arr2(&[[0.3, -1.2], [0.7, 0.1], [2.0, -0.4]]);
        let mut large = compile(8);
        let full = ndarray::Array2::from_elem((8, 2), 0.9);
        step(&mut large, full.view());
        assert_eq!(step(&mut large, x.view()), step(&mut compile(3), x.view()));
    }

    /// No stale buffer: the second step from the same state is the first.
    #[test]
    fn a_repeated_step_gives_the_same_bits() {
        let x = arr2(&[[0.3, -1.2], [0.7, 0.1]]);
        let mut program = compile(2);
        let first = step(&mut program, x.view());
        assert_eq!(first, step(&mut program, x.view()));
        assert!(first.1.iter().any(|&gradient| gradient != 0.0));
    }

    #[test]
    fn an_empty_model_hands_its_input_through() {
        let graph = Graph::build(Shape::Features(2), &[Layer::Identity], Initialization::default())
            .expect("the model fits");
        let mut program: Program<f64> = Program::compile(graph, Loss::Mse, 1);
        let x = arr2(&[[1.0, 3.0]]);
        program.begin(1).assign(&x);
        program.forward(Mode::Evaluate);
        assert_eq!(program.output(), x);
        assert_eq!(program.backward(Targets::Values(arr2(&[[1.0, 1.0]]).view())), 2.0);
    }
}
