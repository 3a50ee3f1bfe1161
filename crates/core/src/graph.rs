//! From layers to a graph of operations; every mistake of a model is found here, all at once.

use thiserror::Error;

use crate::operation::Operation;
use crate::{Initialization, Initializer, Layer, ParameterRange, Role, Scalar, Shape};

/// The largest number of parameters of one network, about a gibibyte of `f32`: a model far beyond
/// it is a slip of the pen, and would end in a failed allocation that no program survives.
const LARGEST_PARAMETER_COUNT: usize = 1 << 28;

/// A value in a graph: the input of the network, or the output of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(pub(crate) usize);

/// One mistake in a model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("layer {layer} ({kind}): {message}")]
pub struct BuildError {
    /// Position of the layer, from 0.
    pub layer: usize,
    /// Kind of the layer.
    pub kind: &'static str,
    /// The rule that is broken, with the numbers.
    pub message: String,
}

/// Operations in the order in which they run; an operation's inputs always stand before it.
#[derive(Debug)]
pub struct Graph<T> {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) nodes: Vec<Node<T>>,
    pub(crate) parameters: Vec<ParameterRange>,
    initialization: Initialization,
    layer: usize,
    kind: &'static str,
}

/// An operation in its place.
#[derive(Debug)]
pub(crate) struct Node<T> {
    pub(crate) operation: Box<dyn Operation<T>>,
    pub(crate) inputs: Vec<NodeId>,
    /// First and one past the last of its parameters.
    pub(crate) parameters: std::ops::Range<usize>,
}

impl<T: Scalar> Graph<T> {
    /// Builds `layers` one after the other over samples of shape `input`.
    ///
    /// # Errors
    /// Every layer that does not fit what it is given, in order.
    pub fn build(
        input: Shape,
        layers: &[Layer],
        initialization: Initialization,
    ) -> Result<Self, Vec<BuildError>> {
        let mut graph = Self {
            shapes: vec![input],
            nodes: Vec::new(),
            parameters: Vec::new(),
            initialization,
            layer: 0,
            kind: "input",
        };
        let layers = Layer::written_out(layers)
            .map_err(|message| vec![BuildError { layer: 0, kind: "model", message }])?;
        let mut errors = Vec::new();
        let mut last = graph.input();
        for (position, layer) in layers.iter().enumerate() {
            (graph.layer, graph.kind) = (position, layer.kind());
            match layer.build(&mut graph, last) {
                Ok(node) => last = node,
                Err(message) => {
                    errors.push(BuildError { layer: position, kind: layer.kind(), message });
                }
            }
        }
        if errors.is_empty() { Ok(graph) } else { Err(errors) }
    }

    /// The node of the network's input.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// The shape of a node's value.
    pub fn shape(&self, node: NodeId) -> Shape {
        self.shapes[node.0]
    }

    /// The shape of the network's output: that of the last node.
    pub fn output_shape(&self) -> Shape {
        *self.shapes.last().expect("a graph has its input")
    }

    /// Number of trained values.
    pub fn parameter_count(&self) -> usize {
        self.parameters.last().map_or(0, |last| last.range.end)
    }

    /// Numbers that all nodes together hold for one sample.
    pub fn values_per_sample(&self) -> usize {
        self.shapes.iter().map(|shape| shape.len()).sum()
    }

    /// Adds an operation whose parameters were added just before it, from `first_parameter` on.
    pub(crate) fn push(
        &mut self,
        operation: impl Operation<T> + 'static,
        inputs: &[NodeId],
        first_parameter: usize,
        shape: Shape,
    ) -> NodeId {
        self.nodes.push(Node {
            operation: Box::new(operation),
            inputs: inputs.to_vec(),
            parameters: first_parameter..self.parameters.len(),
        });
        self.shapes.push(shape);
        NodeId(self.shapes.len() - 1)
    }

    /// Adds an operation without parameters whose output is shaped like its one input.
    pub(crate) fn push_elementwise(
        &mut self,
        operation: impl Operation<T> + 'static,
        input: NodeId,
    ) -> NodeId {
        self.push(operation, &[input], self.parameters.len(), self.shape(input))
    }

    /// Adds a parameter of the current layer.
    ///
    /// # Errors
    /// When the network would have too many parameters.
    pub(crate) fn push_parameter(
        &mut self,
        name: &str,
        shape: [usize; 2],
        (fan_in, fan_out): (usize, usize),
        role: Role,
    ) -> Result<(), String> {
        let start = self.parameter_count();
        let end = shape[0]
            .checked_mul(shape[1])
            .and_then(|len| start.checked_add(len))
            .filter(|&end| end <= LARGEST_PARAMETER_COUNT)
            .ok_or_else(|| {
                format!(
                    "a {name} of {} by {} makes more than {LARGEST_PARAMETER_COUNT} parameters",
                    shape[0], shape[1]
                )
            })?;
        self.parameters.push(ParameterRange {
            name: format!("{}.{}.{name}", self.layer, self.kind),
            layer: self.layer,
            shape,
            unit_axis: 1,
            fan_in,
            fan_out,
            role,
            rate_multiplier: 1.0,
            initializer: match role {
                Role::Weight => self.initialization.weights,
                Role::Bias => self.initialization.biases,
                Role::Scale => Initializer::Constant(1.0),
            },
            range: start..end,
        });
        Ok(())
    }
}
