//! Layers that begin and end a network over sequences.

use crate::graph::{Graph, NewParameter, NodeId};
use crate::ops::{Embedding, LastToken, MeanOverTokens, PositionalEncoding};
use crate::{Scalar, Shape};

/// Tokens and features of a value that must be a sequence.
pub(super) fn sequence<T: Scalar>(
    graph: &Graph<T>,
    input: NodeId,
) -> Result<(usize, usize), String> {
    match graph.shape(input) {
        Shape::Tokens { tokens, features } if tokens > 0 => Ok((tokens, features)),
        other => {
            Err(format!("a sequence of tokens is needed; {} has {other}", graph.origin(input)))
        }
    }
}

/// The layer of [`Embedding`].
pub(super) fn build_embedding<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
    vocabulary: usize,
    features: usize,
) -> Result<NodeId, String> {
    let (tokens, width) = sequence(graph, input)?;
    if vocabulary == 0 || features == 0 {
        return Err(format!(
            "a vocabulary of {vocabulary} with {features} features; both must be at least 1"
        ));
    }
    if width != 1 {
        return Err(format!(
            "{} has {width} features a token; a token number is a single one",
            graph.origin(input)
        ));
    }
    if !graph.is_data(input) {
        return Err(format!(
            "{} gives no token numbers; only the data does, so an Embedding comes first",
            graph.origin(input)
        ));
    }
    graph.note_vocabulary(vocabulary);
    let first = graph.parameters.len();
    let weight = NewParameter::weight("weight", [vocabulary, features]);
    let initializer = Some(graph.initialization.embeddings);
    graph.push_parameter(NewParameter { initializer, ..weight })?;
    graph.push(Embedding, &[input], first, Shape::Tokens { tokens, features })
}

/// The layer of [`PositionalEncoding`].
pub(super) fn build_positional_encoding<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
) -> Result<NodeId, String> {
    let (tokens, features) = sequence(graph, input)?;
    graph.push_elementwise(PositionalEncoding::new(tokens, features), input)
}

/// The layer of [`LastToken`].
pub(super) fn build_last_token<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
) -> Result<NodeId, String> {
    let (tokens, features) = sequence(graph, input)?;
    let operation = LastToken { len: tokens * features, features };
    graph.push(operation, &[input], graph.parameters.len(), Shape::Features(features))
}

/// The layer of [`MeanOverTokens`].
pub(super) fn build_mean_over_tokens<T: Scalar>(
    graph: &mut Graph<T>,
    input: NodeId,
) -> Result<NodeId, String> {
    let (tokens, features) = sequence(graph, input)?;
    let none = graph.parameters.len();
    graph.push(MeanOverTokens { tokens }, &[input], none, Shape::Features(features))
}

#[cfg(test)]
mod tests {
    use crate::layers::{Lstm, MultiHeadAttention};
    use crate::{Graph, Initialization, Layer, Shape};

    #[test]
    fn what_does_not_fit_is_named_with_its_numbers() {
        let tokens = |features| Shape::Tokens { tokens: 5, features };
        let embedding = |vocabulary, features| Layer::Embedding { vocabulary, features };
        let attention =
            |heads| Layer::MultiHeadAttention(MultiHeadAttention { heads, causal: false });
        let lstm = |units, forget_bias| Layer::Lstm(Lstm { units, forget_bias });
        let table = [
            (
                Shape::Features(7),
                vec![Layer::Gru(3)],
                "layer 0 (Gru): a sequence of tokens is needed; the data has 7 features",
            ),
            (
                tokens(2),
                vec![Layer::LastToken, Layer::SimpleRnn(3)],
                "layer 1 (SimpleRnn): a sequence of tokens is needed; layer 0 has 2 features",
            ),
            (tokens(2), vec![lstm(0, 1.0)], "layer 0 (Lstm): 0 units; at least 1 is needed"),
            (
                tokens(2),
                vec![lstm(3, f64::NAN)],
                "layer 0 (Lstm): a forget_bias of NaN; a finite number is needed",
            ),
            (
                tokens(2),
                vec![Layer::Gru(usize::MAX)],
                "layer 0 (Gru): a weight of 2 by 18446744073709551615 makes more than 268435456 \
                 parameters",
            ),
            (
                tokens(2),
                vec![embedding(4, 3)],
                "layer 0 (Embedding): the data has 2 features a token; a token number is a single \
                 one",
            ),
            (
                tokens(1),
                vec![Layer::dense(1), embedding(4, 3)],
                "layer 1 (Embedding): layer 0 gives no token numbers; only the data does, so an \
                 Embedding comes first",
            ),
            (
                tokens(1),
                vec![embedding(0, 3)],
                "layer 0 (Embedding): a vocabulary of 0 with 3 features; both must be at least 1",
            ),
            (
                tokens(6),
                vec![attention(4)],
                "layer 0 (MultiHeadAttention): 4 heads do not share the 6 features of the data; \
                 their number must divide 6",
            ),
            (
                Shape::Tokens { tokens: 20_000, features: 2 },
                vec![attention(2)],
                "layer 0 (MultiHeadAttention): 2 heads over 20000 tokens make more than 268435456 \
                 scores a sample",
            ),
        ];
        for (input, layers, expected) in table {
            let errors = Graph::<f32>::build(input, &layers, Initialization::default());
            let errors = errors.expect_err("it does not fit");
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        }
    }

    #[test]
    fn the_vocabulary_is_told() {
        let embedding = |vocabulary| Layer::Embedding { vocabulary, features: 3 };
        let input = Shape::Tokens { tokens: 2, features: 1 };
        let build = |layers: &[Layer]| {
            let graph = Graph::<f32>::build(input, layers, Initialization::default());
            graph.expect("it fits").vocabulary().map(|vocabulary| vocabulary.size)
        };
        assert_eq!(build(&[embedding(7)]), Some(7));
        assert_eq!(build(&[Layer::LastToken]), None);
    }

    /// The bias of the gate f begins one higher than those of the others.
    #[test]
    fn the_forget_gate_begins_open() {
        let input = Shape::Tokens { tokens: 2, features: 3 };
        let layers = [Layer::Lstm(Lstm::from(2))];
        let graph = Graph::<f32>::build(input, &layers, Initialization::default());
        let graph = graph.expect("it fits");
        let mut parameters = crate::Parameters::<f32>::new(graph.parameters);
        parameters.initialize(1);
        let bias = &parameters.ranges[2];
        assert_eq!(bias.name, "0.Lstm.bias");
        let expected = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0_f32];
        assert_eq!(parameters.values[bias.range.clone()], expected);
    }
}
