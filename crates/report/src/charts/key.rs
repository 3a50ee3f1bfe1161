//! Which color, dashes and mark a cell has in a chart of many cells, and the key beside it.

use super::sheet::{Sample, draw_sample};
use crate::axes::{LABEL_SIZE, Panel, Scale, TICK_SIZE, fitted};
use crate::canvas::{Align, Canvas, Mark, Stroke, Text};
use crate::cells::{LEARNING_RATE, Survey};
use crate::colors::{CATEGORIES, Color, FRAME, GRAY, INK, ordered};

/// Dashes and marks that tell categories apart without color.
const DASHES: [&[f64]; 4] = [&[], &[11.0, 5.0], &[3.0, 4.0], &[13.0, 4.0, 3.0, 4.0]];
const MARKS: [Mark; 3] = [Mark::Dot, Mark::Square, Mark::Diamond];
/// The widest that a list of labels may be.
const WIDEST_LIST: f64 = 430.0;
const LINE: f64 = 29.0;

/// The key of a survey.
pub(super) enum Key {
    /// Learning rates on an ordered scale.
    Rates { scale: Scale, rates: Vec<f64> },
    /// A label for each cell.
    Labels { title: String, labels: Vec<String> },
}

impl Key {
    pub(super) fn new(survey: &Survey<'_>) -> Self {
        if survey.varies_rate() {
            let rates = survey.rates();
            let scale = Scale::over(rates.iter().copied(), 3.0, 0.0);
            return Key::Rates { scale, rates };
        }
        let axes = survey.cells.first().map_or(&[][..], |cell| cell.coordinates);
        let title = match axes {
            [only] => only.axis.to_string(),
            _ => String::new(),
        };
        let labels = survey.cells.iter().map(|cell| cell.label()).collect();
        Key::Labels { title, labels }
    }

    /// How the lines of a cell look.
    pub(super) fn stroke(&self, survey: &Survey<'_>, cell: usize) -> Stroke {
        let stroke = Stroke::new(self.color(survey, cell), 2.4);
        match self {
            Key::Labels { labels, .. } if labels.len() <= CATEGORIES.len() => {
                stroke.dashed(DASHES[cell % DASHES.len()])
            }
            _ => stroke,
        }
    }

    /// The mark of a cell.
    pub(super) fn mark(&self, cell: usize) -> Mark {
        match self {
            Key::Labels { labels, .. } if labels.len() <= CATEGORIES.len() => {
                MARKS[cell % MARKS.len()]
            }
            _ => Mark::Dot,
        }
    }

    fn color(&self, survey: &Survey<'_>, cell: usize) -> Color {
        match self {
            Key::Rates { scale, .. } => {
                let rate = survey.cells[cell].rate().unwrap_or(f64::NAN);
                ordered(scale.share(rate))
            }
            Key::Labels { labels, .. } if labels.len() <= CATEGORIES.len() => CATEGORIES[cell],
            Key::Labels { labels, .. } => ordered(cell as f64 / (labels.len() - 1) as f64),
        }
    }

    /// Its width, with the space to the panels; 0 where a single cell needs no key.
    pub(super) fn width(&self) -> f64 {
        match self {
            Key::Rates { .. } => 150.0,
            Key::Labels { labels, .. } if labels.len() < 2 => 0.0,
            Key::Labels { title, labels } => {
                let text = Text::new(LABEL_SIZE - 1.0, INK);
                let longest = labels.iter().map(|label| text.width(label)).fold(0.0, f64::max);
                let title = text.bold().width(title) - 42.0;
                24.0 + 42.0 + longest.max(title).min(WIDEST_LIST) + 20.0
            }
        }
    }

    /// Draws it from `left` on, between `top` and `bottom`.
    pub(super) fn draw(
        &self,
        survey: &Survey<'_>,
        canvas: &mut Canvas,
        (left, top, bottom): (f64, f64, f64),
    ) {
        match self {
            Key::Rates { scale, rates } => {
                draw_bar(*scale, rates, canvas, (left + 26.0, top, bottom.min(top + 620.0)));
            }
            Key::Labels { labels, .. } if labels.len() < 2 => {}
            Key::Labels { title, labels } => {
                let text = Text::new(LABEL_SIZE - 1.0, INK);
                let left = left + 24.0;
                canvas.text((left, top + 8.0), title, text.bold());
                let room = (((bottom - top) / LINE) as usize).saturating_sub(2).max(1);
                for (cell, label) in labels.iter().take(room).enumerate() {
                    let y = top + 8.0 + LINE * (cell + 1) as f64;
                    let sample = Sample::MarkedLine(self.stroke(survey, cell), self.mark(cell));
                    draw_sample(canvas, sample, (left, y));
                    canvas.text((left + 42.0, y), &fitted(label, WIDEST_LIST, text), text);
                }
                if labels.len() > room {
                    let y = top + 8.0 + LINE * (room + 1) as f64;
                    let more = format!("and {} more", labels.len() - room);
                    canvas.text((left, y), &more, Text::new(LABEL_SIZE - 1.0, GRAY));
                }
            }
        }
    }
}

/// A bar of the ordered colors with labels, and a notch at each rate that there is.
fn draw_bar(
    scale: Scale,
    rates: &[f64],
    canvas: &mut Canvas,
    (left, top, bottom): (f64, f64, f64),
) {
    const WIDTH: f64 = 24.0;
    let top = top + 34.0;
    let text = Text::new(LABEL_SIZE - 1.0, INK).aligned(Align::Center);
    canvas.text((left + 40.0, top - 28.0), LEARNING_RATE, text);
    if rates.len() < 2 {
        let stroke = Stroke::new(ordered(0.5), 3.0);
        draw_sample(canvas, Sample::Line(stroke), (left, top));
        let label = rates.first().map(|&rate| crate::numbers::tick(rate)).unwrap_or_default();
        canvas.text((left + 42.0, top), &label, Text::new(TICK_SIZE, INK));
        return;
    }
    let height = bottom - top;
    for row in 0..height as usize {
        let y = top + row as f64;
        let color = ordered(1.0 - row as f64 / height);
        // Rows overlap, or white would show between them.
        canvas.rectangle((left, y), (left + WIDTH, (y + 2.0).min(bottom)), color, 1.0);
    }
    let bar = Panel { left, top, right: left + WIDTH, bottom, x: scale, y: scale };
    for &rate in rates {
        let y = bar.at_y(rate);
        canvas.line(&[(left + WIDTH - 7.0, y), (left + WIDTH, y)], Stroke::new([255; 3], 1.6));
    }
    bar.frame(canvas);
    for tick in scale.ticks((height / 45.0) as usize) {
        let Some(label) = tick.label else { continue };
        let y = bar.at_y(tick.value);
        canvas.line(&[(left + WIDTH, y), (left + WIDTH + 5.0, y)], Stroke::new(FRAME, 1.0));
        canvas.text((left + WIDTH + 9.0, y), &label, Text::new(TICK_SIZE, INK));
    }
}
