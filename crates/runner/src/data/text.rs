//! Text as a sequence of characters, to predict each next one.

use std::collections::BTreeSet;

use gradus_core::Mistake;

use super::file::Files;
use super::source::Recipe;
use super::{Dataset, RawTargets};

const PLACE: &str = "data.source.path";

/// Text of more bytes is no example of a page.
const MOST_BYTES: u64 = 64 << 20;

/// Checks the description; what it returns reads the file.
///
/// The characters of the file are numbered in the order of their code points. Row `k` is the
/// characters `k T` to `k T + T - 1` as numbers; the target of each is the next character. What is
/// left at the end is not used.
pub(super) fn recipe(path: &str, length: usize) -> Result<Recipe<'_>, Vec<Mistake>> {
    let place = "data.source.length";
    if let Some(mistake) = Mistake::unless(length > 0, place, "length", length, "from 1") {
        return Err(vec![mistake]);
    }
    Ok(Box::new(move |files| read(files, path, length).map_err(|mistake| vec![mistake])))
}

fn read(files: &Files<'_>, path: &str, length: usize) -> Result<Dataset, Mistake> {
    let mut content = files.open(PLACE, path)?;
    content.stop_at(MOST_BYTES, "it holds more than 64 MiB");
    let bytes = match content.read_up_to(u64::MAX) {
        Ok(bytes) => bytes,
        Err(error) => return Err(content.unreadable(PLACE, &error)),
    };
    let text = str::from_utf8(&bytes).map_err(|error| {
        let what = format!("byte {} is not UTF-8", error.valid_up_to());
        content.mistake(PLACE, &what, "text in UTF-8")
    })?;
    let set: BTreeSet<char> = text.chars().collect();
    let known: Vec<char> = set.into_iter().collect();
    let number = |c: char| known.binary_search(&c).expect("every character was gathered");
    let ids: Vec<u32> = text.chars().map(|c| number(c) as u32).collect();
    let used = ids.len().saturating_sub(1) / length * length;
    if used == 0 {
        let what = format!("it has {} characters, a row needs {length} and the next", ids.len());
        return Err(content.mistake(PLACE, &what, "a longer text, or a shorter `length`"));
    }
    let inputs = ids[..used].iter().map(|&id| f64::from(id)).collect();
    let names: Vec<String> = known.iter().map(char::to_string).collect();
    let vocabulary = names.len();
    let targets = RawTargets::Classes { rows: ids[1..=used].to_vec(), names };
    Ok(Dataset::of_ids(length, inputs, targets, vocabulary))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::{Data, Values};

    fn load(text: &[u8], length: usize) -> Result<Dataset, Vec<Mistake>> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("t"), text).expect("a file can be written");
        let data: Data = ron::from_str(&format!("(source: Text(path: \"t\", length: {length}))"))
            .expect("the text has the right form");
        data.load(folder.path(), None)
    }

    #[test]
    fn windows_of_characters_ask_for_the_next() {
        let dataset = load("abcaéb".as_bytes(), 2).expect("it is text");
        // a = 0, b = 1, c = 2, é = 3.
        assert_eq!(dataset.inputs, Values::Numbers(vec![0.0, 1.0, 2.0, 0.0]));
        let names = ["a", "b", "c", "é"].map(String::from).to_vec();
        assert_eq!(dataset.targets, RawTargets::Classes { rows: vec![1, 2, 0, 3], names });
        assert_eq!((dataset.rows(), dataset.predictions_per_row()), (2, 2));
        assert_eq!(dataset.vocabulary, Some(4));
    }

    #[test]
    fn what_gives_no_row_is_refused() {
        let said = |text: &[u8], length| {
            let found = load(text, length).expect_err("it gives no row");
            let (_, end) = found[0].message.split_once("t\": ").expect("the file is named");
            end.to_string()
        };
        assert_eq!(said(b"abc", 3), "it has 3 characters, a row needs 3 and the next");
        assert_eq!(said(b"", 1), "it has 0 characters, a row needs 1 and the next");
        assert_eq!(said(b"ab\xff", 1), "byte 2 is not UTF-8");
        assert!(load(b"abab", 3).is_ok());
    }
}
