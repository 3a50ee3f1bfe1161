//! From text to an experiment: all mistakes of form at once, though the reader stops at the first.

use std::collections::BTreeSet;
use std::ops::Range;

use ron::error::{Position, SpannedError};
use ron::extensions::Extensions;
use ron::{Error, Options};

use super::tree::{Kind, Node};
use crate::experiment::Experiment;

/// One mistake of form, placed in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// More mistakes than this in one file are not worth listing.
const MOST_PROBLEMS: usize = 50;

/// The form of the files: `Some` and the brackets of a variant's struct may be left out.
fn options() -> Options {
    Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME)
        .with_default_extension(Extensions::UNWRAP_NEWTYPES)
        .with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES)
}

/// Reads an experiment and stops at the first mistake.
pub(crate) fn parse(text: &str) -> Result<Experiment, SpannedError> {
    options().from_str(text)
}

/// Writes an experiment in the form that [`parse`] reads: what one leaves out, the other does too.
pub(crate) fn write(experiment: &Experiment) -> String {
    let pretty = ron::ser::PrettyConfig::new().depth_limit(3);
    options().to_string_pretty(experiment, pretty).expect("an experiment is plain data")
}

/// A text after reading: the experiment, as far as it could be read, and what is wrong.
pub(crate) struct Reading {
    /// The experiment; with problems, what is left once their places are blanked out.
    pub(crate) experiment: Option<Experiment>,
    pub(crate) problems: Vec<Problem>,
    /// The pieces that were blanked out: what else is said about them is no use.
    pub(crate) blanked: Vec<Range<usize>>,
}

/// Reads an experiment and finds everything that is wrong with its form.
///
/// After each mistake the field or item it stands in is blanked out and the text is read again;
/// what is wrong only because of that is no mistake of the file.
pub(crate) fn read(text: &str) -> Reading {
    let mut problems = not_finite(text);
    problems.extend(init_word(text));
    let mut blanked: Vec<Range<usize>> = problems.iter().map(|p| p.span.clone()).collect();
    let mut working = text.to_string();
    let mut names = BTreeSet::new();
    let mut experiment = None;
    while problems.len() < MOST_PROBLEMS {
        let error = match parse(&working) {
            Ok(read) => {
                experiment = Some(read);
                break;
            }
            Err(error) => error,
        };
        let at = byte(&working, error.span.start);
        let is_consequence = match &error.code {
            Error::MissingStructField { field, .. } => names.contains(*field),
            _ => {
                let before = working[..at].trim_end().len();
                working[at..].starts_with([')', ']', '}'])
                    && blanked.iter().any(|piece| before <= piece.start && piece.end <= at)
            }
        };
        if !is_consequence {
            let problem = problem(text, &working, &error);
            if !problems.iter().any(|known| known.span == problem.span) {
                problems.push(problem);
            }
            if let Error::NoSuchStructField { found, expected, .. } = &error.code {
                names.extend(nearest(found, expected).map(str::to_string));
            }
        }
        let Some(around) = Node::scan(&working).and_then(|tree| tree.around(at)) else { break };
        let piece = &working[around.clone()];
        names.insert(piece.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        blanked.push(around.clone());
        blank(&mut working, around);
    }
    problems.sort_by_key(|problem| problem.span.start);
    Reading { experiment, problems, blanked }
}

/// RON reads `1e999` as infinity and knows `inf` and `NaN`; no number here may be one of them.
fn not_finite(text: &str) -> Vec<Problem> {
    let leaves = Node::scan(text).map(|tree| tree.leaves()).unwrap_or_default();
    let is_not_finite = |token: &str| {
        let digits: String = token.chars().filter(|&c| c != '_').collect();
        let bare = digits.trim_end_matches("f64").trim_end_matches("f32");
        bare.parse::<f64>().is_ok_and(|number| !number.is_finite())
    };
    leaves
        .into_iter()
        .filter(|span| is_not_finite(&text[span.clone()]))
        .take(MOST_PROBLEMS)
        .map(|span| Problem {
            message: format!("{} is not a finite number", &text[span.clone()]),
            span,
            help: "allowed: finite numbers; the largest is about 1.8e308".to_string(),
        })
        .collect()
}

/// The reader skips the word before the bracket of `init`, so it is looked at here.
fn init_word(text: &str) -> Option<Problem> {
    let tree = Node::scan(text)?;
    let Kind::Fields(fields) = tree.kind else { return None };
    let field = fields.into_iter().find(|field| &text[field.name.clone()] == "init")?;
    let value = &text[field.value.span.clone()];
    let word: String = value.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let is_draw = word.is_empty() && value.starts_with('(');
    let is_weights = word == "Weights" && value[word.len()..].trim_start().starts_with("(\"");
    (!is_draw && !is_weights).then(|| Problem {
        message: format!(
            "unknown value `{}` for `init`",
            if word.is_empty() { value } else { &word }
        ),
        span: one_line(text, field.value.span),
        help: "allowed: `(weights: He(Normal), biases: Zeros)` or `Weights(\"file.safetensors\")`"
            .to_string(),
    })
}

/// Spaces in place of the piece and the comma behind it; lines and places stay what they are.
fn blank(text: &mut String, piece: Range<usize>) {
    let rest = &text[piece.end..];
    let spaces = rest.len() - rest.trim_start().len();
    let end = if rest[spaces..].starts_with(',') { piece.end + spaces + 1 } else { piece.end };
    let blanks: String = text[piece.start..end]
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\n' { '\n' } else { ' ' }, c.len_utf8()))
        .collect();
    text.replace_range(piece.start..end, &blanks);
}

/// The byte of a position; its columns count characters from 1.
fn byte(text: &str, position: Position) -> usize {
    let line_start: usize =
        text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let line = text[line_start..].split('\n').next().unwrap_or_default();
    let column = line.char_indices().nth(position.col.saturating_sub(1));
    line_start + column.map_or(line.len(), |(index, _)| index)
}

/// The mistake of a reading of `working`, which is `text` with pieces blanked out.
fn problem(text: &str, working: &str, error: &SpannedError) -> Problem {
    // A mistake at the very end of the text is shown at its last character.
    let last = text.trim_end().char_indices().next_back().map_or(0, |(last, _)| last);
    let start = text.floor_char_boundary(byte(working, error.span.start).min(last));
    let next = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    let end = text.ceil_char_boundary(byte(working, error.span.end)).max(next);
    let tree = Node::scan(working);
    let value = tree.and_then(|tree| tree.around(start)).map(|around| value(working, around));
    if let Error::ExpectedComma = error.code
        && text[start..].starts_with('.')
        && let Some(value) = value.clone().filter(|value| value.start < start && start < value.end)
    {
        // The reader of whole numbers stops at the point of a fraction.
        let (message, help) = words(&Error::ExpectedInteger);
        return Problem { span: value, message, help };
    }
    let (message, help) = match &error.code {
        Error::NoSuchEnumVariant { found, .. } if text[end..].trim_start().starts_with(':') => (
            format!("a field `{found}` in the middle of a list"),
            "is the `]` of the list before it missing?".to_string(),
        ),
        other => words(other),
    };
    let span = match (&error.code, value) {
        // The reader stops behind a bad value; the value itself is what must be shown.
        (
            Error::ExpectedInteger
            | Error::ExpectedFloat
            | Error::IntegerOutOfBounds
            | Error::InvalidValueForType { .. }
            | Error::ExpectedString
            | Error::ExpectedBoolean
            | Error::ExpectedArray
            | Error::SuggestRawIdentifier(_)
            | Error::ExpectedNamedStructLike(_),
            Some(value),
        ) => one_line(text, value),
        _ => one_line(text, start..end),
    };
    Problem { span, message, help }
}

/// The value of a field, or the item itself.
fn value(text: &str, around: Range<usize>) -> Range<usize> {
    let piece = &text[around.clone()];
    let name = piece.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(piece.len());
    match piece[name..].trim_start().strip_prefix(':') {
        Some(value) => around.end - value.trim_start().len()..around.end,
        None => around,
    }
}

fn one_line(text: &str, span: Range<usize>) -> Range<usize> {
    let length = text[span.clone()].find('\n').unwrap_or(span.len());
    let shortest = text[span.start..].chars().next().map_or(0, char::len_utf8);
    span.start..span.start + length.max(shortest)
}

fn words(error: &Error) -> (String, String) {
    match error {
        Error::NoSuchStructField { expected, found, outer } => {
            let place = outer.as_ref().map_or(String::new(), |outer| format!(" of `{outer}`"));
            (format!("unknown field `{found}`{place}"), suggestion(found, expected, "fields"))
        }
        Error::NoSuchEnumVariant { expected, found, outer } => {
            let kind = outer.as_ref().map_or(String::new(), |outer| format!(" for `{outer}`"));
            (format!("unknown value `{found}`{kind}"), suggestion(found, expected, "values"))
        }
        Error::MissingStructField { field, outer } => {
            let place = outer.as_ref().map_or(String::new(), |outer| format!(" of `{outer}`"));
            (format!("the field `{field}`{place} is missing"), format!("add `{field}: …`"))
        }
        Error::DuplicateStructField { field, .. } => {
            (format!("the field `{field}` stands twice"), "keep one of them".to_string())
        }
        Error::ExpectedInteger => {
            ("not a whole number from 0".to_string(), "allowed: a whole number from 0".to_string())
        }
        Error::IntegerOutOfBounds => (
            "this whole number is too large or below 0".to_string(),
            "allowed: whole numbers from 0 to 18446744073709551615".to_string(),
        ),
        Error::ExpectedFloat => {
            ("not a number".to_string(), "allowed: a number such as 0.1 or 1e-3".to_string())
        }
        Error::ExpectedString => {
            ("not a text".to_string(), "allowed: a text in double quotes".to_string())
        }
        Error::ExpectedArray => {
            ("not a list".to_string(), "allowed: a list in square brackets, `[…]`".to_string())
        }
        Error::ExpectedNamedStructLike(_) => (
            "not a group of fields".to_string(),
            "allowed: fields in round brackets, `(name: value, …)`".to_string(),
        ),
        Error::ExpectedStructLike => (
            "something in round brackets belongs here".to_string(),
            "write it behind the name, as in `Dense(10)`".to_string(),
        ),
        Error::ExpectedComma => (
            "a comma belongs here".to_string(),
            "write `,` between fields and between items; not every name takes brackets".to_string(),
        ),
        Error::SuggestRawIdentifier(_) | Error::ExpectedIdentifier => (
            "a name belongs here".to_string(),
            "write a name, such as `List([0.1, 1.0])` for the values of an axis".to_string(),
        ),
        Error::TrailingCharacters => (
            "the experiment ended before this".to_string(),
            "remove it, or the bracket too many before it".to_string(),
        ),
        Error::Eof => (
            "the text ends in the middle of the experiment".to_string(),
            "close its brackets and quotes; an experiment begins with `(` and ends with `)`"
                .to_string(),
        ),
        other => {
            let text = other.to_string();
            let mut letters = text.chars();
            let first = letters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
            (format!("{first}{}", letters.as_str()), "see the form of a file in README".to_string())
        }
    }
}

fn suggestion(found: &str, expected: &[&str], what: &str) -> String {
    let allowed = format!("allowed {what}: {}", expected.join(", "));
    match nearest(found, expected) {
        Some(nearest) => format!("did you mean `{nearest}`? {allowed}"),
        None => allowed,
    }
}

/// The allowed name that was probably meant.
fn nearest<'a>(found: &str, expected: &[&'a str]) -> Option<&'a str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(found, name);
    let nearest = expected.iter().copied().min_by_key(distance)?;
    (distance(&nearest) <= 1 + found.len() / 3).then_some(nearest)
}
