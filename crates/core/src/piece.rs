//! The parameters in pieces, each of whose gradients is gathered from all tiles at once.

use std::ops::Range;

use crate::operation::{Deferred, DeferredTiles, Destination};
use crate::tile::{Step, Tile};
use crate::{ParameterRange, Scalar};

/// Numbers of a piece, at least: fewer are not worth a product of their own.
const LEAST: usize = 1 << 15;
/// Pieces of a layer's weights, at most: each reads all gradients by its outputs once more.
const MOST: usize = 4;
/// Fewer gradients are added to the parameters sooner than a product that scales adds them.
const LEAST_DIRECT: usize = 1 << 12;
/// Fewer numbers are not worth another thread's waking.
const LEAST_FOR_TWO: usize = 1 << 14;

/// A stretch of the parameters of one operation.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Position of the operation.
    step: usize,
    /// Where it lies among all parameters.
    pub(crate) flat: Range<usize>,
}

/// All parameters in order: each operation's in one piece, or in stretches of whole rows where
/// its gradients are deferred and there are many.
pub(crate) fn pieces<T: Scalar>(steps: &[Step<T>], ranges: &[ParameterRange]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (position, step) in steps.iter().enumerate().filter(|(_, step)| !step.flat.is_empty()) {
        let count = if step.operation.defers_parameters() {
            (step.flat.len() / LEAST).clamp(1, MOST)
        } else {
            1
        };
        let [rows, columns] = ranges[step.parameters.start].shape;
        let stretch = rows.div_ceil(count).max(1) * columns;
        let mut start = step.flat.start;
        while start < step.flat.end {
            // What stands behind the weights, a bias, goes with the last of their rows.
            let is_last = start + stretch >= step.flat.start + rows * columns;
            let end = if is_last { step.flat.end } else { start + stretch };
            pieces.push(Piece { step: position, flat: start..end });
            start = end;
        }
    }
    pieces
}

/// What becomes of a piece once its gradients are there.
pub trait Update<T>: Send {
    /// What the gradients are multiplied by and added to the values, if that is all that is done
    /// with them; [`Update::updated`] follows then.
    fn scale(&self) -> Option<T>;
    /// Changes the values by their gradients, which may be used up.
    fn update(&mut self, values: &mut [T], gradients: &mut [T]);
    /// Sees values that were changed.
    fn updated(&mut self, values: &[T]);
}

/// Nothing: the gradients are what is wanted.
impl<T: Scalar> Update<T> for () {
    fn scale(&self) -> Option<T> {
        None
    }
    fn update(&mut self, _values: &mut [T], _gradients: &mut [T]) {}
    fn updated(&mut self, _values: &[T]) {}
}

/// What the gradients of a piece are gathered from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathering<'a, T> {
    pub(crate) steps: &'a [Step<T>],
    pub(crate) tiles: &'a [Tile<T>],
    pub(crate) ranges: &'a [ParameterRange],
}

impl<T: Scalar> Gathering<'_, T> {
    /// Updates a piece by its gradients: the first tile has left its own there, the others add
    /// theirs in order; or the operation computes them from all tiles, into the parameters
    /// themselves where nobody needs to see them.
    fn update_one(
        &self,
        piece: &Piece,
        state: &mut impl Update<T>,
        values: &mut [T],
        gradients: &mut [T],
    ) {
        let step = &self.steps[piece.step];
        if step.operation.defers_parameters() {
            let first = step.flat.start;
            let scale = state.scale().filter(|_| values.len() >= LEAST_DIRECT);
            let to = match scale {
                Some(scale) => Destination { numbers: &mut *values, scale, beta: T::ONE },
                None => Destination { numbers: &mut *gradients, scale: T::ONE, beta: T::ZERO },
            };
            step.operation.differentiate_parameters(Deferred {
                tiles: DeferredTiles {
                    tiles: self.tiles,
                    input: step.inputs[0],
                    output: step.output,
                },
                ranges: &self.ranges[step.parameters.clone()],
                stretch: piece.flat.start - first..piece.flat.end - first,
                to,
            });
            match scale {
                Some(_) => state.updated(values),
                None => state.update(values, gradients),
            }
            return;
        }
        for tile in &self.tiles[1..] {
            let partial = &tile.partial[step.partial.clone()];
            gradients.iter_mut().zip(partial).for_each(|(sum, &part)| *sum += part);
        }
        state.update(values, gradients);
    }

    /// Updates each piece by its gradients and what belongs to it, by as many threads as there are
    /// to help.
    pub(crate) fn update(
        &self,
        pieces: &[Piece],
        states: &mut [impl Update<T>],
        values: &mut [T],
        gradients: &mut [T],
    ) {
        let [piece] = pieces else {
            let Some(middle) = pieces.len().checked_div(2).filter(|&middle| middle > 0) else {
                return;
            };
            let (pieces, more_pieces) = pieces.split_at(middle);
            let cut = more_pieces[0].flat.start - pieces[0].flat.start;
            let (states, more_states) = states.split_at_mut(middle);
            let (values, more_values) = values.split_at_mut(cut);
            let (gradients, more_gradients) = gradients.split_at_mut(cut);
            let is_little = cut + more_values.len() < LEAST_FOR_TWO;
            let mut front = || self.update(pieces, states, values, gradients);
            let mut back = || self.update(more_pieces, more_states, more_values, more_gradients);
            if is_little {
                front();
                back();
            } else {
                rayon::join(front, back);
            }
            return;
        };
        self.update_one(piece, &mut states[0], values, gradients);
    }
}
