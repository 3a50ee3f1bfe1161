//! What a new baseline changes, before it is written.

use gradus_runner::gate::{Baseline, Cell, departure};
use gradus_runner::statistics::mean;

use super::{departed, what};
use crate::numbers::{counted, digits};

/// One line for each thing that is not as it was; empty where nothing but the program's version
/// differs.
pub fn changes(before: &Baseline, now: &Baseline) -> Vec<String> {
    let mut lines = Vec::new();
    if before.plan != now.plan {
        lines.push("another plan: model, data, optimizer, sweep or training".to_string());
    }
    if before.stamp != now.stamp {
        lines.push(format!("stamp: {}, was {}", now.stamp, before.stamp));
    }
    if before.seeds != now.seeds {
        lines.push(format!("{}, was {}", counted(now.seeds.len(), "seed"), before.seeds.len()));
    }
    if let Some(departure) = departure(&before.witness, &now.witness) {
        lines.push(format!("witness: {}", departed(&departure)));
    }
    for cell in &before.cells {
        if !now.cells.iter().any(|other| other.cell == cell.cell) {
            lines.push(format!("cell gone: {}", cell.cell));
        }
    }
    for cell in &now.cells {
        match before.cells.iter().find(|other| other.cell == cell.cell) {
            None => lines.push(format!("new cell: {}", cell.cell)),
            Some(old) => lines.extend(of_cell(old, cell)),
        }
    }
    lines
}

fn of_cell(before: &Cell, now: &Cell) -> Vec<String> {
    let place = if now.cell.is_empty() { String::new() } else { format!("{}: ", now.cell) };
    let mut lines = Vec::new();
    for values in &now.figures {
        let figure = values.figure;
        let is_same = |old: &&gradus_runner::gate::Values| {
            (old.figure.of, old.figure.course) == (figure.of, figure.course)
        };
        let Some(old) = before.figures.iter().find(is_same) else {
            lines.push(format!("{place}new figure: {}", what(figure)));
            continue;
        };
        if old.values != values.values {
            let (was, is) = (mean(&old.values), mean(&values.values));
            let margins = digits((is - was) / figure.margin, 2);
            let (was, is) = (digits(was, 5), digits(is, 5));
            let what = what(figure);
            lines.push(format!("{place}{what}: mean {is}, was {was} ({margins} margins)"));
        }
        if old.figure.margin != figure.margin {
            let (is, was) = (figure.margin, old.figure.margin);
            lines.push(format!("{place}{}: margin {is}, was {was}", what(figure)));
        }
    }
    let gone = before.figures.iter().filter(|old| {
        let is_same = |values: &gradus_runner::gate::Values| {
            (old.figure.of, old.figure.course) == (values.figure.of, values.figure.course)
        };
        !now.figures.iter().any(is_same)
    });
    lines.extend(gone.map(|old| format!("{place}figure gone: {}", what(old.figure))));
    let has_other_bits = before.weights != now.weights || before.curves != now.curves;
    if lines.is_empty() && has_other_bits {
        lines.push(format!("{place}other bits, the same figures"));
    }
    lines
}
