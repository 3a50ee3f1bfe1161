//! Some samples of a batch with an arena of their own, so that tiles can be worked through by
//! several threads that share nothing they write.

use std::ops::Range;

use crate::operation::{Backward, Forward, Mode, Operation, Slot, Use};
use crate::random::StreamName;
use crate::{Loss, ParameterRange, Scalar, Targets};

/// Up to as many samples as it was made for.
///
/// `values` holds every node's output in graph order, so that what a step reads always lies before
/// what it writes and one `split_at_mut` separates them; `gradients` has the same layout. Fewer
/// samples use the front of each slot; a view of another shape uses the slot of what it views.
#[derive(Debug)]
pub(crate) struct Tile<T> {
    /// Its place in the batch.
    pub(crate) position: usize,
    /// Samples that it holds now.
    pub(crate) rows: usize,
    pub(crate) values: Vec<T>,
    pub(crate) gradients: Vec<T>,
    scratch: Vec<T>,
    /// Gradients by the parameters of operations that add them up sample by sample. The first
    /// tile has none: it adds to those of the program.
    pub(crate) partial: Vec<T>,
    /// Its share of the loss.
    pub(crate) loss: f64,
}

/// An operation of a program, with all of its places.
#[derive(Debug)]
pub(crate) struct Step<T> {
    pub(crate) operation: Box<dyn Operation<T>>,
    pub(crate) inputs: Vec<Slot>,
    pub(crate) uses: Vec<Use>,
    pub(crate) output: Slot,
    /// Whether anything trained stands before its output.
    pub(crate) is_trained: bool,
    /// Positions of its parameters.
    pub(crate) parameters: Range<usize>,
    /// Where they lie among all.
    pub(crate) flat: Range<usize>,
    /// Where their gradients lie in a tile's own; empty for what defers them.
    pub(crate) partial: Range<usize>,
    pub(crate) scratch: Range<usize>,
    pub(crate) state: Range<usize>,
    pub(crate) stream: StreamName,
}

/// How many numbers a tile holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileLengths {
    pub(crate) values: usize,
    pub(crate) scratch: usize,
    pub(crate) partial: usize,
}

/// What all tiles read in a pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass<'a, T> {
    pub(crate) steps: &'a [Step<T>],
    pub(crate) parameters: &'a [T],
    pub(crate) ranges: &'a [ParameterRange],
    pub(crate) loss: &'a Loss,
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
}

/// What only one tile may write: the first has what belongs to the program.
#[derive(Debug)]
pub(crate) struct Owned<'a, T> {
    pub(crate) gradients: &'a mut [T],
    pub(crate) state: &'a mut [T],
}

/// What a batch is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objective<'a, T> {
    pub(crate) targets: Targets<'a, T>,
    /// What the mean over the batch divides by.
    pub(crate) total: f64,
    /// The output by predictions: their number a sample, and the place of the first.
    pub(crate) count: usize,
    pub(crate) output: Slot,
    /// Samples of a full tile.
    pub(crate) tile_rows: usize,
}

impl<T: Scalar> Tile<T> {
    pub(crate) fn new(position: usize, rows: usize, lengths: TileLengths) -> Self {
        let partial = if position == 0 { 0 } else { lengths.partial };
        Self {
            position,
            rows,
            values: vec![T::ZERO; lengths.values],
            gradients: vec![T::ZERO; lengths.values],
            scratch: vec![T::ZERO; lengths.scratch],
            partial: vec![T::ZERO; partial],
            loss: 0.0,
        }
    }

    /// Computes every node from the inputs and the parameters.
    pub(crate) fn forward(&mut self, pass: Pass<'_, T>, state: &mut [T]) {
        for step in pass.steps {
            let (values, output) = self.values.split_at_mut(step.output.offset);
            step.operation.forward(Forward {
                rows: self.rows,
                inputs: &step.inputs,
                values,
                parameters: pass.parameters,
                ranges: &pass.ranges[step.parameters.clone()],
                seed: pass.seed,
                stream: step.stream,
                tile: self.position as u64,
                mode: pass.mode,
                scratch: &mut self.scratch[step.scratch.clone()],
                state: &mut state[step.state.clone()],
                y: step.output.at_front().view_mut(output, self.rows),
            });
        }
    }

    /// Its share of the loss, and from it back the gradients by all that is trained, but for those
    /// that are deferred.
    pub(crate) fn backward(
        &mut self,
        pass: Pass<'_, T>,
        objective: &Objective<'_, T>,
        owned: &mut Owned<'_, T>,
    ) {
        let predictions = self.rows * objective.count;
        let first = self.position * objective.tile_rows * objective.count;
        self.loss = pass.loss.differentiate(
            objective.output.view(&self.values, predictions),
            objective.targets.slice(first..first + predictions),
            objective.total,
            objective.output.view_mut(&mut self.gradients, predictions),
        );
        for step in pass.steps.iter().rev().filter(|step| step.is_trained) {
            let (input_gradients, gradient) = self.gradients.split_at_mut(step.output.offset);
            if !step.operation.heeds_beta() {
                // Everything is added to, so it begins at zero.
                for (input, _) in
                    step.inputs.iter().zip(&step.uses).filter(|(_, u)| **u == Use::First)
                {
                    input.view_mut(input_gradients, self.rows).fill(T::ZERO);
                }
            }
            let parameter_gradients = if step.operation.defers_parameters() {
                &mut []
            } else if self.position == 0 {
                &mut owned.gradients[step.flat.clone()]
            } else {
                &mut self.partial[step.partial.clone()]
            };
            parameter_gradients.fill(T::ZERO);
            step.operation.backward(Backward {
                rows: self.rows,
                inputs: &step.inputs,
                uses: &step.uses,
                values: &self.values,
                input_gradients,
                parameters: pass.parameters,
                parameter_gradients,
                ranges: &pass.ranges[step.parameters.clone()],
                mode: pass.mode,
                scratch: &mut self.scratch[step.scratch.clone()],
                state: &owned.state[step.state.clone()],
                y: step.output.view(&self.values, self.rows),
                dy: step.output.at_front().view(gradient, self.rows),
            });
        }
    }
}

/// Hands each tile to `work`, by as many threads as there are to help; the first tile with what
/// belongs to the program.
pub(crate) fn in_tiles<T: Scalar>(
    tiles: &mut [Tile<T>],
    mut owned: Owned<'_, T>,
    work: &(impl Fn(&mut Tile<T>, &mut Owned<'_, T>) + Sync),
) {
    let [tile] = tiles else {
        let (front, back) = tiles.split_at_mut(tiles.len() / 2);
        let nothing = Owned { gradients: &mut [], state: &mut [] };
        rayon::join(|| in_tiles(front, owned, work), || in_tiles(back, nothing, work));
        return;
    };
    work(tile, &mut owned);
}
