//! A compiled network: every buffer has its place, and a step cannot fail.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use crate::graph::{Node, NodeId};
use crate::operation::{Mode, Slot, Use};
use crate::piece::{Gathering, Piece, Update, pieces};
use crate::random::StreamName;
use crate::tile::{Objective, Owned, Pass, Step, Tile, TileLengths, in_tiles};
use crate::{Graph, Loss, ParameterRange, Parameters, Scalar, Shape, Targets};

/// A network and its loss, ready to run on up to `capacity` samples at a time.
///
/// The samples of a batch are worked through in tiles, and the parameters behind them in pieces;
/// how many there are depends on the network and the size of a batch alone, never on the number of
/// threads, so that any number of threads gives the same bits.
#[derive(Debug)]
pub struct Program<T> {
    steps: Vec<Step<T>>,
    tiles: Vec<Tile<T>>,
    /// Samples of a full tile.
    tile_rows: usize,
    input: Slot,
    output: Slot,
    output_shape: Shape,
    state: Vec<T>,
    states: Vec<StateRange<T>>,
    pieces: Vec<Piece>,
    /// The trained values, their gradients, names and places.
    pub parameters: Parameters<T>,
    loss: Loss,
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

/// Multiplications that a tile is worth, at least: some ten microseconds.
const LEAST_WORK: usize = 1 << 20;
/// Samples of a tile, at least, where the weights of each layer stay in the cache near a core, and
/// where they do not: each tile reads them once more, which its products must be worth.
const LEAST_TILE_ROWS: [usize; 2] = [32, 256];
/// Weights of a layer that stay in the cache, at most.
const MOST_CACHED: usize = 1 << 18;
/// Tiles of a batch, at most.
const MOST_TILES: usize = 8;

impl<T: Scalar> Program<T> {
    /// Places every buffer of `graph` for batches of up to `capacity` samples.
    ///
    /// # Panics
    /// If `capacity` is 0, or the buffers do not fit the address space.
    pub fn compile(graph: Graph<T>, loss: Loss, capacity: usize) -> Self {
        Self::compile_for(graph, loss, capacity, capacity)
    }

    /// The same, for training by batches of `batch` samples and evaluation by up to `capacity`.
    ///
    /// # Panics
    /// If `batch` is 0, or the buffers do not fit the address space.
    pub fn compile_for(graph: Graph<T>, loss: Loss, batch: usize, capacity: usize) -> Self {
        assert!(batch > 0, "a program for batches of 0 samples has nothing to do");
        const FITS: &str = "the buffers of a program fit the address space";
        let count = tile_count(&graph, batch);
        let tile_rows = tile_rows(count, batch, capacity);
        let mut slots: Vec<Slot> = Vec::with_capacity(graph.values.len());
        let mut end = 0_usize;
        for (position, value) in graph.values.iter().enumerate() {
            if value.storage.0 != position {
                slots.push(slots[value.storage.0]);
                continue;
            }
            let slot = Slot { offset: end, len: value.shape.len() };
            end = slot.len.checked_mul(tile_rows).and_then(|len| end.checked_add(len)).expect(FITS);
            slots.push(slot);
        }
        let uses = uses(&graph);
        let (mut scratch_end, mut state_end, mut partial_end) = (0_usize, 0, 0);
        let mut states = Vec::new();
        let mut steps = Vec::with_capacity(graph.nodes.len());
        for (node, (is_trained, uses)) in graph.nodes.into_iter().zip(uses) {
            let scratch_start = scratch_end;
            let scratch = node.operation.scratch(tile_rows);
            scratch_end = scratch_end.checked_add(scratch).expect(FITS);
            let state_start = state_end;
            for state in node.operation.state() {
                let range = state_end..state_end + state.values.len();
                state_end = range.end;
                let name = format!("{}.{}", node.name, state.name);
                states.push(StateRange { name, range, initial: state.values });
            }
            let ranges = &graph.parameters[node.parameters.clone()];
            let flat = match ranges {
                [] => 0..0,
                [first, ..] => first.range.start..ranges[ranges.len() - 1].range.end,
            };
            let partial_start = partial_end;
            partial_end += if node.operation.defers_parameters() { 0 } else { flat.len() };
            steps.push(Step {
                operation: node.operation,
                inputs: node.inputs.iter().map(|id| slots[id.0]).collect(),
                uses,
                is_trained,
                output: slots[node.output.0],
                parameters: node.parameters,
                flat,
                partial: partial_start..partial_end,
                scratch: scratch_start..scratch_end,
                state: state_start..state_end,
                stream: StreamName::new(&node.name),
            });
        }
        let lengths = TileLengths { values: end, scratch: scratch_end, partial: partial_end };
        let tiles = (0..batch.max(capacity).div_ceil(tile_rows))
            .map(|position| Tile::new(position, tile_rows, lengths))
            .collect();
        let mut program = Self {
            pieces: pieces(&steps, &graph.parameters),
            steps,
            tiles,
            tile_rows,
            input: slots[0],
            output: slots[graph.output.0],
            output_shape: graph.values[graph.output.0].shape,
            state: vec![T::ZERO; state_end],
            states,
            parameters: Parameters::new(graph.parameters),
            loss,
            rows: 0,
            seed: 0,
            mode: Mode::Evaluate,
        };
        program.begin(batch.max(capacity));
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
        self.tiles.len() * self.tile_rows
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

    /// Stretches of the parameters, one after the other, that are updated one by one by
    /// [`Program::step`].
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        self.pieces.iter().map(|piece| piece.flat.clone())
    }

    /// Takes the next `rows` samples.
    fn begin(&mut self, rows: usize) {
        assert!((1..=self.capacity()).contains(&rows), "{rows} rows of {}", self.capacity());
        if rows != self.rows {
            self.rows = rows;
            for tile in &mut self.tiles {
                let before = tile.position * self.tile_rows;
                tile.rows = rows.saturating_sub(before).min(self.tile_rows);
            }
        }
    }

    /// Takes the next samples, (N, D).
    ///
    /// # Panics
    /// If there are none, or more than fit, or of another length.
    pub fn load(&mut self, samples: ArrayView2<'_, T>) {
        self.begin(samples.nrows());
        for (rows, tile) in tile_ranges(self.rows, self.tile_rows).zip(&mut self.tiles) {
            let to = self.input.view_mut(&mut tile.values, tile.rows);
            samples.slice(s![rows, ..]).assign_to(to);
        }
    }

    /// Computes every node from the inputs and the parameters.
    pub fn forward(&mut self, mode: Mode) {
        self.mode = mode;
        self.in_tiles(&|tile, pass, owned| tile.forward(pass, owned.state));
    }

    /// The predictions of the last forward pass in order, tile after tile: which of them, and their
    /// values (n, K). Of a network that ends in a sequence there is one for each token.
    pub fn outputs(&self) -> impl Iterator<Item = (Range<usize>, ArrayView2<'_, T>)> {
        let (count, output) = self.predictions();
        tile_ranges(self.rows, self.tile_rows).zip(&self.tiles).map(move |(rows, tile)| {
            (rows.start * count..rows.end * count, output.view(&tile.values, rows.len() * count))
        })
    }

    /// [`Program::outputs`] in one piece, (N, K).
    pub fn output(&self) -> Array2<T> {
        let (count, slot) = self.predictions();
        let mut all = Array2::zeros((self.rows * count, slot.len));
        for (rows, values) in self.outputs() {
            all.slice_mut(s![rows, ..]).assign(&values);
        }
        all
    }

    /// Predictions a sample, and the place of the first.
    fn predictions(&self) -> (usize, Slot) {
        let (count, len) = self.output_shape.predictions();
        (count, Slot { offset: self.output.offset, len })
    }

    /// K, the numbers of a prediction.
    pub fn output_width(&self) -> usize {
        self.predictions().1.len
    }

    /// The loss of the last forward pass.
    ///
    /// # Panics
    /// If the targets are not as many as the predictions, or of the wrong kind for the loss.
    pub fn loss(&self, targets: Targets<'_, T>) -> f64 {
        let total = self.check_targets(targets);
        let share =
            |(rows, values): (Range<usize>, _)| self.loss.share(values, targets.slice(rows), total);
        self.outputs().map(share).sum()
    }

    /// What the mean over these targets divides by.
    fn check_targets(&self, targets: Targets<'_, T>) -> f64 {
        let predictions = self.rows * self.output_shape.predictions().0;
        assert_eq!(targets.rows(), predictions, "a target for each prediction");
        self.loss.total_weight(targets)
    }

    /// The same loss; leaves its gradient by every parameter in `parameters.gradients`.
    ///
    /// # Panics
    /// As [`Program::loss`].
    pub fn backward(&mut self, targets: Targets<'_, T>) -> f64 {
        let objective = self.objective(targets);
        self.in_tiles(&|tile, pass, owned| tile.backward(pass, &objective, owned));
        // Units take no room: nothing is allocated.
        self.in_pieces(&mut vec![(); self.pieces.len()])
    }

    /// A training step: takes `rows` samples, which `fill` writes (which of them, and where to),
    /// computes the loss and its gradients, and updates each of [`Program::pieces`] by what belongs
    /// to it. Returns the loss before. Afterwards `parameters.gradients` hold whatever the updates
    /// have left there.
    ///
    /// # Panics
    /// As [`Program::loss`]; or if there is not one of `states` for each piece, or the samples do
    /// not fit.
    pub fn step(
        &mut self,
        (rows, step): (usize, u64),
        fill: &(impl Fn(Range<usize>, &mut [T]) + Sync),
        targets: Targets<'_, T>,
        states: &mut [impl Update<T>],
    ) -> f64 {
        assert_eq!(states.len(), self.pieces.len(), "a state for each piece");
        self.begin(rows);
        self.mode = Mode::Train { step };
        let objective = self.objective(targets);
        let (tile_rows, input) = (self.tile_rows, self.input);
        self.in_tiles(&|tile, pass, owned| {
            let first = tile.position * tile_rows;
            fill(first..first + tile.rows, &mut tile.values[..tile.rows * input.len]);
            tile.forward(pass, owned.state);
            tile.backward(pass, &objective, owned);
        });
        self.in_pieces(states)
    }

    /// [`Program::step`] without an update: leaves all gradients.
    ///
    /// # Panics
    /// As [`Program::step`].
    pub fn differentiate(
        &mut self,
        size: (usize, u64),
        fill: &(impl Fn(Range<usize>, &mut [T]) + Sync),
        targets: Targets<'_, T>,
    ) -> f64 {
        // Units take no room: nothing is allocated.
        self.step(size, fill, targets, &mut vec![(); self.pieces.len()])
    }

    /// What the tiles of a batch with these targets are held against.
    fn objective<'a>(&self, targets: Targets<'a, T>) -> Objective<'a, T> {
        let (count, output) = self.predictions();
        let total = self.check_targets(targets);
        Objective { targets, total, count, output, tile_rows: self.tile_rows }
    }

    /// Hands each tile in use to `work`.
    fn in_tiles(&mut self, work: &(impl Fn(&mut Tile<T>, Pass<'_, T>, &mut Owned<'_, T>) + Sync)) {
        let Parameters { values, gradients, ranges } = &mut self.parameters;
        let pass = Pass {
            steps: &self.steps,
            parameters: values,
            ranges,
            loss: &self.loss,
            seed: self.seed,
            mode: self.mode,
        };
        let owned = Owned { gradients, state: &mut self.state };
        let count = self.rows.div_ceil(self.tile_rows);
        in_tiles(&mut self.tiles[..count], owned, &|tile, owned| work(tile, pass, owned));
    }

    /// Updates each piece by its gradients, and returns the loss.
    fn in_pieces(&mut self, states: &mut [impl Update<T>]) -> f64 {
        let Parameters { values, gradients, ranges } = &mut self.parameters;
        let tiles = &self.tiles[..self.rows.div_ceil(self.tile_rows)];
        let gathering = Gathering { steps: &self.steps, tiles, ranges };
        gathering.update(&self.pieces, states, values, gradients);
        tiles.iter().map(|tile| tile.loss).sum()
    }
}

/// The samples of each tile.
fn tile_ranges(rows: usize, tile_rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(tile_rows).map(move |start| start..rows.min(start + tile_rows))
}

/// Samples of a full tile, of so many for a batch.
pub(crate) fn tile_rows(count: usize, batch: usize, capacity: usize) -> usize {
    if count == 1 { batch.max(capacity) } else { batch.div_ceil(count) }
}

/// Into how many tiles a batch is divided: by the work that it is and never by who is there to do
/// it.
pub(crate) fn tile_count<T: Scalar>(graph: &Graph<T>, batch: usize) -> usize {
    let is_whole =
        |node: &Node<T>| node.operation.mixes_rows() || !node.operation.state().is_empty();
    if graph.nodes.iter().any(is_whole) {
        return 1;
    }
    let work = |node: &Node<T>| {
        let inputs = graph.parameters[node.parameters.clone()].first().map_or(1, |w| w.fan_in);
        graph.shape(node.output).len().saturating_mul(inputs)
    };
    let of_sample = graph.nodes.iter().map(work).fold(0, usize::saturating_add);
    let work = of_sample.saturating_mul(batch);
    let is_large = |parameter: &ParameterRange| parameter.range.len() > MOST_CACHED;
    let least_rows = LEAST_TILE_ROWS[usize::from(graph.parameters.iter().any(is_large))];
    (work / LEAST_WORK).min(batch / least_rows).clamp(1, MOST_TILES)
}

/// For each node whether anything trained stands before its output, and what its backward pass
/// does to the gradients by its inputs.
fn uses<T: Scalar>(graph: &Graph<T>) -> Vec<(bool, Vec<Use>)> {
    let owner = |id: NodeId| graph.values[id.0].storage.0;
    let mut is_trained = vec![false; graph.values.len()];
    for node in &graph.nodes {
        let before = node.inputs.iter().any(|&id| is_trained[owner(id)]);
        is_trained[node.output.0] = !node.parameters.is_empty() || before;
    }
    let mut is_reached = vec![false; graph.values.len()];
    is_reached[owner(graph.output)] = true;
    let mut all = Vec::with_capacity(graph.nodes.len());
    for node in graph.nodes.iter().rev() {
        let is_used = is_reached[node.output.0] || !is_trained[node.output.0];
        debug_assert!(is_used, "a gradient reaches every trained output");
        let uses = node.inputs.iter().map(|&id| {
            let id = owner(id);
            if !is_trained[id] {
                Use::Nothing
            } else if std::mem::replace(&mut is_reached[id], true) {
                Use::Adds
            } else {
                Use::First
            }
        });
        all.push((is_trained[node.output.0], uses.collect()));
    }
    all.reverse();
    all
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayView2, arr2};

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
        program.load(x);
        program.forward(Mode::Evaluate);
        let loss = program.backward(Targets::Values(x));
        (loss, program.parameters.gradients.clone())
    }

    /// Padding must never leak: a short batch in a large program is the small program.
    #[test]
    fn a_short_batch_gives_the_bits_of_a_program_made_for_it() {
        let x = arr2(&[[0.3, -1.2], [0.7, 0.1], [2.0, -0.4]]);
        let mut large = compile(8);
        let full = Array2::from_elem((8, 2), 0.9);
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
        program.load(x.view());
        program.forward(Mode::Evaluate);
        assert_eq!(program.output(), x);
        assert_eq!(program.backward(Targets::Values(arr2(&[[1.0, 1.0]]).view())), 2.0);
    }
}
