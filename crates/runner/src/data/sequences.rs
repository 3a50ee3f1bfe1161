//! Sequences with a known answer: the adding and the copying problem.

use gradus_core::{Mistake, Shape, Stream};

use super::source::{Recipe, check_samples};
use super::{Dataset, RawTargets, Values};

/// No source makes more numbers than this: 800 MB of them.
pub(super) const MOST_NUMBERS: usize = 100_000_000;

pub(super) fn default_symbols() -> usize {
    8
}

pub(super) fn default_length() -> usize {
    10
}

/// Adds a mistake unless `least <= value`.
fn check_least(value: usize, least: usize, name: &str, mistakes: &mut Vec<Mistake>) {
    let (place, allowed) = (format!("data.source.{name}"), format!("from {least}"));
    mistakes.extend(Mistake::unless(value >= least, place, name, value, &allowed));
}

/// Adds a mistake if so many samples of so many numbers are too many.
fn check_numbers(samples: usize, each: Option<usize>, mistakes: &mut Vec<Mistake>) {
    let all = each.and_then(|each| each.checked_mul(samples));
    if mistakes.is_empty() && all.is_none_or(|all| all > MOST_NUMBERS) {
        mistakes.push(Mistake::new(
            "data.source",
            format!("{samples} sequences of this length are more than {MOST_NUMBERS} numbers"),
            "fewer or shorter sequences",
        ));
    }
}

/// The adding problem: checks the description; what it returns makes the sequences.
///
/// A token is a number, uniform on `[0, 1)`, and a mark. Two tokens are marked by 1, one of the
/// first half of the sequence and one of the second; the target is the sum of their numbers. Who
/// says 1 always has a squared error of 1/6.
/// Source: Hochreiter and Schmidhuber 1997, section 5.4, in the form of Le, Jaitly and Hinton 2015.
pub(super) fn adding(
    length: usize,
    samples: usize,
    seed: u64,
) -> Result<Recipe<'static>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    check_least(length, 2, "length", &mut mistakes);
    check_samples(samples, 1, &mut mistakes);
    check_numbers(samples, length.checked_mul(2), &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(Box::new(move |_| {
        let mut stream = Stream::new(seed, "data", 0, 0);
        let (mut inputs, mut rows) = (Vec::with_capacity(2 * length * samples), Vec::new());
        for _ in 0..samples {
            let half = length / 2;
            let first = stream.below(half as u64) as usize;
            let second = half + stream.below((length - half) as u64) as usize;
            let mut sum = 0.0;
            for token in 0..length {
                let (number, is_marked) = (stream.uniform(), token == first || token == second);
                inputs.extend([number, f64::from(u8::from(is_marked))]);
                sum += if is_marked { number } else { 0.0 };
            }
            rows.push(sum);
        }
        let targets = RawTargets::Numbers { rows, names: vec!["sum".to_string()] };
        let names = (0..length)
            .flat_map(|token| [format!("number {token}"), format!("mark {token}")])
            .collect();
        let shape = Shape::Tokens { tokens: length, features: 2 };
        Ok(Dataset::new(shape, Values::Numbers(inputs), targets, 0, names))
    }))
}

/// The copying problem: checks the description; what it returns makes the sequences.
///
/// Token 0 is blank, 1 to `symbols` are what is to be kept, `symbols + 1` is the signal. The input
/// is `length` symbols, `delay - 1` blanks, the signal, `length` blanks; the target `delay +
/// length` blanks, then the symbols. Who forgets them at once and guesses has a cross-entropy of
/// `length ln(symbols) / (delay + 2 length)`.
/// Source: Arjovsky, Shah and Bengio 2016, section 5.1 (8 symbols, length 10).
pub(super) fn copying(
    delay: usize,
    symbols: usize,
    length: usize,
    samples: usize,
    seed: u64,
) -> Result<Recipe<'static>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    check_least(delay, 1, "delay", &mut mistakes);
    check_least(symbols, 2, "symbols", &mut mistakes);
    check_least(length, 1, "length", &mut mistakes);
    check_samples(samples, 1, &mut mistakes);
    let tokens = length.checked_mul(2).and_then(|twice| twice.checked_add(delay));
    check_numbers(samples, tokens, &mut mistakes);
    let most_symbols = 1_000_000;
    let holds = symbols <= most_symbols;
    let allowed = format!("2 to {most_symbols}");
    let place = "data.source.symbols";
    mistakes.extend(Mistake::unless(holds, place, "symbols", symbols, &allowed));
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(Box::new(move |_| {
        let mut stream = Stream::new(seed, "data", 0, 0);
        let tokens = delay + 2 * length;
        let mut inputs = vec![0.0; tokens * samples];
        let mut rows = vec![0; tokens * samples];
        for (input, target) in inputs.chunks_mut(tokens).zip(rows.chunks_mut(tokens)) {
            for position in 0..length {
                let symbol = 1 + stream.below(symbols as u64) as u32;
                input[position] = f64::from(symbol);
                target[delay + length + position] = symbol;
            }
            input[length + delay - 1] = (symbols + 1) as f64;
        }
        let blank = std::iter::once("blank".to_string());
        let names = blank.chain((1..=symbols).map(|symbol| symbol.to_string())).collect();
        let targets = RawTargets::Classes { rows, names };
        Ok(Dataset::of_ids(tokens, inputs, targets, symbols + 2))
    }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::Data;

    fn load(source: &str) -> Dataset {
        let data: Data = ron::from_str(&format!("(source: {source})")).expect("the text is right");
        data.load(Path::new("."), None).expect("no file is needed")
    }

    fn numbers(dataset: &Dataset) -> &[f64] {
        match &dataset.inputs {
            Values::Numbers(numbers) => numbers,
            Values::Bytes(_) => panic!("sequences are numbers"),
        }
    }

    #[test]
    fn the_target_of_adding_is_the_sum_of_the_two_marked() {
        let dataset = load("Adding(length: 7, samples: 200, seed: 3)");
        assert_eq!(dataset.input_shape, Shape::Tokens { tokens: 7, features: 2 });
        assert_eq!((dataset.rows(), dataset.predictions_per_row()), (200, 1));
        let RawTargets::Numbers { rows, .. } = &dataset.targets else { panic!("numbers") };
        let mut marked = [0; 7];
        for (sequence, target) in numbers(&dataset).chunks(14).zip(rows) {
            let sum: f64 = sequence.chunks(2).map(|token| token[0] * token[1]).sum();
            assert_eq!(sum, *target);
            let at: Vec<usize> = (0..7).filter(|&token| sequence[2 * token + 1] == 1.0).collect();
            assert!(at.len() == 2 && at[0] < 3 && at[1] >= 3, "{at:?}");
            at.iter().for_each(|&token| marked[token] += 1);
            assert!(sequence.chunks(2).all(|token| (0.0..1.0).contains(&token[0])));
        }
        assert!(marked.iter().all(|&count| count > 0), "{marked:?}");
    }

    #[test]
    fn copying_asks_for_the_first_symbols_after_the_signal() {
        let dataset = load("Copying(delay: 3, symbols: 4, length: 2, samples: 50)");
        assert_eq!(dataset.input_shape, Shape::Tokens { tokens: 7, features: 1 });
        assert_eq!((dataset.rows(), dataset.predictions_per_row()), (50, 7));
        assert_eq!((dataset.vocabulary, dataset.target_width()), (Some(6), 5));
        let RawTargets::Classes { rows, .. } = &dataset.targets else { panic!("classes") };
        for (input, target) in numbers(&dataset).chunks(7).zip(rows.chunks(7)) {
            assert_eq!(input[2..], [0.0, 0.0, 5.0, 0.0, 0.0]);
            assert_eq!(target[..5], [0; 5]);
            assert!(input[..2].iter().all(|id| (1.0..=4.0).contains(id)));
            assert!(
                input[..2].iter().zip(&target[5..]).all(|(id, class)| *id == f64::from(*class))
            );
        }
    }

    #[test]
    fn impossible_sequences_are_refused() {
        let places = |source: &str| {
            let data: Data =
                ron::from_str(&format!("(source: {source})")).expect("the text has the right form");
            data.mistakes().into_iter().map(|mistake| mistake.place).collect::<Vec<_>>()
        };
        let of = |names: &[&str]| {
            names.iter().map(|name| format!("data.source{name}")).collect::<Vec<_>>()
        };
        assert_eq!(places("Adding(length: 1, samples: 0)"), of(&[".length", ".samples"]));
        assert_eq!(places("Adding(length: 1000000, samples: 1000000)"), of(&[""]));
        assert_eq!(
            places("Copying(delay: 0, symbols: 1, length: 0, samples: 0)"),
            of(&[".delay", ".symbols", ".length", ".samples"])
        );
    }
}
