//! From layers to a graph of operations; every mistake of a model is found here, all at once.

use thiserror::Error;

use crate::operation::Operation;
use crate::{Initialization, Initializer, Layer, ParameterRange, Role, Scalar, Shape};

/// The largest number of parameters of one network, about a gibibyte of `f32`: a model far beyond
/// it is a slip of the pen, and would end in a failed allocation that no program survives.
const LARGEST_PARAMETER_COUNT: usize = 1 << 28;

/// The largest number of values that one sample may take, for the same reason.
pub(crate) const LARGEST_SAMPLE: usize = 1 << 28;

/// A value in a graph: the input of the network, or the output of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(pub(crate) usize);

/// One mistake in a model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("layer {layer} ({kind}): {message}")]
pub struct BuildError {
    /// Number of the layer, from 0, with what is repeated or nested counted one by one.
    pub layer: usize,
    /// Kind of the layer.
    pub kind: &'static str,
    /// Where it stands in the description: `[3]`, or `[3].layers[1]` inside of another.
    pub place: String,
    /// The rule that is broken, with the numbers.
    pub message: String,
}

/// What token numbers of the data must be below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// Numbers from 0 to one below this are known.
    pub size: usize,
    /// Number of the layer that looks them up.
    pub layer: usize,
    /// Where it stands in the description, as in [`BuildError`].
    pub place: String,
}

/// Operations in the order in which they run; an operation's inputs always stand before it.
#[derive(Debug)]
pub struct Graph<T> {
    pub(crate) values: Vec<Value>,
    pub(crate) nodes: Vec<Node<T>>,
    pub(crate) parameters: Vec<ParameterRange>,
    pub(crate) output: NodeId,
    /// How parameters begin that are added now.
    pub(crate) initialization: Initialization,
    /// The factor on the learning rate of parameters that are added now.
    pub(crate) rate_multiplier: f64,
    vocabulary: Option<Vocabulary>,
    errors: Vec<BuildError>,
    layers_begun: usize,
    layer: usize,
    kind: &'static str,
    place: String,
}

/// A value in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) shape: Shape,
    /// The value in whose memory it lies: itself, or the one that it is another view of.
    pub(crate) storage: NodeId,
    /// The layer it comes from; none for the network's input.
    layer: Option<usize>,
}

/// An operation in its place.
#[derive(Debug)]
pub(crate) struct Node<T> {
    pub(crate) operation: Box<dyn Operation<T>>,
    pub(crate) inputs: Vec<NodeId>,
    pub(crate) output: NodeId,
    /// First and one past the last of its parameters.
    pub(crate) parameters: std::ops::Range<usize>,
    /// `3.Dropout`: what its state and its draws are named after.
    pub(crate) name: String,
    layer: usize,
    kind: &'static str,
    place: String,
}

/// What a layer says of a parameter that it adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewParameter {
    pub(crate) name: &'static str,
    /// Rows and columns.
    pub(crate) shape: [usize; 2],
    /// Inputs and outputs of one unit, for initializers that look at them.
    pub(crate) fans: (usize, usize),
    pub(crate) role: Role,
    /// The axis along which each index is one unit.
    pub(crate) unit_axis: usize,
    /// How it begins; when left out, as the model says for its role.
    pub(crate) initializer: Option<Initializer>,
    /// As in [`ParameterRange`].
    pub(crate) blocks: usize,
    /// As in [`ParameterRange`].
    pub(crate) raised: Option<(usize, f64)>,
}

impl NewParameter {
    /// A matrix of weights with a column for each unit.
    pub(crate) fn weight(name: &'static str, [inputs, units]: [usize; 2]) -> Self {
        Self {
            name,
            shape: [inputs, units],
            fans: (inputs, units),
            role: Role::Weight,
            unit_axis: 1,
            initializer: None,
            blocks: 1,
            raised: None,
        }
    }

    /// A row of biases beside weights of these fans.
    pub(crate) fn bias(name: &'static str, units: usize, fans: (usize, usize)) -> Self {
        Self { role: Role::Bias, fans, ..Self::weight(name, [1, units]) }
    }

    /// A row of factors, one for each feature.
    pub(crate) fn scale(name: &'static str, features: usize) -> Self {
        Self { role: Role::Scale, ..Self::bias(name, features, (features, features)) }
    }
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
            values: vec![Value { shape: input, storage: NodeId(0), layer: None }],
            nodes: Vec::new(),
            parameters: Vec::new(),
            output: NodeId(0),
            initialization,
            rate_multiplier: 1.0,
            vocabulary: None,
            errors: Vec::new(),
            layers_begun: 0,
            layer: 0,
            kind: "model",
            place: String::new(),
        };
        if let Err(message) = Layer::check_count(layers) {
            graph.refuse(message);
            return Err(graph.errors);
        }
        graph.output = graph.extend(layers, NodeId(0), "");
        if graph.errors.is_empty() { Ok(graph) } else { Err(graph.errors) }
    }

    /// Adds `layers` behind `input` and returns the last one's output. `list` is where they stand
    /// in the layer that they are the body of. A layer that does not fit is noted and left out.
    pub(crate) fn extend(&mut self, layers: &[Layer], input: NodeId, list: &str) -> NodeId {
        let outer = (self.layer, self.kind, self.place.clone());
        let mut last = input;
        for (position, layer) in layers.iter().enumerate() {
            self.place = format!("{}{list}[{position}]", outer.2);
            self.kind = layer.kind();
            if layer.is_counted() {
                self.layer = self.layers_begun;
                self.layers_begun += 1;
            }
            match T::build(layer, self, last) {
                Ok(node) => last = node,
                Err(message) => self.refuse(message),
            }
        }
        (self.layer, self.kind, self.place) = outer;
        last
    }

    /// Mistakes found so far.
    pub(crate) fn error_count(&self) -> usize {
        self.errors.len()
    }

    fn refuse(&mut self, message: String) {
        let (layer, kind, place) = (self.layer, self.kind, self.place.clone());
        self.errors.push(BuildError { layer, kind, place, message });
    }

    /// What a training step over `rows` samples cannot be computed by.
    pub fn mistakes_of_batch(&self, rows: usize) -> Vec<BuildError> {
        let too_few = self.nodes.iter().filter(|node| rows < node.operation.least_rows());
        too_few
            .map(|node| BuildError {
                layer: node.layer,
                kind: node.kind,
                place: node.place.clone(),
                message: format!(
                    "a batch of {rows} is too small; it needs at least {}",
                    node.operation.least_rows()
                ),
            })
            .collect()
    }

    /// The shape of a node's value.
    pub fn shape(&self, node: NodeId) -> Shape {
        self.values[node.0].shape
    }

    /// Where a value comes from, for people: `the data` or `layer 2`.
    pub(crate) fn origin(&self, node: NodeId) -> String {
        self.values[node.0].layer.map_or("the data".to_string(), |layer| format!("layer {layer}"))
    }

    /// Whether a value is what the network is given.
    pub(crate) fn is_data(&self, node: NodeId) -> bool {
        self.values[node.0].storage == NodeId(0)
    }

    /// The data is looked up in a table of so many rows by the current layer.
    pub(crate) fn note_vocabulary(&mut self, size: usize) {
        if self.vocabulary.as_ref().is_none_or(|smallest| size < smallest.size) {
            self.vocabulary =
                Some(Vocabulary { size, layer: self.layer, place: self.place.clone() });
        }
    }

    /// The smallest vocabulary that the data is looked up in, if the model takes token numbers.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        self.vocabulary.as_ref()
    }

    /// The shape of the network's output.
    pub fn output_shape(&self) -> Shape {
        self.shape(self.output)
    }

    /// The numbers that one sample takes, its inputs and all that is computed from them.
    pub fn numbers_per_sample(&self) -> usize {
        let own = |(position, value): (usize, &Value)| {
            if value.storage.0 == position { value.shape.len() } else { 0 }
        };
        self.values.iter().enumerate().map(own).fold(0, usize::saturating_add)
    }

    /// Number of trained values.
    pub fn parameter_count(&self) -> usize {
        self.parameters.last().map_or(0, |last| last.range.end)
    }

    /// Adds an operation whose parameters were added just before it, from `first_parameter` on.
    ///
    /// # Errors
    /// When a sample of the output would be too large.
    pub(crate) fn push(
        &mut self,
        operation: impl Operation<T> + 'static,
        inputs: &[NodeId],
        first_parameter: usize,
        shape: Shape,
    ) -> Result<NodeId, String> {
        if shape.checked_len().is_none_or(|len| len > LARGEST_SAMPLE) {
            return Err(format!(
                "an output of {shape} makes more than {LARGEST_SAMPLE} numbers a sample"
            ));
        }
        let output = NodeId(self.values.len());
        self.values.push(Value { shape, storage: output, layer: Some(self.layer) });
        self.nodes.push(Node {
            operation: Box::new(operation),
            inputs: inputs.to_vec(),
            output,
            parameters: first_parameter..self.parameters.len(),
            name: format!("{}.{}", self.layer, self.kind),
            layer: self.layer,
            kind: self.kind,
            place: self.place.clone(),
        });
        Ok(output)
    }

    /// Adds an operation without parameters whose output is shaped like its one input.
    ///
    /// # Errors
    /// As [`Graph::push`].
    pub(crate) fn push_elementwise(
        &mut self,
        operation: impl Operation<T> + 'static,
        input: NodeId,
    ) -> Result<NodeId, String> {
        self.push(operation, &[input], self.parameters.len(), self.shape(input))
    }

    /// The same numbers under another shape, without a copy.
    pub(crate) fn push_view(&mut self, input: NodeId, shape: Shape) -> NodeId {
        let value = self.values[input.0];
        assert_eq!(value.shape.len(), shape.len(), "a view holds the same numbers");
        self.values.push(Value { shape, storage: value.storage, layer: Some(self.layer) });
        NodeId(self.values.len() - 1)
    }

    /// Adds a parameter of the current layer.
    ///
    /// # Errors
    /// When the network would have too many parameters.
    pub(crate) fn push_parameter(&mut self, new: NewParameter) -> Result<(), String> {
        let start = self.parameter_count();
        let end = new.shape[0]
            .checked_mul(new.shape[1])
            .and_then(|len| start.checked_add(len))
            .filter(|&end| end <= LARGEST_PARAMETER_COUNT)
            .ok_or_else(|| {
                format!(
                    "a {} of {} by {} makes more than {LARGEST_PARAMETER_COUNT} parameters",
                    new.name, new.shape[0], new.shape[1]
                )
            })?;
        let by_role = match new.role {
            Role::Weight => self.initialization.weights,
            Role::Bias => self.initialization.biases,
            Role::Scale => Initializer::Constant(1.0),
        };
        self.parameters.push(ParameterRange {
            name: format!("{}.{}.{}", self.layer, self.kind, new.name),
            layer: self.layer,
            shape: new.shape,
            unit_axis: new.unit_axis,
            fan_in: new.fans.0,
            fan_out: new.fans.1,
            role: new.role,
            rate_multiplier: self.rate_multiplier,
            initializer: new.initializer.unwrap_or(by_role),
            blocks: new.blocks,
            raised: new.raised,
            range: start..end,
        });
        Ok(())
    }
}
