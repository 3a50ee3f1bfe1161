//! The memory that a compiled network takes, known before anything of it is allocated.

use crate::program::{tile_count, tile_rows};
use crate::{Graph, Scalar};

impl<T: Scalar> Graph<T> {
    /// Bytes of [`Program::compile_for`](crate::Program::compile_for) with the same arguments:
    /// each tile has values and gradients of every node, what operations keep for their backward
    /// pass, and all but the first the gradients of parameters that are added up sample by sample;
    /// beside them stand parameters, gradients and states. The largest number there is where it
    /// does not fit one.
    pub fn room(&self, batch: usize, capacity: usize) -> usize {
        let count = tile_count(self, batch);
        let rows = tile_rows(count, batch, capacity);
        let tiles = batch.max(capacity).div_ceil(rows.max(1));
        let values = self.numbers_per_sample().saturating_mul(rows);
        let (mut scratch, mut partial, mut state) = (0_usize, 0_usize, 0_usize);
        for node in &self.nodes {
            scratch = scratch.saturating_add(node.operation.scratch(rows));
            state += node.operation.state().iter().map(|state| state.values.len()).sum::<usize>();
            if !node.operation.defers_parameters() {
                let ranges = &self.parameters[node.parameters.clone()];
                partial += ranges.iter().map(|parameter| parameter.range.len()).sum::<usize>();
            }
        }
        let of_tile = values.saturating_mul(2).saturating_add(scratch);
        of_tile
            .saturating_mul(tiles)
            .saturating_add(partial.saturating_mul(tiles - 1))
            .saturating_add(2 * self.parameter_count() + 2 * state)
            .saturating_mul(size_of::<T>())
    }
}
