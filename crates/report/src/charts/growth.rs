//! `performance-growth.png` of the page on speed: the time of a sample against each size, beside its floor.

use gradus_runner::bench::Growth;

use super::sheet::{EDGE, Entry, Sample, Sheet};
use crate::axes::{Panel, Scale};
use crate::canvas::{Canvas, Mark, Stroke};
use crate::colors::{BLUE, Color, VERMILION};

const WIDTH: f64 = 1400.0;
/// Height of a row of panels, labels included.
const ROW: f64 = 430.0;
/// Beside a panel, for its labels.
const LEFT: f64 = 96.0;
const FLOOR_DASHES: &[f64] = &[11.0, 5.0];
const NANOSECONDS: f64 = 1e9;

const TRAINING: (Color, Mark) = (BLUE, Mark::Dot);
const FLOOR: (Color, Mark) = (VERMILION, Mark::Square);

/// Draws a panel for each size, two in a row.
pub(crate) fn draw(growths: &[Growth], subtitle: &str) -> Canvas {
    let line = |(color, _): (Color, Mark)| Stroke::new(color, 2.4);
    let (training, floor) = (line(TRAINING), line(FLOOR).dashed(FLOOR_DASHES));
    let legend: [Entry; 2] = [
        (Sample::MarkedLine(training, TRAINING.1), "a sample of a training step".into()),
        (Sample::MarkedLine(floor, FLOOR.1), "its floor: the step's matrix products alone".into()),
    ];
    let rows = growths.len().div_ceil(2);
    let question = "How does the time of a sample grow?";
    let size = (WIDTH, ROW * rows as f64 + 8.0);
    let mut sheet = Sheet::titled(question, size, subtitle, &legend);
    let column = (WIDTH - 2.0 * EDGE) / 2.0;
    for (index, growth) in growths.iter().enumerate() {
        let left = EDGE + column * (index % 2) as f64;
        let top = sheet.top + ROW * (index / 2) as f64 + 40.0;
        let sizes = growth.points.iter().map(|point| point.size as f64);
        let times = growth.points.iter().flat_map(|point| [point.seconds, point.floor]);
        let panel = Panel {
            left: left + LEFT,
            top,
            right: left + column - 16.0,
            bottom: top + ROW - 130.0,
            x: Scale::over(sizes, 1.0, 0.04),
            y: Scale::over(times.map(|time| time * NANOSECONDS), 1.0, 0.08),
        };
        let canvas = &mut sheet.canvas;
        panel.grid(canvas);
        for (pick, stroke, (color, mark)) in [
            (growth.points.iter().map(|p| (p.size, p.floor)).collect::<Vec<_>>(), floor, FLOOR),
            (growth.points.iter().map(|p| (p.size, p.seconds)).collect(), training, TRAINING),
        ] {
            let points: Vec<(f64, f64)> =
                pick.into_iter().map(|(size, time)| (size as f64, time * NANOSECONDS)).collect();
            panel.line(canvas, &points, stroke);
            points.iter().for_each(|&point| panel.mark(canvas, mark, point, 5.0, color));
        }
        panel.frame(canvas);
        panel.heading(canvas, &format!("{}: {}", growth.what, growth.held));
        panel.x_labels(canvas, panel.bottom, unit(growth.what));
        panel.y_labels(canvas, "time of a sample (ns)");
    }
    sheet.canvas
}

fn unit(what: &str) -> &str {
    match what {
        "width" => "width (units of a layer)",
        "depth" => "depth (hidden layers)",
        "batch" => "batch (samples of a step)",
        "runs" => "runs of the sweep",
        other => other,
    }
}
