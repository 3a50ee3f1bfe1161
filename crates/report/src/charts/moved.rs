//! `moved.png` of a check: curves of the baseline and of now on the same axes.

use gradus_runner::gate::Envelope;

use super::sheet::{EDGE, Entry, Sample, Sheet, columns};
use crate::axes::{Panel, Scale};
use crate::canvas::{Canvas, Stroke};
use crate::checks::{measure, without_moment};
use crate::colors::{BLUE, Color, VERMILION, tint};
use crate::gate::Moved;

const WIDTH: f64 = 1500.0;
/// Height of a row of panels, labels included.
const ROW: f64 = 430.0;
/// Beside a panel, for its labels.
const LEFT: f64 = 96.0;
/// What moved in more places is told by the table.
const MOST_PANELS: usize = 9;
const NOW_DASHES: &[f64] = &[11.0, 5.0];

/// Draws a panel for each, up to nine.
pub(crate) fn draw(name: &str, all: &[Moved]) -> Canvas {
    let shown = &all[..all.len().min(MOST_PANELS)];
    let (before, now) = strokes();
    let legend: [Entry; 4] = [
        (Sample::Line(before), "baseline, median over seeds".into()),
        (Sample::Band(tint(BLUE, 0.18)), "its lowest to highest".into()),
        (Sample::Line(now), "now, median over the seeds looked at".into()),
        (Sample::Band(tint(VERMILION, 0.18)), "its lowest to highest".into()),
    ];
    let n_columns = columns(shown.len());
    let n_rows = shown.len().div_ceil(n_columns);
    let question = format!("What moved in {name}?");
    let subtitle = match all.len() {
        count if count > shown.len() => {
            format!("{} of {count} curves shown, the worst first", shown.len())
        }
        _ => "Curves of figures that are not equivalent to the baseline".to_string(),
    };
    let size = (WIDTH, ROW * n_rows as f64 + 8.0);
    let mut sheet = Sheet::titled(&question, size, &subtitle, &legend);
    let column = (WIDTH - 2.0 * EDGE) / n_columns as f64;
    for (index, moved) in shown.iter().enumerate() {
        let left = EDGE + column * (index % n_columns) as f64;
        let top = sheet.top + ROW * (index / n_columns) as f64 + 40.0;
        let both = [&moved.before, &moved.now];
        let epochs = both.iter().flat_map(|envelope| envelope.epochs.iter().map(|&e| e as f64));
        let last = epochs.fold(1.0, f64::max);
        let values = both.iter().flat_map(|envelope| envelope.low.iter().chain(&envelope.high));
        // Shares, such as accuracy, say nothing on a logarithmic scale.
        let log_from = if moved.now.of.higher_is_better() { f64::INFINITY } else { 3.0 };
        let values = values.copied().filter(|value| value.is_finite());
        let panel = Panel {
            left: left + LEFT,
            top,
            right: left + column - 16.0,
            bottom: top + ROW - 130.0,
            x: Scale::Whole { low: 0.0, high: last },
            y: Scale::over(values, log_from, 0.06),
        };
        let canvas = &mut sheet.canvas;
        panel.grid(canvas);
        for (envelope, color) in [(&moved.before, BLUE), (&moved.now, VERMILION)] {
            band(canvas, &panel, envelope, color);
        }
        for (envelope, stroke) in [(&moved.before, before), (&moved.now, now)] {
            let epochs = envelope.epochs.iter().map(|&epoch| epoch as f64);
            let points: Vec<(f64, f64)> = epochs.zip(envelope.median.iter().copied()).collect();
            panel.line(canvas, &points, stroke);
        }
        panel.frame(canvas);
        panel.heading(canvas, &moved.cell);
        panel.x_labels(canvas, panel.bottom, "epoch");
        panel.y_labels(canvas, without_moment(&measure(moved.now.of)));
    }
    sheet.canvas
}

fn strokes() -> (Stroke, Stroke) {
    (Stroke::new(BLUE, 2.6), Stroke::new(VERMILION, 2.6).dashed(NOW_DASHES))
}

/// From the lowest to the highest run, as far as both are finite.
fn band(canvas: &mut Canvas, panel: &Panel, envelope: &Envelope, color: Color) {
    let ends = envelope.low.iter().zip(&envelope.high);
    let edges: Vec<(f64, f64, f64)> = envelope
        .epochs
        .iter()
        .zip(ends)
        .take_while(|(_, (_, high))| high.is_finite())
        .map(|(&epoch, (low, high))| {
            (panel.at_x(epoch as f64), panel.at_y(*low), panel.at_y(*high))
        })
        .collect();
    canvas.band(&edges, color, 0.18);
}
