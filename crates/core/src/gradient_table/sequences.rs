//! Sequences: embeddings, recurrent layers, attention, and what ends them.

use super::{GradientCase, Inputs, case};
use crate::layers::{Lstm, MultiHeadAttention};
use crate::{Layer, Loss, Shape};

/// `Embedding`, `PositionalEncoding`, `SimpleRnn`, `Lstm`, `Gru`, `ScaledDotAttention` in
/// `MultiHeadAttention`, `LastToken`, `MeanOverTokens`.
pub(super) fn cases() -> Vec<GradientCase> {
    use Layer::{Flatten, LastToken, MeanOverTokens, PositionalEncoding, Tanh};
    let dense = Layer::dense;
    let tokens = |tokens, features| Shape::Tokens { tokens, features };
    let embedding = |vocabulary, features| Layer::Embedding { vocabulary, features };
    let lstm = |units| Layer::Lstm(Lstm { units, forget_bias: 1.0 });
    let attention = |heads, causal| Layer::MultiHeadAttention(MultiHeadAttention { heads, causal });
    let rnn = Layer::SimpleRnn;
    let gru = Layer::Gru;
    // More tokens than words, so that a word comes twice and its gradients must be added.
    let words =
        |case: GradientCase, vocabulary| GradientCase { inputs: Inputs::Ids(vocabulary), ..case };
    let (mse, cross_entropy) = (|| Loss::Mse, || Loss::CrossEntropy);
    vec![
        words(case("Embedding", tokens(5, 1), &[embedding(4, 3), Flatten, dense(2)], mse(), 6), 4),
        words(case("Embedding as output", tokens(4, 1), &[embedding(5, 3)], cross_entropy(), 2), 5),
        case(
            "PositionalEncoding",
            tokens(4, 3),
            &[dense(5), PositionalEncoding, Tanh, dense(2)],
            mse(),
            6,
        ),
        case("LastToken", tokens(4, 3), &[dense(5), Tanh, LastToken, dense(2)], mse(), 6),
        case("MeanOverTokens", tokens(4, 3), &[dense(5), Tanh, MeanOverTokens], mse(), 6),
        case("SimpleRnn", tokens(4, 3), &[rnn(5), LastToken, dense(2)], mse(), 6),
        case("SimpleRnn of every token", tokens(5, 2), &[rnn(4), rnn(3)], cross_entropy(), 6),
        case("SimpleRnn by BLAS", tokens(3, 9), &[rnn(11), LastToken, dense(2)], mse(), 10),
        case("Lstm", tokens(4, 3), &[lstm(5), LastToken, dense(2)], mse(), 6),
        case("Lstm of every token", tokens(5, 2), &[lstm(4), lstm(3)], cross_entropy(), 6),
        case("Lstm by BLAS", tokens(3, 4), &[lstm(9), LastToken, dense(2)], mse(), 10),
        case("Gru", tokens(4, 3), &[gru(5), LastToken, dense(2)], mse(), 6),
        case("Gru of every token", tokens(5, 2), &[gru(4), gru(3)], cross_entropy(), 6),
        case("Gru by BLAS", tokens(3, 4), &[gru(9), LastToken, dense(2)], mse(), 10),
        case("a sequence of one token", tokens(1, 3), &[rnn(4), lstm(5), gru(2)], mse(), 6),
        case("recurrent, one row", tokens(4, 3), &[rnn(2), lstm(5), gru(6)], cross_entropy(), 1),
        case("MultiHeadAttention", tokens(4, 6), &[attention(2, false), dense(5)], mse(), 3),
        case("MultiHeadAttention, causal", tokens(5, 6), &[attention(3, true)], cross_entropy(), 4),
        case(
            "MultiHeadAttention, one head",
            tokens(3, 4),
            &[dense(5), attention(1, false)],
            mse(),
            2,
        ),
        case("MultiHeadAttention by BLAS", tokens(9, 4), &[attention(2, true)], mse(), 3),
        words(
            case(
                "a transformer's first block",
                tokens(5, 1),
                &[
                    embedding(7, 4),
                    PositionalEncoding,
                    Layer::Residual(vec![attention(2, true)]),
                    Layer::Residual(vec![dense(6), Tanh, dense(4)]),
                    dense(7),
                ],
                cross_entropy(),
                3,
            ),
            7,
        ),
    ]
}
