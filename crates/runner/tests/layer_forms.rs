//! How layers are written in a file: each form is read, shown, and written back as it was.

use gradus_core::Layer;
use ron::extensions::Extensions;

/// What people see of a layer that a file writes like this; or what is wrong with it.
fn read(text: &str) -> Result<String, String> {
    let options = ron::Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME)
        .with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES);
    let layer: Layer = options.from_str(text).map_err(|error| error.to_string())?;
    let written = options.to_string(&layer).expect("a layer is plain data");
    let again: Layer = options.from_str(&written).expect("what was written can be read");
    assert_eq!(again, layer, "{text} is written as {written}");
    Ok(layer.to_string())
}

#[test]
fn one_number_or_options_by_name() {
    let table = [
        ("Dense(3)", "Dense(3)"),
        ("Dense(units: 3, bias: false)", "Dense(3, no bias)"),
        ("Embedding(vocabulary: 9, features: 4)", "Embedding(9 to 4)"),
        ("PositionalEncoding", "PositionalEncoding"),
        ("SimpleRnn(3)", "SimpleRnn(3)"),
        ("Gru(3)", "Gru(3)"),
        ("Lstm(3)", "Lstm(3)"),
        ("Lstm(units: 3)", "Lstm(3)"),
        ("Lstm(units: 3, forget_bias: 0.0)", "Lstm(3, forget bias 0)"),
        ("MultiHeadAttention(4)", "MultiHeadAttention(4 heads)"),
        ("MultiHeadAttention(heads: 4, causal: true)", "MultiHeadAttention(4 heads, causal)"),
        ("LastToken", "LastToken"),
        ("MeanOverTokens", "MeanOverTokens"),
    ];
    for (text, shown) in table {
        assert_eq!(read(text).as_deref(), Ok(shown), "{text}");
    }
    for wrong in ["Lstm(-3)", "Lstm(units: 3, forget: 1.0)", "Lstm()", "MultiHeadAttention(2.5)"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
