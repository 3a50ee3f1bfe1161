//! A compiled network: every buffer has its place, and a step cannot fail.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::operation::{Backward, Forward, Operation, Slot};
use crate::{Graph, Loss, Parameters, Scalar, Targets};

/// A network and its loss, ready to run on up to `capacity` samples at a time.
///
/// `values` holds every node's output in graph order, so that what a step reads always lies before
/// what it writes and one `split_at_mut` separates them; `gradients` has the same layout. A short
/// batch uses the front of each slot.
#[derive(Debug)]
pub struct Program<T> {
    steps: Vec<Step<T>>,
    slots: Vec<Slot>,
    values: Vec<T>,
    gradients: Vec<T>,
    /// The trained values, their gradients, names and places.
    pub parameters: Parameters<T>,
    loss: Loss,
    capacity: usize,
    rows: usize,
}

#[derive(Debug)]
struct Step<T> {
    operation: Box<dyn Operation<T>>,
    inputs: Vec<Slot>,
    needs_gradient: Vec<bool>,
    output: Slot,
    parameters: Range<usize>,
}

impl<T: Scalar> Program<T> {
    /// Places every buffer of `graph` for batches of up to `capacity` samples.
    ///
    /// # Panics
    /// If `capacity` is 0, or the buffers do not fit the address space.
    pub fn compile(graph: Graph<T>, loss: Loss, capacity: usize) -> Self {
        assert!(capacity > 0, "a program for batches of 0 samples has nothing to do");
        let mut slots = Vec::with_capacity(graph.shapes.len());
        let mut end = 0_usize;
        for shape in &graph.shapes {
            slots.push(Slot { offset: end, len: shape.len() });
            end = shape
                .len()
                .checked_mul(capacity)
                .and_then(|len| end.checked_add(len))
                .expect("the buffers of a program fit the address space");
        }
        // A node needs a gradient when something trained stands before it or in it.
        let mut trained = vec![false];
        let mut steps = Vec::with_capacity(graph.nodes.len());
        for (position, node) in graph.nodes.into_iter().enumerate() {
            let needs_gradient: Vec<bool> = node.inputs.iter().map(|id| trained[id.0]).collect();
            trained.push(!node.parameters.is_empty() || needs_gradient.contains(&true));
            steps.push(Step {
                operation: node.operation,
                inputs: node.inputs.iter().map(|id| slots[id.0]).collect(),
                needs_gradient,
                output: slots[position + 1],
                parameters: node.parameters,
            });
        }
        Self {
            steps,
            slots,
            values: vec![T::ZERO; end],
            gradients: vec![T::ZERO; end],
            parameters: Parameters::new(graph.parameters),
            loss,
            capacity,
            rows: capacity,
        }
    }

    /// The most samples that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The loss it is held against.
    pub fn loss_kind(&self) -> Loss {
        self.loss
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
    pub fn forward(&mut self) {
        for step in &self.steps {
            let (values, output) = self.values.split_at_mut(step.output.offset);
            step.operation.forward(Forward {
                rows: self.rows,
                inputs: &step.inputs,
                values,
                parameters: &self.parameters.values,
                ranges: &self.parameters.ranges[step.parameters.clone()],
                y: step.output.at_front().view_mut(output, self.rows),
            });
        }
    }

    /// The output of the last forward pass, (N, length of a sample).
    pub fn output(&self) -> ArrayView2<'_, T> {
        self.output_slot().view(&self.values, self.rows)
    }

    /// The loss of the last forward pass.
    ///
    /// # Panics
    /// If the targets are not as many as the rows, or of the wrong kind for the loss.
    pub fn loss(&self, targets: Targets<'_, T>) -> f64 {
        assert_eq!(targets.rows(), self.rows, "a target for each row");
        self.loss.value(self.output(), targets)
    }

    /// The same loss; leaves its gradient by every parameter in `parameters.gradients`.
    ///
    /// # Panics
    /// As [`Program::loss`].
    pub fn backward(&mut self, targets: Targets<'_, T>) -> f64 {
        assert_eq!(targets.rows(), self.rows, "a target for each row");
        self.clear_gradients();
        let slot = self.output_slot();
        let loss = self.loss.differentiate(
            slot.view(&self.values, self.rows),
            targets,
            slot.view_mut(&mut self.gradients, self.rows),
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

    fn output_slot(&self) -> Slot {
        *self.slots.last().expect("a program has its input")
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayView2, arr2};

    use super::Program;
    use crate::{Graph, Initialization, Layer, Loss, Shape, Targets};

    fn compile(capacity: usize) -> Program<f64> {
        let layers = [Layer::Dense(3), Layer::Tanh, Layer::Dense(2)];
        let graph = Graph::build(Shape::Features(2), &layers, Initialization::default())
            .expect("the model fits");
        let mut program = Program::compile(graph, Loss::Mse, capacity);
        program.parameters.initialize(3);
        program
    }

    fn step(program: &mut Program<f64>, x: ArrayView2<'_, f64>) -> (f64, Vec<f64>) {
        program.begin(x.nrows()).assign(&x);
        program.forward();
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
        program.forward();
        assert_eq!(program.output(), x);
        assert_eq!(program.backward(Targets::Values(arr2(&[[1.0, 1.0]]).view())), 2.0);
    }
}
