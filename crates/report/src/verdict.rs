//! The answer to the experiment's question: numbers for scripts, and one sentence for people.

use gradus_runner::Results;
use serde::Serialize;

use crate::cells::{Cell, Facet, Survey, shown};
use crate::numbers::{counted, digits, short};
use gradus_runner::statistics::{
    argmin, bootstrap_best, median, run_around, standard_deviation, within_one_error,
};

/// A loss up to this many times the best one still counts as the plateau.
pub(crate) const PLATEAU_FACTOR: f64 = 1.1;
/// An accuracy down to this much below the best one still counts as the plateau.
pub(crate) const PLATEAU_ACCURACY: f64 = 0.01;

/// What the results say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// One sentence that answers the question.
    pub sentence: String,
    /// What runs are judged by, such as `validation loss at the end`.
    pub judged: String,
    /// Runs of the plan.
    pub runs: usize,
    /// Of these, not there yet.
    pub missing: usize,
    /// Of these, diverged.
    pub diverged: usize,
    /// Of these, never better than a constant prediction.
    pub stalled: usize,
    /// Of these, not finished for another reason.
    pub failed: usize,
    /// The best cell, if any median is finite.
    pub best: Option<Best>,
    /// One for each combination of the other axes, if the learning rate is varied.
    pub learning_rates: Vec<RateVerdict>,
}

/// The cell with the best median over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Its axes and values.
    pub coordinates: Vec<(String, String)>,
    /// Median of the judged value over seeds, diverged runs counted as worst.
    pub median: f64,
    /// The better quarter's end.
    pub better_quartile: f64,
    /// The worse quarter's end; infinite when a quarter of the runs diverged.
    pub worse_quartile: f64,
    /// Runs with a result.
    pub seeds: usize,
}

/// What the learning rates of one facet say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateVerdict {
    /// The other coordinates in words; empty where there are none.
    pub others: String,
    /// How many rates there are.
    pub rates: usize,
    /// The rate with the best median, if any is finite; the lowest of equals.
    pub best_rate: Option<f64>,
    /// Its median.
    pub best_median: Option<f64>,
    /// 95 % bootstrap interval of the best rate, seeds resampled; none below two seeds.
    pub interval: Option<[f64; 2]>,
    /// The rates around the best whose paired difference from it is within one standard error.
    pub within_one_error: Option<[f64; 2]>,
    /// The rates around the best with a median on its plateau.
    pub plateau: Option<[f64; 2]>,
    /// Width of the plateau in decades.
    pub plateau_decades: Option<f64>,
    /// The lowest rate above the best at which a run diverged; where there is none, the lowest of
    /// all.
    pub first_diverged: Option<Edge>,
    /// The lowest rate from which on more than half of the runs diverged.
    pub mostly_diverged_from: Option<f64>,
    /// Decades from the best rate up to the first above it at which a run diverged.
    pub margin_decades: Option<f64>,
    /// The end of the range at which the best rate lies, if it does.
    pub border: Option<Border>,
}

/// A rate at which runs diverged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Edge {
    /// The rate.
    pub rate: f64,
    /// How many of its runs diverged.
    pub diverged: usize,
    /// How many of its runs have a result.
    pub seeds: usize,
    /// Whether runs diverged at every rate above it too.
    pub and_beyond: bool,
}

/// An end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Border {
    /// The smallest value.
    Lowest,
    /// The largest value.
    Highest,
}

/// Works the verdict out.
pub fn verdict(results: &Results) -> Verdict {
    verdict_of(&Survey::new(results))
}

pub(crate) fn verdict_of(survey: &Survey<'_>) -> Verdict {
    let mut verdict = Verdict {
        sentence: String::new(),
        judged: format!("{} {}", survey.judged.words(), survey.judged.moment()),
        runs: survey.results.runs.len(),
        missing: 0,
        diverged: 0,
        stalled: 0,
        failed: 0,
        best: survey.best_cell().map(|index| best(survey, &survey.cells[index])),
        learning_rates: Vec::new(),
    };
    for counts in survey.cells.iter().map(Cell::counts) {
        verdict.missing += counts.missing;
        verdict.diverged += counts.diverged;
        verdict.stalled += counts.stalled;
        verdict.failed += counts.failed;
    }
    if survey.varies_rate() {
        let rates = survey.facets.iter().map(|facet| rate_verdict(survey, facet));
        verdict.learning_rates = rates.collect();
    }
    verdict.sentence = sentence(survey, &verdict);
    verdict
}

fn best(survey: &Survey<'_>, cell: &Cell<'_>) -> Best {
    let named =
        |coordinate: &gradus_runner::Coordinate| (coordinate.axis.to_string(), shown(coordinate));
    Best {
        coordinates: cell.coordinates.iter().map(named).collect(),
        median: cell.value_at(&survey.judged, 0.5),
        better_quartile: cell.value_at(&survey.judged, 0.25),
        worse_quartile: cell.value_at(&survey.judged, 0.75),
        seeds: cell.counts().finished(),
    }
}

fn rate_verdict(survey: &Survey<'_>, facet: &Facet) -> RateVerdict {
    let cells: Vec<&Cell<'_>> = facet.cells.iter().map(|&index| &survey.cells[index]).collect();
    let rates: Vec<f64> = cells.iter().filter_map(|cell| cell.rate()).collect();
    let costs: Vec<Vec<f64>> = cells.iter().map(|cell| cell.costs(&survey.judged)).collect();
    let medians: Vec<f64> = costs.iter().map(|costs| median(costs)).collect();
    let shares: Vec<f64> = cells.iter().map(|cell| cell.counts().diverged_share()).collect();
    let edge = |index: usize| {
        let counts = cells[index].counts();
        let and_beyond = shares[index..].iter().all(|&share| share > 0.0);
        Edge { rate: rates[index], diverged: counts.diverged, seeds: counts.finished(), and_beyond }
    };
    let first = shares.iter().position(|&share| share > 0.0);
    let mostly = shares.iter().position(|&share| share > 0.5);
    let mut verdict = RateVerdict {
        others: facet.label.clone(),
        rates: rates.len(),
        best_rate: None,
        best_median: None,
        interval: None,
        within_one_error: None,
        plateau: None,
        plateau_decades: None,
        first_diverged: first.map(edge),
        mostly_diverged_from: mostly.map(|index| rates[index]),
        margin_decades: None,
        border: None,
    };
    let Some(best) = argmin(&medians) else { return verdict };
    let ends = |[low, high]: [usize; 2]| [rates[low], rates[high]];
    let decades = |low: f64, high: f64| libm::log10(high / low);
    // Only equal seeds can be paired: with runs missing there is no interval yet.
    let is_paired = cells.iter().all(|cell| cell.seeds() == cells[best].seeds());
    let near: Option<Vec<bool>> =
        costs.iter().map(|costs_here| within_one_error(costs_here, &costs[best])).collect();
    let on_plateau: Vec<bool> = if survey.judged.metric.higher_is_better() {
        medians.iter().map(|cost| *cost <= medians[best] + PLATEAU_ACCURACY).collect()
    } else {
        medians.iter().map(|cost| *cost <= medians[best] * PLATEAU_FACTOR).collect()
    };
    let plateau = ends(run_around(best, &on_plateau));
    verdict.best_rate = Some(rates[best]);
    verdict.best_median = Some(survey.judged.value_of_cost(medians[best]));
    verdict.interval = is_paired.then(|| bootstrap_best(&costs)).flatten().map(ends);
    let near = near.filter(|_| is_paired);
    verdict.within_one_error = near.map(|near| ends(run_around(best, &near)));
    verdict.plateau = Some(plateau);
    verdict.plateau_decades = Some(decades(plateau[0], plateau[1]));
    let above = (best + 1..rates.len()).find(|&index| shares[index] > 0.0);
    verdict.first_diverged = above.or(first).map(edge);
    verdict.margin_decades = above.map(|index| decades(rates[best], rates[index]));
    verdict.border = match best {
        // Two rates are a comparison, not a range.
        _ if rates.len() < 3 => None,
        0 => Some(Border::Lowest),
        last if last + 1 == rates.len() => Some(Border::Highest),
        _ => None,
    };
    verdict
}

fn sentence(survey: &Survey<'_>, verdict: &Verdict) -> String {
    let finished = verdict.runs - verdict.missing - verdict.failed;
    if finished == 0 {
        return format!("No run has a result yet ({} planned).", counted(verdict.runs, "run"));
    }
    let mut text = match (&verdict.best, best_rate_verdict(verdict)) {
        (Some(best), Some(rate)) => rate_sentence(survey, verdict, best, rate),
        (Some(best), None) => cell_sentence(survey, verdict, best),
        (None, _) if verdict.diverged == finished => {
            format!("All {} diverged", counted(finished, "run"))
        }
        (None, _) => format!("No cell has a finite median of the {}", verdict.judged),
    };
    if verdict.missing > 0 {
        let missing = counted(verdict.missing, "run");
        text += &format!("; {missing} of {} not there yet", verdict.runs);
    }
    text + "."
}

/// The facet that the best cell belongs to.
pub(crate) fn best_rate_verdict(verdict: &Verdict) -> Option<&RateVerdict> {
    let best = verdict.best.as_ref()?.median;
    verdict.learning_rates.iter().find(|rate| rate.best_median == Some(best))
}

fn rate_sentence(
    survey: &Survey<'_>,
    verdict: &Verdict,
    best: &Best,
    rate: &RateVerdict,
) -> String {
    let others =
        if rate.others.is_empty() { String::new() } else { format!(" with {}", rate.others) };
    let mut text = format!(
        "Best learning rate {}{others}: median {} {} over {}",
        short(rate.best_rate.unwrap_or(f64::NAN)),
        verdict.judged,
        short(best.median),
        counted(best.seeds, "seed"),
    );
    match rate.interval {
        Some([low, high]) if low == high => {
            text += &format!(" (95 % bootstrap interval: {} alone", short(low));
        }
        Some([low, high]) => {
            text += &format!(" (95 % bootstrap interval {} to {}", short(low), short(high));
        }
        None if best.seeds < 2 => text += " (one seed, so no interval",
        None => text += " (runs missing, so no interval yet",
    }
    match rate.within_one_error {
        Some([low, high]) if low < high => {
            text += &format!("; within one standard error {} to {})", short(low), short(high));
        }
        _ => text.push(')'),
    }
    text += &divergence(rate, survey.facets.len() > 1);
    text += match rate.border {
        _ if rate.rates < 2 => "; only one rate was tried",
        _ if rate.rates < 3 => "; only two rates were tried",
        None => "; the optimum lies inside the range",
        Some(Border::Lowest) => "; the optimum lies at the lowest rate: extend the range downward",
        Some(Border::Highest) => "; the optimum lies at the highest rate: extend the range upward",
    };
    if survey.facets.len() > 1 {
        text += &format!("; best of {} combinations of the other axes", survey.facets.len());
    }
    text
}

fn divergence(rate: &RateVerdict, is_one_of_several: bool) -> String {
    let Some(edge) = rate.first_diverged else {
        let of = if is_one_of_several { " of this combination" } else { "" };
        return format!("; no run{of} diverges");
    };
    let (verb, on) = if edge.and_beyond { ("from", " on") } else { ("at", "") };
    let from = short(edge.rate);
    let most = match rate.mostly_diverged_from {
        Some(most) if most > edge.rate => format!(", and mostly from {}", short(most)),
        _ => String::new(),
    };
    format!(
        "; diverges {verb} {from}{on} in {} of {}{most}",
        edge.diverged,
        counted(edge.seeds, "seed")
    )
}

fn cell_sentence(survey: &Survey<'_>, verdict: &Verdict, best: &Best) -> String {
    let place = match best.coordinates.as_slice() {
        [] => String::new(),
        _ if survey.cells.len() == 1 => String::new(),
        all => {
            let words: Vec<String> =
                all.iter().map(|(axis, value)| format!("{axis} {value}")).collect();
            format!("Best of {} cells: {}: ", survey.cells.len(), words.join(", "))
        }
    };
    let spread = match best.seeds {
        1 => String::new(),
        seeds if seeds >= 10 && verdict.diverged == 0 => {
            let cell = survey.best_cell().map(|index| survey.cells[index].costs(&survey.judged));
            format!(", standard deviation {}", short(standard_deviation(&cell.unwrap_or_default())))
        }
        _ => format!(
            ", middle half {} to {}",
            digits(best.better_quartile.min(best.worse_quartile), 4),
            digits(best.better_quartile.max(best.worse_quartile), 4),
        ),
    };
    let median = if place.is_empty() { "Median" } else { "median" };
    let seeds = counted(best.seeds, "seed");
    let mut text = format!(
        "{place}{median} {} {} over {seeds}{spread}",
        verdict.judged,
        digits(best.median, 4)
    );
    for (count, word) in [(verdict.diverged, "diverged"), (verdict.stalled, "stalled")] {
        if count > 0 {
            text += &format!("; {count} of {} {word}", counted(verdict.runs, "run"));
            text += &whole_cells(survey, word);
        }
    }
    text
}

/// The cells all of whose runs ended this way, by name as long as they are few:
/// ` (plain in every seed)`. Empty for a single cell.
fn whole_cells(survey: &Survey<'_>, word: &str) -> String {
    let ends_so = |cell: &&Cell<'_>| {
        let counts = cell.counts();
        let count = if word == "diverged" { counts.diverged } else { counts.stalled };
        count > 0 && count == counts.finished()
    };
    let labels: Vec<String> = survey.cells.iter().filter(ends_so).map(Cell::label).collect();
    match labels.len() {
        _ if survey.cells.len() == 1 => String::new(),
        0 => " (no cell in every seed)".to_string(),
        1..=4 => format!(" (in every seed: {})", labels.join("; ")),
        many => format!(" (in every seed: {many} of {} cells)", survey.cells.len()),
    }
}
