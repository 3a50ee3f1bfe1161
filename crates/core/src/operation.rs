//! What an operation is: a forward pass and, right below it, its backward pass.

use std::fmt::Debug;
use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::random::StreamName;
use crate::tile::Tile;
use crate::{ParameterRange, Scalar, Stream};

/// One differentiable operation. It holds what never changes (sizes); everything that a pass reads
/// or writes lies in the program's arena and comes with the pass.
pub trait Operation<T: Scalar>: Debug + Send + Sync {
    /// Numbers that `forward` leaves for `backward`, for up to `capacity` samples.
    fn scratch(&self, _capacity: usize) -> usize {
        0
    }
    /// What is kept from step to step beside the parameters, as it begins.
    fn state(&self) -> Vec<State<T>> {
        Vec::new()
    }
    /// Whether training computes another output than evaluation.
    fn trains_otherwise(&self) -> bool {
        false
    }
    /// The fewest samples that a training step can be computed from.
    fn least_rows(&self) -> usize {
        1
    }
    /// Whether the output of a sample depends on the others, so that a batch must stay whole.
    fn mixes_rows(&self) -> bool {
        false
    }
    /// Whether `backward` heeds [`Backward::beta`]; else the gradients by its inputs are zeroed
    /// before, where it is the first to add to them.
    fn heeds_beta(&self) -> bool {
        false
    }
    /// Whether the gradients by its parameters are products over all samples, which wait for
    /// [`Operation::differentiate_parameters`].
    fn defers_parameters(&self) -> bool {
        false
    }
    /// Writes the output `y` of the inputs `x`.
    fn forward(&self, pass: Forward<'_, T>);
    /// Adds to the gradients of inputs and parameters, never overwrites: a value that is used
    /// twice gets the sum.
    fn backward(&self, pass: Backward<'_, T>);
    /// Computes the gradients by a stretch of the parameters, if it defers them.
    fn differentiate_parameters(&self, _pass: Deferred<'_, T>) {
        unreachable!("asked only of what defers its parameters")
    }
}

/// Values of an operation that training changes but no gradient: running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct State<T> {
    /// Its name within the layer.
    pub name: &'static str,
    /// The values that it begins with.
    pub values: Vec<T>,
}

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A training step: units are dropped, statistics are those of the batch.
    Train {
        /// Steps done so far; with the seed it decides what is drawn.
        step: u64,
    },
    /// The network as it will be used: nothing is drawn and no state changes.
    Evaluate,
}

/// Where a node's values lie in an arena that holds `capacity` rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) offset: usize,
    /// Numbers a sample.
    pub(crate) len: usize,
}

impl Slot {
    /// The same slot in an arena that is cut off just before it.
    pub(crate) fn at_front(self) -> Self {
        Self { offset: 0, len: self.len }
    }

    pub(crate) fn view<T>(self, arena: &[T], rows: usize) -> ArrayView2<'_, T> {
        ArrayView2::from_shape((rows, self.len), &arena[self.offset..][..rows * self.len])
            .expect("a slot holds its rows")
    }

    pub(crate) fn view_mut<T>(self, arena: &mut [T], rows: usize) -> ArrayViewMut2<'_, T> {
        ArrayViewMut2::from_shape((rows, self.len), &mut arena[self.offset..][..rows * self.len])
            .expect("a slot holds its rows")
    }
}

/// What a forward pass reads and writes.
#[derive(Debug)]
pub struct Forward<'a, T> {
    pub(crate) rows: usize,
    pub(crate) inputs: &'a [Slot],
    pub(crate) values: &'a [T],
    pub(crate) parameters: &'a [T],
    pub(crate) ranges: &'a [ParameterRange],
    pub(crate) seed: u64,
    pub(crate) stream: StreamName,
    /// Which of the batch's tiles these samples are.
    pub(crate) tile: u64,
    /// Training or evaluation.
    pub mode: Mode,
    /// Numbers for the backward pass, as many as [`Operation::scratch`] asked for. They hold
    /// whatever the pass before left.
    pub scratch: &'a mut [T],
    /// The values of [`Operation::state`], one after the other.
    pub state: &'a mut [T],
    /// The output, (N, length of a sample). It holds whatever the pass before left.
    pub y: ArrayViewMut2<'a, T>,
}

impl<'a, T: Scalar> Forward<'a, T> {
    /// Input `index`, (N, length of a sample).
    pub fn x(&self, index: usize) -> ArrayView2<'a, T> {
        self.inputs[index].view(self.values, self.rows)
    }

    /// Parameter `index` of the operation.
    pub fn w(&self, index: usize) -> ArrayView2<'a, T> {
        self.ranges[index].view(self.parameters)
    }

    /// Number of samples, N.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The draws of this operation for these samples at training step `step`: the same whenever
    /// and wherever they are computed.
    pub fn draws(&self, step: u64) -> Stream {
        Stream::named(self.seed, self.stream, self.tile, step)
    }
}

/// What a backward pass reads and writes.
#[derive(Debug)]
pub struct Backward<'a, T> {
    pub(crate) rows: usize,
    pub(crate) inputs: &'a [Slot],
    pub(crate) uses: &'a [Use],
    pub(crate) values: &'a [T],
    pub(crate) input_gradients: &'a mut [T],
    pub(crate) parameters: &'a [T],
    /// Of this operation alone.
    pub(crate) parameter_gradients: &'a mut [T],
    pub(crate) ranges: &'a [ParameterRange],
    /// The mode of the forward pass.
    pub mode: Mode,
    /// What the forward pass left; free to be overwritten.
    pub scratch: &'a mut [T],
    /// The values of [`Operation::state`], as the forward pass left them.
    pub state: &'a [T],
    /// The output of the forward pass, (N, length of a sample).
    pub y: ArrayView2<'a, T>,
    /// The gradient of the loss by the output, of the same shape.
    pub dy: ArrayView2<'a, T>,
}

impl<'a, T: Scalar> Backward<'a, T> {
    /// Input `index` of the forward pass.
    pub fn x(&self, index: usize) -> ArrayView2<'a, T> {
        self.inputs[index].view(self.values, self.rows)
    }

    /// Parameter `index` of the operation.
    pub fn w(&self, index: usize) -> ArrayView2<'a, T> {
        self.ranges[index].view(self.parameters)
    }

    /// Number of samples, N.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The gradient by input `index`, to be added to; `None` when nothing before it is trained.
    pub fn dx(&mut self, index: usize) -> Option<ArrayViewMut2<'_, T>> {
        (self.uses[index] != Use::Nothing)
            .then(|| self.inputs[index].view_mut(self.input_gradients, self.rows))
    }

    /// What the gradient by input `index` is multiplied by before anything is added: 0 where this
    /// is the first to reach it, and what stands there is of the pass before; else 1.
    pub fn beta(&self, index: usize) -> T {
        if self.uses[index] == Use::First { T::ZERO } else { T::ONE }
    }

    /// The gradient by parameter `index`, to be added to.
    pub fn dw(&mut self, index: usize) -> ArrayViewMut2<'_, T> {
        let first = self.ranges[0].range.start;
        let (shape, range) = (self.ranges[index].shape, self.ranges[index].range.clone());
        let numbers = &mut self.parameter_gradients[range.start - first..range.end - first];
        ArrayViewMut2::from_shape(shape, numbers).expect("a range is as long as its shape says")
    }
}

/// What the backward pass of an operation does to the gradient by one of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Nothing before it is trained.
    Nothing,
    /// It is the first to reach it.
    First,
    /// It adds to what others have left.
    Adds,
}

/// What the gradients by a stretch of an operation's parameters are computed from, and where to.
#[derive(Debug)]
pub struct Deferred<'a, T> {
    /// The input and the gradient by the output of each tile.
    pub(crate) tiles: DeferredTiles<'a, T>,
    /// Names and places of the operation's parameters.
    pub ranges: &'a [ParameterRange],
    /// The stretch, counted from the first parameter of the operation.
    pub stretch: Range<usize>,
    /// Where they go.
    pub to: Destination<'a, T>,
}

/// Where deferred gradients go: `to = scale gradients + beta to`.
#[derive(Debug)]
pub struct Destination<'a, T> {
    /// The gradients, or the parameters themselves where they are added to at once.
    pub numbers: &'a mut [T],
    /// 1, or less the learning rate.
    pub scale: T,
    /// 0 for gradients, which hold whatever the pass before left; 1 for parameters.
    pub beta: T,
}

/// What a deferring operation read and what reached its output, of all samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeferredTiles<'a, T> {
    pub(crate) tiles: &'a [Tile<T>],
    pub(crate) input: Slot,
    pub(crate) output: Slot,
}

impl<'a, T: Scalar> DeferredTiles<'a, T> {
    /// The input, and the gradient by the output, of each tile.
    pub(crate) fn iter(self) -> impl Iterator<Item = (ArrayView2<'a, T>, ArrayView2<'a, T>)> {
        self.tiles.iter().map(move |tile| {
            (self.input.view(&tile.values, tile.rows), self.output.view(&tile.gradients, tile.rows))
        })
    }
}
