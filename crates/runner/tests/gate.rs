//! The gate's verdicts: every case of divergence, and error rates over resampled seeds.

use std::fs;
use std::path::Path;

use gradus_core::Stream;
use gradus_runner::gate::{
    Baseline, Case, DIVERGED_MARGIN, ERROR_RATE, Figure, Judged, Looks, Spread, UNSURE, Verdict,
    judge, resolve,
};

const INFINITY: f64 = f64::INFINITY;

/// A figure of these pairs, of which lower is better, with a margin of 1.
fn figure(pairs: &[(f64, f64)]) -> Figure {
    let (before, now) = pairs.iter().copied().unzip();
    Figure { before, now, margin: 1.0, higher_is_better: false }
}

/// A pair of values, and how many seeds have it.
type Repeated = (usize, (f64, f64));

/// The verdict of one figure by itself, all its seeds at once.
fn alone(figure: &Figure) -> Judged {
    let looks = Looks::at(&[figure.before.len()], ERROR_RATE);
    judge(std::slice::from_ref(figure), &looks).figures[0]
}

/// `n` pairs around a difference of `shift`, with a spread of a tenth.
fn shifted(n: usize, shift: f64) -> Vec<(f64, f64)> {
    let wave = |seed: usize| 0.1 * (seed as f64 * 2.4).sin();
    (0..n).map(|seed| (3.0 + seed as f64, 3.0 + seed as f64 + shift + wave(seed))).collect()
}

#[test]
fn the_direction_of_a_metric_and_half_of_its_margin_decide() {
    for (shift, verdict) in [
        (1.0, Verdict::Worse),
        (0.7, Verdict::Worse),
        (0.3, Verdict::Equivalent),
        (0.0, Verdict::Equivalent),
        (-0.3, Verdict::Equivalent),
        (-1.0, Verdict::Better),
    ] {
        let mut figure = figure(&shifted(8, shift));
        assert_eq!(alone(&figure).verdict, verdict, "{shift}");
        figure.higher_is_better = true;
        let turned = match verdict {
            Verdict::Worse => Verdict::Better,
            Verdict::Better => Verdict::Worse,
            other => other,
        };
        let judged = alone(&figure);
        assert_eq!(judged.verdict, turned, "{shift}, higher is better");
        // Numbers are `now - before`, whatever is better.
        let values = judged.values.expect("values were judged");
        assert!((values.estimate - shift).abs() < 0.1, "{values:?}");
        assert!(values.interval[0] <= values.estimate && values.estimate <= values.interval[1]);
    }
    // The margin has the units of the metric.
    let mut small = figure(&shifted(8, 0.7));
    small.margin = 10.0;
    assert_eq!(alone(&small).verdict, Verdict::Equivalent);
}

#[test]
fn too_few_seeds_decide_nothing_and_say_so() {
    let five = alone(&figure(&shifted(5, 9.0)));
    assert_eq!(five.verdict, Verdict::Undecided);
    let values = five.values.expect("values were judged");
    assert_eq!((values.p_changed, values.smallest_shown), (2.0 / 32.0, INFINITY));
    assert_eq!(alone(&figure(&shifted(6, 9.0))).verdict, Verdict::Worse);
    // Four cannot refute anything, five refute a margin in one direction at a time.
    let same = |n: usize| alone(&figure(&vec![(2.0, 2.0); n]));
    assert_eq!(same(4).verdict, Verdict::Undecided);
    assert_eq!(same(4).values.map(|values| values.interval), Some([-INFINITY, INFINITY]));
    let six = same(6);
    assert_eq!(six.verdict, Verdict::Equivalent);
    let values = six.values.expect("values were judged");
    assert_eq!((values.estimate, values.interval), (0.0, [0.0, 0.0]));
    assert_eq!((values.p_changed, values.p_equivalent), (1.0, 1.0 / 64.0));
    assert_eq!(values.smallest_shown, 0.5);
}

#[test]
fn every_case_of_divergence_has_its_verdict() {
    let (same, worse, better) = ((2.0, 2.0), (2.0, 4.0), (2.0, 0.0));
    let (both, now, before) = ((INFINITY, INFINITY), (2.0, INFINITY), (INFINITY, 2.0));
    // Pairs with how often each comes; what it is; what is judged of it.
    let table: &[(&[Repeated], Case, Verdict)] = &[
        (&[(8, same)], Case::NoneDiverged, Verdict::Equivalent),
        (&[(8, both)], Case::AllInBoth, Verdict::Equivalent),
        (&[(2, both)], Case::AllInBoth, Verdict::Equivalent),
        (&[(8, now)], Case::AllNow, Verdict::Worse),
        (&[(5, now)], Case::AllNow, Verdict::Undecided),
        (&[(2, both), (6, now)], Case::AllNow, Verdict::Worse),
        (&[(4, both), (4, now)], Case::AllNow, Verdict::Undecided),
        (&[(8, before)], Case::AllBefore, Verdict::Better),
        (&[(5, before)], Case::AllBefore, Verdict::Undecided),
        (&[(2, both), (6, before)], Case::AllBefore, Verdict::Better),
        (&[(7, both), (1, now)], Case::MostBefore, Verdict::Equivalent),
        (&[(7, both), (1, worse)], Case::MostBefore, Verdict::Equivalent),
        (&[(7, before), (1, same)], Case::MostBefore, Verdict::Better),
        (&[(3, before), (3, both), (2, now)], Case::MostBefore, Verdict::Undecided),
        // Some in one or both: the share, and what is left of the values.
        (&[(1, both), (7, same)], Case::Some, Verdict::Equivalent),
        (&[(1, both), (7, worse)], Case::Some, Verdict::Worse),
        (&[(1, both), (7, better)], Case::Some, Verdict::Better),
        (&[(1, now), (7, worse)], Case::Some, Verdict::Worse),
        (&[(1, now), (9, same)], Case::Some, Verdict::Equivalent),
        (&[(3, now), (5, same)], Case::Some, Verdict::Undecided),
        (&[(6, now), (6, same)], Case::Some, Verdict::Worse),
        (&[(6, now), (6, better)], Case::Some, Verdict::Worse),
        (&[(6, before), (6, same)], Case::Some, Verdict::Better),
        (&[(6, before), (6, worse)], Case::Some, Verdict::Worse),
        (&[(6, before), (6, now)], Case::Some, Verdict::Undecided),
        (&[(4, both), (4, same)], Case::Some, Verdict::Undecided),
        (&[(6, both), (6, same)], Case::Some, Verdict::Equivalent),
    ];
    for (pairs, case, verdict) in table {
        let pairs: Vec<(f64, f64)> =
            pairs.iter().flat_map(|&(n, pair)| std::iter::repeat_n(pair, n)).collect();
        let judged = alone(&figure(&pairs));
        assert_eq!((judged.case, judged.verdict), (*case, *verdict), "{pairs:?}\n{judged:?}");
        let infinite =
            |of: fn(&(f64, f64)) -> f64| pairs.iter().filter(|pair| of(pair).is_infinite()).count();
        let expected = [infinite(|pair| pair.0), infinite(|pair| pair.1)];
        assert_eq!(judged.diverged, expected);
        let share = (expected[1] as f64 - expected[0] as f64) / pairs.len() as f64;
        if let Some(evidence) = judged.share {
            assert!((evidence.estimate - share).abs() < 1e-12, "{evidence:?}");
            assert!(evidence.smallest_shown >= 0.5 * DIVERGED_MARGIN);
        }
        assert_eq!(judged.case == Case::NoneDiverged, judged.case.words().is_none());
    }
}

#[test]
fn a_run_astray_in_one_cell_does_not_hide_a_change_in_another() {
    let changed = figure(&shifted(8, 1.0));
    let mut astray = figure(&shifted(8, 0.0));
    astray.now[3] = 1e300;
    let judged = judge(&[astray, changed], &Looks::at(&[8], ERROR_RATE)).figures;
    assert_eq!([judged[0].verdict, judged[1].verdict], [Verdict::Undecided, Verdict::Worse]);
}

#[test]
fn a_check_goes_on_while_something_is_undecided_and_seeds_are_left() {
    let looks = Looks::of(24, ERROR_RATE);
    let noisy = |n: usize| {
        let mut figure = figure(&shifted(n, 0.0));
        for (seed, now) in figure.now.iter_mut().enumerate() {
            *now += if seed % 2 == 0 { 1.5 } else { -1.5 };
        }
        figure
    };
    let at = |n: usize| judge(&[figure(&shifted(n, 0.0)), noisy(n)], &looks);
    let first = at(8);
    assert_eq!(first.next, Some(16));
    assert_eq!(first.figures[0].verdict, Verdict::Equivalent);
    assert_eq!(first.figures[1].verdict, Verdict::Undecided);
    let last = at(24);
    assert_eq!(last.next, None);
    // What was decided at the first look stays so.
    assert_eq!(last.figures[0], first.figures[0]);
    assert_eq!((last.figures[0].seeds, last.figures[1].seeds > 8), (8, true));
    assert_eq!(judge(&[], &looks).next, None);
    assert_eq!(at(24), at(24));
}

/// Values of 24 seeds, seed by seed the same splits and draws in each cell.
struct Stored {
    higher_is_better: bool,
    values: Vec<f64>,
}

impl Stored {
    fn is_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }
}

fn stored() -> Vec<Stored> {
    let text = include_str!("fixtures/gate_seeds.txt");
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let higher_is_better = words.next() == Some("accuracy");
        let values = words.skip(1).map(|word| word.parse().expect("a number")).collect();
        Stored { higher_is_better, values }
    };
    let stored: Vec<Stored> =
        text.lines().filter(|line| !line.starts_with('#')).map(line).collect();
    assert!(stored.len() == 20 && stored.iter().all(|stored| stored.values.len() == 24));
    stored
}

/// Before and now, each a draw of whole seeds with replacement from the stored ones.
fn no_change(
    stored: &[Stored],
    margins: &[f64],
    n_seeds: usize,
    stream: &mut Stream,
) -> Vec<Figure> {
    let all = stored[0].values.len() as u64;
    let mut draw = || -> Vec<usize> { (0..n_seeds).map(|_| stream.below(all) as usize).collect() };
    let (before, now) = (draw(), draw());
    let figure = |(stored, &margin): (&Stored, &f64)| {
        let of = |seeds: &[usize]| seeds.iter().map(|&seed| stored.values[seed]).collect();
        Figure {
            before: of(&before),
            now: of(&now),
            margin,
            higher_is_better: stored.higher_is_better,
        }
    };
    stored.iter().zip(margins).map(figure).collect()
}

const TRIALS: usize = 1_000;

/// Five per cent and two standard errors of 1,000 trials.
const MOST_FALSE: usize = 64;

fn is_change(judged: &Judged) -> bool {
    matches!(judged.verdict, Verdict::Worse | Verdict::Better)
}

/// A control needs fewer: what it shows is far above the bound.
const CONTROLS: usize = 300;

/// In how many trials some figure is `Worse` or `Better`, and in how many one is `Undecided`.
fn false_alarms(
    stored: &[Stored],
    margins: &[f64],
    n_seeds: usize,
    n_trials: usize,
    judged: impl Fn(&[Figure]) -> Vec<Judged>,
) -> [usize; 2] {
    let mut counts = [0, 0];
    for trial in 0..n_trials {
        let mut stream = Stream::new(trial as u64, "no change", 0, 0);
        let judged = judged(&no_change(stored, margins, n_seeds, &mut stream));
        counts[0] += usize::from(judged.iter().any(is_change));
        counts[1] += usize::from(judged.iter().any(|one| one.verdict == Verdict::Undecided));
    }
    counts
}

/// A quarter of the spread: so small that the estimate is beyond half of it as soon as chance is
/// significant, and nothing but the test holds the rate.
fn small_margins(stored: &[Stored]) -> Vec<f64> {
    let margin = |stored: &Stored| {
        let finite: Vec<f64> =
            stored.values.iter().copied().filter(|value| value.is_finite()).collect();
        0.25 * gradus_runner::statistics::standard_deviation(&finite)
    };
    stored.iter().map(margin).collect()
}

#[test]
fn without_a_change_few_trials_of_resampled_seeds_find_one() {
    let stored = stored();
    let margins = small_margins(&stored);
    for n_seeds in [8, 24] {
        let looks = Looks::of(n_seeds, ERROR_RATE);
        let [alarms, undecided] = false_alarms(&stored, &margins, n_seeds, TRIALS, |figures| {
            judge(figures, &looks).figures
        });
        println!("{n_seeds} seeds: {alarms} false alarms, {undecided} trials undecided");
        assert!(alarms <= MOST_FALSE, "{n_seeds} seeds: {alarms} of {TRIALS}");
    }
}

#[test]
fn testing_cell_by_cell_or_anew_at_each_look_breaks_the_rate() {
    let stored = stored();
    let margins = small_margins(&stored);
    let looks = Looks::of(24, ERROR_RATE);
    let [alarms, _] = false_alarms(&stored, &margins, 24, CONTROLS, |figures| {
        let alone = |figure: &Figure| judge(std::slice::from_ref(figure), &looks).figures[0];
        figures.iter().map(alone).collect()
    });
    println!("cell by cell: {alarms}");
    assert!(alarms * TRIALS > MOST_FALSE * CONTROLS, "cell by cell: {alarms} of {CONTROLS}");
    let [alarms, _] = false_alarms(&stored, &margins, 24, CONTROLS, |figures| {
        let at = |seeds: usize| {
            let first = |figure: &Figure| {
                let [before, now] = [&figure.before, &figure.now].map(|of| of[..seeds].to_vec());
                Figure { before, now, ..figure.clone() }
            };
            let figures: Vec<Figure> = figures.iter().map(first).collect();
            judge(&figures, &Looks::at(&[seeds], ERROR_RATE)).figures
        };
        [8, 16, 24].into_iter().flat_map(at).collect()
    });
    println!("the whole rate at each look: {alarms}");
    assert!(alarms * TRIALS > MOST_FALSE * CONTROLS, "at each look: {alarms} of {CONTROLS}");
}

/// In how many of 1,000 trials a change of one margin, planted into one figure, is found; and of
/// how many figures, where it is planted into all in every fifth of the trials.
fn found(stored: &[Stored], margins: &[f64], n_seeds: usize) -> (usize, [usize; 2]) {
    let looks = Looks::of(n_seeds, ERROR_RATE);
    let movable: Vec<usize> =
        (0..stored.len()).filter(|&index| stored[index].is_finite()).collect();
    let (mut found, mut everywhere) = (0, [0, 0]);
    for trial in 0..TRIALS {
        let mut stream = Stream::new(trial as u64, "planted", 0, 0);
        let mut figures = no_change(stored, margins, n_seeds, &mut stream);
        let planted = movable[stream.below(movable.len() as u64) as usize];
        let is_worse = stream.below(2) == 1;
        let plant = |figure: &mut Figure| {
            let up = is_worse != figure.higher_is_better;
            let change = if up { figure.margin } else { -figure.margin };
            figure.now.iter_mut().for_each(|value| *value += change);
        };
        let expected = if is_worse { Verdict::Worse } else { Verdict::Better };
        let mut all = figures.clone();
        plant(&mut figures[planted]);
        found += usize::from(judge(&figures, &looks).figures[planted].verdict == expected);
        if trial % 5 > 0 {
            continue;
        }
        all.iter_mut().for_each(plant);
        let judged = judge(&all, &looks).figures;
        everywhere[0] += movable.iter().filter(|&&index| judged[index].verdict == expected).count();
        everywhere[1] += movable.len();
    }
    (found, everywhere)
}

/// Demands that margins which the seeds resolve are quiet without a change, and that one is found.
fn hold(name: &str, stored: &[Stored], margins: &[f64], n_seeds: usize) {
    let looks = Looks::of(n_seeds, ERROR_RATE);
    let [alarms, undecided] =
        false_alarms(stored, margins, n_seeds, TRIALS, |figures| judge(figures, &looks).figures);
    let (found, [moved, all]) = found(stored, margins, n_seeds);
    println!(
        "{name}, {n_seeds} seeds: {alarms} false alarms, {undecided} trials undecided; {found} \
         changes of one figure found, {moved} of {all} changed figures where all were"
    );
    // UNSURE of 1,000 is 1; above 5 is less likely than 1 in 1,000.
    assert!((alarms + undecided) as f64 <= 5.0 * UNSURE * TRIALS as f64, "{name}, {n_seeds} seeds");
    assert!(10 * found >= 9 * TRIALS, "{name}, {n_seeds} seeds: {found} found");
    assert!(10 * moved >= 9 * all, "{name}, {n_seeds} seeds: {moved} of {all}");
}

#[test]
fn a_margin_that_seeds_resolve_is_found_and_is_quiet_without_a_change() {
    // All but the rate at which most runs diverge.
    let stored: Vec<Stored> = stored().into_iter().filter(Stored::is_finite).collect();
    let spread = |stored: &Stored| Spread { values: stored.values.clone(), margin: 1.0 };
    let spreads: Vec<Spread> = stored.iter().map(spread).collect();
    for n_seeds in [8, 24] {
        let resolutions = resolve(&spreads, &Looks::of(n_seeds, ERROR_RATE));
        let margins: Vec<f64> =
            resolutions.iter().map(|resolution| resolution.smallest_margin).collect();
        hold("ten rates", &stored, &margins, n_seeds);
    }
}

/// The figures of a baseline, and their declared margins.
fn figures_of(baseline: &Baseline) -> (Vec<Stored>, Vec<f64>) {
    let all = baseline.cells.iter().flat_map(|cell| &cell.figures);
    let one = |figure: &gradus_runner::gate::Values| {
        let higher_is_better = figure.figure.of.higher_is_better();
        (Stored { higher_is_better, values: figure.values.clone() }, figure.figure.margin)
    };
    all.map(one).unzip()
}

#[test]
fn the_shipped_baselines_are_quiet_without_a_change_and_find_one_margin() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/baselines");
    let entries = fs::read_dir(&folder).expect("baselines are shipped");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it is listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ron"));
    paths.sort();
    assert!(!paths.is_empty(), "no baselines in {}", folder.display());
    for path in paths {
        let read = Baseline::read(&path).unwrap_or_else(|error| panic!("{error}"));
        let baseline = read.expect("it was listed");
        let n_seeds = baseline.seeds.len();
        let (stored, margins) = figures_of(&baseline);
        hold(&baseline.name, &stored, &margins, n_seeds);
        // With margins so small that the test alone holds the rate.
        let finite: Vec<Stored> = stored.into_iter().filter(Stored::is_finite).collect();
        let looks = Looks::of(n_seeds, ERROR_RATE);
        let [alarms, _] = false_alarms(&finite, &small_margins(&finite), n_seeds, TRIALS, |all| {
            judge(all, &looks).figures
        });
        println!("{}: {alarms} false alarms with small margins", baseline.name);
        assert!(alarms <= MOST_FALSE, "{}: {alarms} of {TRIALS}", baseline.name);
    }
}
