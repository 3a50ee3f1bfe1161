//! The parameters in pieces, each of whose gradients is gathered from all tiles at once.

use std::ops::Range;

use crate::operation::{Deferred, DeferredTiles};
use crate::tile::{Step, Tile};
use crate::{ParameterRange, Scalar};

/// Numbers of a piece, at least: fewer are not worth a product of their own.
const LEAST: usize = 1 << 15;
/// Pieces of a layer's weights, at most: each reads all gradients by its outputs once more.
const MOST: usize = 4;
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

/// What the gradients of a piece are gathered from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathering<'a, T> {
    pub(crate) steps: &'a [Step<T>],
    pub(crate) tiles: &'a [Tile<T>],
    pub(crate) ranges: &'a [ParameterRange],
}

impl<T: Scalar> Gathering<'_, T> {
    /// The gradients of a piece: the first tile has left its own there, the others add theirs in
    /// order; or the operation computes them from all tiles.
    fn gather(&self, piece: &Piece, gradients: &mut [T]) {
        let step = &self.steps[piece.step];
        if step.operation.defers_parameters() {
            let first = step.flat.start;
            step.operation.differentiate_parameters(Deferred {
                tiles: DeferredTiles {
                    tiles: self.tiles,
                    input: step.inputs[0],
                    output: step.output,
                },
                ranges: &self.ranges[step.parameters.clone()],
                stretch: piece.flat.start - first..piece.flat.end - first,
                gradients,
            });
            return;
        }
        for tile in &self.tiles[1..] {
            let partial = &tile.partial[step.partial.clone()];
            gradients.iter_mut().zip(partial).for_each(|(sum, &part)| *sum += part);
        }
    }

    /// Gathers the gradients of each piece and hands them to `update`, with the values and the
    /// state that belongs to them; by as many threads as there are to help.
    pub(crate) fn update<S: Send>(
        &self,
        pieces: &[Piece],
        states: &mut [S],
        values: &mut [T],
        gradients: &mut [T],
        update: &(impl Fn(&mut S, &mut [T], &mut [T]) + Sync),
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
            let mut front = || self.update(pieces, states, values, gradients, update);
            let mut back =
                || self.update(more_pieces, more_states, more_values, more_gradients, update);
            if is_little {
                front();
                back();
            } else {
                rayon::join(front, back);
            }
            return;
        };
        self.gather(piece, gradients);
        update(&mut states[0], values, gradients);
    }
}
