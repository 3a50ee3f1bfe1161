//! Token numbers of the data against the vocabulary of the model that looks them up.

use gradus_core::{Graph, Mistake};

use crate::data::{Scaling, Values};

/// Numbers that no row of an embedding belongs to, and scalings that would make such; `known` is
/// the vocabulary of a source that has one.
pub(super) fn mistakes(
    scaling: Scaling,
    (values, known): (&Values, Option<usize>),
    graph: &Graph<f64>,
    place: &str,
) -> Vec<Mistake> {
    let Some(vocabulary) = graph.vocabulary() else { return Vec::new() };
    let mut found = Vec::new();
    if scaling != Scaling::AsIs {
        let message = format!("{scaling:?} would change the token numbers of the data");
        let help = "leave `inputs` out of `data`: an Embedding looks its numbers up as they are";
        found.push(Mistake::new("data.inputs", message, help));
    }
    let (least, most, is_whole) = match values {
        Values::Bytes(bytes) => spread(bytes.iter().map(|&byte| f64::from(byte))),
        Values::Numbers(numbers) => spread(numbers.iter().copied()),
    };
    let (size, layer) = (vocabulary.size, vocabulary.layer);
    let place = format!("{place}{}", vocabulary.place);
    if !is_whole || least < 0.0 {
        let message = format!("layer {layer} (Embedding): the data holds no token numbers");
        let help = "token numbers are whole, from 0; take a source of tokens, or no Embedding";
        found.push(Mistake::new(place, message, help));
    } else if let Some(known) = known.filter(|&known| known > size) {
        let message = format!(
            "layer {layer} (Embedding): the data has a vocabulary of {known} (token numbers 0 to \
             {}), the layer one of {size}",
            known - 1
        );
        found.push(Mistake::new(place, message, format!("write `vocabulary: {known}`")));
    } else if most >= size as f64 {
        let message = format!(
            "layer {layer} (Embedding): the data holds the token number {most}; a vocabulary of \
             {size} ends at {}",
            size - 1
        );
        found.push(Mistake::new(place, message, format!("write `vocabulary: {}`", most + 1.0)));
    }
    found
}

/// Smallest, largest, and whether all are whole.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, bool) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY, true), |(least, most, is_whole), value| {
        (least.min(value), most.max(value), is_whole && value.fract() == 0.0)
    })
}

#[cfg(test)]
mod tests {
    use gradus_core::{Graph, Initialization, Layer, Shape};

    use super::mistakes;
    use crate::data::{Scaling, Values};

    fn said(values: &[f64], inputs: Scaling) -> Vec<String> {
        let shape = Shape::Tokens { tokens: 3, features: 1 };
        let layers = [Layer::Embedding { vocabulary: 4, features: 2 }];
        let graph = Graph::build(shape, &layers, Initialization::default()).expect("it fits");
        let found = mistakes(inputs, (&Values::Numbers(values.to_vec()), None), &graph, "model");
        found.into_iter().map(|m| format!("{}: {}; {}", m.place, m.message, m.help)).collect()
    }

    #[test]
    fn every_token_number_of_the_data_must_be_in_the_vocabulary() {
        assert_eq!(said(&[0.0, 3.0, 1.0], Scaling::AsIs), [""; 0]);
        let beyond = said(&[0.0, 6.0, 1.0], Scaling::AsIs);
        let expected = "model[0]: layer 0 (Embedding): the data holds the token number 6; a \
                        vocabulary of 4 ends at 3; write `vocabulary: 7`";
        assert_eq!(beyond, [expected]);
        for wrong in [-1.0, 0.5] {
            let said = said(&[0.0, wrong, 1.0], Scaling::AsIs);
            assert!(said.len() == 1 && said[0].contains("holds no token numbers"), "{said:?}");
        }
        let scaled = said(&[0.0, 3.0, 1.0], Scaling::Standardize);
        assert!(scaled.len() == 1 && scaled[0].starts_with("data.inputs: Standardize"));
    }
}
