//! Margins that the seeds of a baseline cannot resolve.

use gradus_runner::gate::{Baseline, Spread, resolve};

use super::what;
use crate::numbers::{digits, exact};

/// One line for each figure whose margin is below what the seeds resolve, with the margin that they
/// do and the number of seeds that would do.
pub fn unresolved(baseline: &Baseline) -> Vec<String> {
    let figures = || {
        baseline.cells.iter().flat_map(|cell| cell.figures.iter().map(move |figure| (cell, figure)))
    };
    let spreads: Vec<Spread> = figures()
        .map(|(_, of)| Spread { values: of.values.clone(), margin: of.figure.margin })
        .collect();
    let resolutions = resolve(&spreads, &baseline.looks());
    let refused = figures().zip(resolutions).filter(|(_, resolution)| !resolution.resolves);
    refused
        .map(|((cell, of), resolution)| {
            let place =
                if cell.cell.is_empty() { String::new() } else { format!(", {}", cell.cell) };
            let seeds = match resolution.seeds {
                Some(seeds) => format!("{seeds} seeds would do"),
                None => "1,000 seeds would not do".to_string(),
            };
            let margin = match resolution.smallest_margin {
                margin if margin.is_finite() => {
                    format!("these seeds resolve {}", digits(margin, 3))
                }
                _ => "these seeds resolve no margin".to_string(),
            };
            let declared = exact(of.figure.margin);
            format!("{}{place}: margin {declared}; {margin}; {seeds}", what(of.figure))
        })
        .collect()
}
