//! `gradients.png`: the norm of the gradient layer by layer, so that one sees it vanish toward
//! the input, or grow.

use super::key::Key;
use super::learning_rate::MOST_PANELS;
use super::sheet::{EDGE, Entry, Sample, Sheet};
use crate::axes::{Panel, Scale};
use crate::canvas::{Canvas, Mark, Stroke};
use crate::cells::{Cell, Facet, Survey};
use crate::colors::INK;
use gradus_runner::statistics::median;

pub(super) const CAPTION: &str = "Norm of the loss gradient of each layer with parameters, \
    counted from the input; medians over seeds. A line that falls toward the left is a gradient \
    that vanishes on its way back, one that rises is a gradient that explodes.";

/// Ratios beyond this are below what can be drawn: a picture of more decades says no more.
const MOST_DECADES: f64 = 60.0;

/// Which of a curve's values is looked at.
type Pick = fn(&[f64]) -> Option<&f64>;

/// Median norms of a cell's layers, from the input on.
struct Depth {
    cell: usize,
    norms: Vec<f64>,
}

pub(super) fn draw(survey: &Survey<'_>) -> Option<Canvas> {
    survey.records().find(|record| record.layer_curves("gradient_norm").next().is_some())?;
    let shown = &survey.facets[..survey.facets.len().min(MOST_PANELS / 2)];
    let moments: [(&str, Pick); 2] =
        [("first step", <[f64]>::first), ("mean over the last epoch", <[f64]>::last)];
    let panels: Vec<(String, Vec<Depth>)> = shown
        .iter()
        .flat_map(|facet| {
            moments.map(|(name, pick)| (heading(facet, name), depths(survey, facet, pick)))
        })
        .collect();
    let key = Key::new(survey);
    let n_rows = panels.len().div_ceil(2);
    let row_height = if n_rows == 1 { 640.0 } else { 450.0 };
    let width = 1500.0 + key.width().max(150.0) - 150.0;
    let mut legend: Vec<Entry> =
        vec![(Sample::MarkedLine(Stroke::new(INK, 2.4), Mark::Dot), "median over seeds".into())];
    let any = |holds: fn(f64) -> bool| {
        let mut norms = panels.iter().flat_map(|(_, depths)| depths).flat_map(|d| &d.norms);
        norms.any(|&norm| holds(norm))
    };
    if any(|norm| norm == 0.0) {
        legend.push((Sample::Mark(Mark::Down, INK), "zero, or too small to draw".into()));
    }
    if any(|norm| !norm.is_finite()) {
        legend.push((Sample::Mark(Mark::Up, INK), "not finite".into()));
    }
    let subtitle = "norm of the gradient by layer, before the optimizer's chain";
    let mut sheet = Sheet::new(survey, (width, row_height * n_rows as f64), subtitle, &legend);
    let (x, y) = scales(&panels);
    let column_width = (width - 2.0 * EDGE - key.width()) / 2.0;
    for (index, (heading, depths)) in panels.iter().enumerate() {
        let top = sheet.top + row_height * (index / 2) as f64;
        let left = EDGE + column_width * (index % 2) as f64;
        let panel = Panel {
            left: left + 92.0,
            top: top + 40.0,
            right: left + column_width - 14.0,
            bottom: top + row_height - 78.0,
            x,
            y,
        };
        panel.grid(&mut sheet.canvas);
        for depth in depths {
            draw_depth(
                &mut sheet.canvas,
                &panel,
                depth,
                key.stroke(survey, depth.cell),
                key.mark(depth.cell),
            );
        }
        panel.frame(&mut sheet.canvas);
        panel.heading(&mut sheet.canvas, heading);
        panel.y_labels(&mut sheet.canvas, "gradient norm");
        let title = "layer with parameters, counted from the input";
        panel.x_labels(&mut sheet.canvas, panel.bottom, title);
    }
    let bottom = sheet.top + row_height * n_rows as f64 - 78.0;
    let place = (width - EDGE - key.width(), sheet.top + 24.0, bottom);
    key.draw(survey, &mut sheet.canvas, place);
    Some(sheet.canvas)
}

fn heading(facet: &Facet, moment: &str) -> String {
    if facet.label.is_empty() { moment.to_string() } else { format!("{moment}: {}", facet.label) }
}

fn depths(survey: &Survey<'_>, facet: &Facet, pick: fn(&[f64]) -> Option<&f64>) -> Vec<Depth> {
    let norms = |cell: usize| Depth { cell, norms: norms(&survey.cells[cell], pick) };
    facet.cells.iter().map(|&cell| norms(cell)).filter(|depth| !depth.norms.is_empty()).collect()
}

/// Median norm of each layer with parameters, from the input on; infinite where most are.
pub(crate) fn norms(cell: &Cell<'_>, pick: fn(&[f64]) -> Option<&f64>) -> Vec<f64> {
    let mut of_layers: Vec<(Option<u64>, Vec<f64>)> = Vec::new();
    for record in cell.records() {
        for curve in record.layer_curves("gradient_norm") {
            let Some(&value) = pick(&curve.values) else { continue };
            match of_layers.iter_mut().find(|(layer, _)| *layer == curve.layer) {
                Some((_, values)) => values.push(value),
                None => of_layers.push((curve.layer, vec![value])),
            }
        }
    }
    of_layers.sort_by_key(|(layer, _)| *layer);
    of_layers.into_iter().map(|(_, values)| median(&values)).collect()
}

fn scales(panels: &[(String, Vec<Depth>)]) -> (Scale, Scale) {
    let depths = || panels.iter().flat_map(|(_, depths)| depths);
    let deepest = depths().map(|depth| depth.norms.len()).max().unwrap_or(1) as f64;
    let norms = || depths().flat_map(|depth| depth.norms.iter().copied()).filter(|n| n.is_finite());
    let highest = norms().fold(0.0, f64::max);
    let lowest_shown = highest * libm::pow(10.0, -MOST_DECADES);
    let y = Scale::over(norms().filter(|&norm| norm > lowest_shown), 3.0, 0.06);
    let margin = (deepest - 1.0).max(1.0) * 0.05;
    (Scale::Whole { low: 1.0 - margin, high: deepest + margin }, y)
}

fn draw_depth(canvas: &mut Canvas, panel: &Panel, depth: &Depth, stroke: Stroke, mark: Mark) {
    let places = || depth.norms.iter().enumerate().map(|(index, &norm)| (index as f64 + 1.0, norm));
    panel.line(canvas, &places().collect::<Vec<_>>(), stroke);
    for at in places() {
        panel.mark(canvas, mark, at, 5.0, stroke.color);
    }
}
