//! Sequences of tokens, and networks that do not fit them.

use std::fmt::Write as _;

use super::{hold, said, with};

/// A file about sequences.
fn on(source: &str, model: &str, loss: &str) -> String {
    with(&[
        ("source: Iris", &format!("source: {source}")),
        (", inputs: Standardize", ""),
        ("[Dense(8), Relu, Dense(3)]", model),
        ("loss: CrossEntropy", &format!("loss: {loss}")),
    ])
}

#[test]
fn sequences_that_do_not_fit() {
    let copying = "Copying(delay: 2, symbols: 3, length: 2, samples: 50)";
    let adding = "Adding(length: 6, samples: 50)";
    let text = "Text(path: \"text\", length: 4)";
    let ids = |model: &str| on(copying, model, "CrossEntropy");
    let right = "[Embedding(vocabulary: 5, features: 3), Gru(4), Dense(4)]";
    let model = "[Embedding(vocabulary: 2, features: 2), Dense(4)]";
    let characters =
        |source: &str| on(source, model, "CrossEntropy").replace("batch: 32", "batch: 4");
    let scaled = ids(right).replace("split: (validation: 0.2)", "inputs: Standardize");
    type Beside<'a> = Vec<(&'a str, &'a [u8])>;
    let cases: Vec<(&str, String, Beside<'_>)> = vec![
        ("a vocabulary too small", ids(&right.replace("vocabulary: 5", "vocabulary: 4")), vec![]),
        ("token numbers that are scaled", scaled, vec![]),
        (
            "no token numbers",
            with(&[("Dense(8)", "Embedding(vocabulary: 5, features: 3)")]),
            vec![],
        ),
        (
            "an Embedding of numbers",
            on(adding, "[Embedding(vocabulary: 9, features: 2), LastToken, Dense(1)]", "Mse"),
            vec![],
        ),
        (
            "a class for a sequence",
            ids("[Embedding(vocabulary: 5, features: 3), Gru(4), LastToken, Dense(4)]"),
            vec![],
        ),
        ("a number for each token", on(adding, "[Gru(4), Dense(1)]", "Mse"), vec![]),
        ("too few classes for each token", ids(&right.replace("Dense(4)", "Dense(3)")), vec![]),
        (
            "one logit for four classes",
            on(copying, &right.replace("Dense(4)", "Dense(1)"), "BinaryCrossEntropy"),
            vec![],
        ),
        ("sequences of nothing", on("Adding(length: 1, samples: 0)", "[Dense(1)]", "Mse"), vec![]),
        (
            "copying nothing",
            on(
                "Copying(delay: 0, symbols: 1, length: 0, samples: 5)",
                "[Dense(1)]",
                "CrossEntropy",
            ),
            vec![],
        ),
        (
            "too many numbers",
            on("Adding(length: 1000000, samples: 1000000)", "[Dense(1)]", "Mse"),
            vec![],
        ),
        ("no text", characters(text), vec![]),
        ("an empty text", characters(text), vec![("text", b"")]),
        ("a text that is too short", characters(text), vec![("text", b"abab")]),
        ("a text in another encoding", characters(text), vec![("text", b"abc\xff")]),
        (
            "rows of no characters",
            characters(&text.replace("length: 4", "length: 0")),
            vec![("text", b"abab")],
        ),
        (
            "more characters than the vocabulary",
            characters(text),
            vec![("text", b"abcdabcdabcdabcdabcdabcdabcd")],
        ),
    ];
    let mut all = String::new();
    for (what, text, beside) in cases {
        let said = said(text.as_bytes(), &beside).unwrap_or_else(|| panic!("{what} is accepted"));
        let _ = write!(all, "===== {what}\n{said}");
    }
    hold("sequences_that_do_not_fit", &all);
}
