//! The sheet that a chart is drawn on: the question, a line on what is shown, the legend.

use crate::axes::{LABEL_SIZE, fitted};
use crate::canvas::{Canvas, Mark, Stroke, Text};
use crate::cells::Survey;
use crate::colors::{Color, GRAY, INK, VERMILION};

/// Free space at the left and right edge of the picture.
pub(super) const EDGE: f64 = 28.0;
const TITLE: f64 = 27.0;
const TITLE_LINE: f64 = 35.0;
const LEGEND_LINE: f64 = 30.0;
/// Width of a sample in the legend.
const SAMPLE: f64 = 34.0;

/// What a line of the legend shows.
#[derive(Clone, Copy)]
pub(super) enum Sample {
    Line(Stroke),
    MarkedLine(Stroke, Mark),
    Mark(Mark, Color),
    Band(Color),
    Hatch,
}

/// A sample and what it stands for.
pub(super) type Entry = (Sample, String);

/// A picture with its head drawn; the panels begin at `top`.
pub(super) struct Sheet {
    pub(super) canvas: Canvas,
    pub(super) top: f64,
}

impl Sheet {
    /// A picture of this width, with this height left below the head.
    pub(super) fn new(
        survey: &Survey<'_>,
        size: (f64, f64),
        subtitle: &str,
        legend: &[Entry],
    ) -> Self {
        let question = match survey.results.question.trim() {
            "" => survey.results.experiment.name.as_str(),
            question => question,
        };
        Self::titled(question, size, subtitle, legend)
    }

    /// The same below any question.
    pub(super) fn titled(
        question: &str,
        (width, height): (f64, f64),
        subtitle: &str,
        legend: &[Entry],
    ) -> Self {
        let title = Text::new(TITLE, INK).bold();
        let lines = wrapped(question, width - 2.0 * EDGE, title);
        let places = legend_places(legend, width);
        let legend_rows = places.last().map_or(0.0, |&(_, row)| row as f64 + 1.0);
        let subtitle_y = 24.0 + TITLE_LINE * lines.len() as f64 + 12.0;
        let legend_y = subtitle_y + 38.0;
        let top = legend_y - 16.0 + LEGEND_LINE * legend_rows;
        let mut canvas = Canvas::new(width as u32, (top + height).ceil() as u32);
        for (row, line) in lines.iter().enumerate() {
            canvas.text((EDGE, 36.0 + TITLE_LINE * row as f64), line, title);
        }
        let text = Text::new(LABEL_SIZE, GRAY);
        canvas.text((EDGE, subtitle_y), &fitted(subtitle, width - 2.0 * EDGE, text), text);
        for ((sample, words), (x, row)) in legend.iter().zip(places) {
            let y = legend_y + LEGEND_LINE * row as f64;
            draw_sample(&mut canvas, *sample, (x, y));
            canvas.text((x + SAMPLE + 8.0, y), words, Text::new(LABEL_SIZE - 1.0, INK));
        }
        Self { canvas, top }
    }
}

/// Draws a sample with its left end here.
pub(super) fn draw_sample(canvas: &mut Canvas, sample: Sample, (x, y): (f64, f64)) {
    let middle = (x + SAMPLE / 2.0, y);
    match sample {
        Sample::Line(stroke) => canvas.line(&[(x, y), (x + SAMPLE, y)], stroke),
        Sample::MarkedLine(stroke, mark) => {
            canvas.line(&[(x, y), (x + SAMPLE, y)], stroke);
            canvas.mark(mark, middle, 5.5, stroke.color);
        }
        Sample::Mark(mark, color) => canvas.mark(mark, middle, 5.5, color),
        Sample::Band(color) => canvas.rectangle((x, y - 9.0), (x + SAMPLE, y + 9.0), color, 1.0),
        Sample::Hatch => hatch(canvas, (x, y - 9.0), (x + SAMPLE, y + 9.0)),
    }
}

/// Fills a rectangle with slanted lines, ten pixels apart on the picture as a whole.
pub(super) fn hatch(canvas: &mut Canvas, from: (f64, f64), to: (f64, f64)) {
    let stroke = Stroke::new(crate::colors::tint(VERMILION, 0.38), 1.2);
    let first = ((from.0 + from.1) / 10.0).ceil() as i64;
    let last = ((to.0 + to.1) / 10.0).floor() as i64;
    for index in first..=last {
        // The line x + y = sum, cut to the rectangle.
        let sum = index as f64 * 10.0;
        let (left, right) = (from.0.max(sum - to.1), to.0.min(sum - from.1));
        if left < right {
            canvas.line(&[(left, sum - left), (right, sum - right)], stroke);
        }
    }
}

/// Where the entries stand: x and row, in as many rows as it takes.
fn legend_places(legend: &[Entry], width: f64) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (EDGE, 0);
    let mut places = Vec::new();
    for (_, words) in legend {
        let length = SAMPLE + 8.0 + Text::new(LABEL_SIZE - 1.0, INK).width(words) + 30.0;
        if x + length > width && x > EDGE {
            (x, row) = (EDGE, row + 1);
        }
        places.push((x, row));
        x += length;
    }
    places
}

/// `words` on at most two lines; what is too long is shortened.
fn wrapped(words: &str, width: f64, text: Text) -> Vec<String> {
    if text.width(words) <= width {
        return vec![words.to_string()];
    }
    let parts: Vec<&str> = words.split_whitespace().collect();
    let fits = |count: &usize| text.width(&parts[..*count].join(" ")) <= width;
    let count = (1..=parts.len()).take_while(fits).last().unwrap_or(1);
    let first = fitted(&parts[..count].join(" "), width, text);
    if count == parts.len() {
        return vec![first];
    }
    vec![first, fitted(&parts[count..].join(" "), width, text)]
}

/// Number of columns of a grid of `count` panels.
pub(super) fn columns(count: usize) -> usize {
    match count {
        0..=3 => count.max(1),
        4 => 2,
        _ => 3,
    }
}
