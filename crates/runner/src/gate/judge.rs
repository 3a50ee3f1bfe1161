//! Verdicts over a family of figures: what has become worse, better, or stayed within its margin.
//!
//! Pure functions of numbers. A figure is one metric of one cell, before and now, paired by seed;
//! a family is all figures that one check looks at together.

use super::flips::{Flips, Means};
use super::looks::{Look, Looks};
use super::resolution::smallest_shown;
use crate::statistics::{mean, standard_deviation};

/// Share of the seeds by which a change of the diverged ones counts as one margin.
pub const DIVERGED_MARGIN: f64 = 0.5;

/// The share of a margin beyond which a change that is not chance is worse or better.
const HALF: f64 = 0.5;

/// A seed counts for at most this many margins in the statistic of a family, so that a single run
/// that went astray in one cell cannot hide what happened in all others.
const MOST_MARGINS: f64 = 4.0;

/// A difference above this many margins counts as this many: sums stay finite.
const LARGEST: f64 = 1e6;

/// One metric of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The value of each seed in the baseline; infinite where the run diverged.
    pub before: Vec<f64>,
    /// The value of the same seeds now.
    pub now: Vec<f64>,
    /// The change, above 0 and in units of the metric, that matters.
    pub margin: f64,
    /// Whether a larger value is better.
    pub higher_is_better: bool,
}

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No change is refuted, and the estimate is worse by more than half the margin, or the more
    /// that an earlier look demands.
    Worse,
    /// The same towards better.
    Better,
    /// A change of one margin is refuted in both directions, and it is neither worse nor better.
    Equivalent,
    /// These seeds cannot tell.
    Undecided,
}

/// Which runs diverged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// None, before or now: values are judged.
    NoneDiverged,
    /// All, before and now: equivalent, for there is nothing to measure.
    AllInBoth,
    /// All now, and not all before: their share is judged.
    AllNow,
    /// All before, and not all now: their share is judged.
    AllBefore,
    /// More than half of them before: their share alone is judged.
    MostBefore,
    /// Some, before or now: their share is judged, and the values of seeds that did not diverge
    /// either time.
    Some,
}

impl Case {
    /// What was judged, in words; `None` where there is nothing to add.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Case::NoneDiverged => None,
            Case::AllInBoth => Some("every run diverged, before and now"),
            Case::AllNow => Some("every run diverges now: their share is judged"),
            Case::AllBefore => Some("every run diverged before: their share is judged"),
            Case::MostBefore => {
                Some("more than half of the runs diverged before: their share alone is judged")
            }
            Case::Some => Some(
                "some runs diverged: their share is judged, and the values of seeds that did not \
                 diverge either time",
            ),
        }
    }
}

/// What the verdict rests on. Numbers are `now - before`, in units of the metric or shares of the
/// seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// What this alone says.
    pub verdict: Verdict,
    /// Pairs of values it rests on.
    pub pairs: usize,
    /// The mean difference.
    pub estimate: f64,
    /// The changes that the seeds do not refute, each end at the level of the look; infinite where
    /// so few seeds cannot refute anything.
    pub interval: [f64; 2],
    /// p of no change in either direction, adjusted for the whole family.
    pub p_changed: f64,
    /// p of a change of one margin or more: the larger of two one-sided tests. Not adjusted: a
    /// check passes only where every figure is equivalent.
    pub p_equivalent: f64,
    /// The smallest change that so many seeds show in 90 % of all cases; infinite where none.
    pub smallest_shown: f64,
}

/// A figure with its verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Which runs diverged.
    pub case: Case,
    /// Runs that diverged, before and now.
    pub diverged: [usize; 2],
    /// What the values say, where they were judged.
    pub values: Option<Evidence>,
    /// What the share of diverged runs says, where any diverged.
    pub share: Option<Evidence>,
    /// Seeds at the look that decided, or at the last one.
    pub seeds: usize,
    /// The level of that look's tests; an interval holds the change with a confidence of one less
    /// twice this.
    pub level: f64,
}

/// What a check says after its last look so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// The figures, in the order given.
    pub figures: Vec<Judged>,
    /// The number of seeds to look at next: some figure is undecided, and there are more seeds.
    pub next: Option<usize>,
}

/// Judges a family at every look that its seeds allow; a figure keeps the first verdict that is not
/// `Undecided`.
///
/// With `d` the difference of a seed towards worse, over the margin:
///
/// | verdict | of values, and of the share of diverged runs |
/// | --- | --- |
/// | worse, better | the sign-flip test refutes no change in the family, and `mean d > ½`, `< -½` |
/// | equivalent | not that, and sign-flip tests refute both `mean d >= 1` and `mean d <= -1` |
/// | undecided | neither |
///
/// A look at `n_k` of `n` seeds demands `½ √(n/n_k)` in place of ½, which chance is beyond as seldom
/// as it is beyond ½ at the last; what lies between is undecided until then.
///
/// The statistic of the family is the sum over seeds of `d`, each between -4 and 4, divided by the
/// number of pairs: in units of margins, so that a cell with little noise for its margin takes no
/// power from the others. Studentized, 30 cells of 8 seeds would leave a change of one margin in one
/// of them undetected, for among 30 one is always regular by chance. Both directions share the
/// level: each is a one-sided test at half of it. Equal differences of exactly 0 are equivalent as
/// soon as one flip is below the level: from 6 seeds on at 5 %.
///
/// A figure whose runs diverged has the verdict of both parts: worse if one of them is, else better
/// if one is, equivalent if both are, else undecided. Values are judged on seeds that diverged
/// neither time, and left out where more than half diverged before. All diverged in both is
/// equivalent, whatever the number of seeds.
///
/// | diverged | judged |
/// | --- | --- |
/// | none | values |
/// | all before and now | nothing: equivalent |
/// | all now | share |
/// | all or more than half before | share |
/// | some before or now | share, and values of the other seeds |
///
/// Sources: Westfall and Young, *Resampling-Based Multiple Testing* (1993), algorithm 2.8; Romano
/// and Wolf, *Journal of the American Statistical Association* 100 (2005); two one-sided tests:
/// Schuirmann, *Journal of Pharmacokinetics and Biopharmaceutics* 15 (1987); no adjustment of them:
/// Berger and Hsu, *Statistical Science* 11 (1996).
///
/// # Panics
/// If a value is NaN (a missing value is for the caller to refuse), a margin is not above 0, figures
/// have unequal numbers of seeds, or fewer than the first look.
pub fn judge(figures: &[Figure], looks: &Looks) -> Ruling {
    let n_seeds = figures.first().map_or(looks.last(), |figure| figure.before.len());
    for (index, figure) in figures.iter().enumerate() {
        let lengths = [figure.before.len(), figure.now.len()];
        assert_eq!(lengths, [n_seeds; 2], "figure {index}: seeds before and now");
        let has_nan = figure.before.iter().chain(&figure.now).any(|value| value.is_nan());
        assert!(!has_nan, "figure {index}: a value is missing");
        let margin = figure.margin;
        assert!(margin > 0.0 && margin.is_finite(), "figure {index}: a margin of {margin}");
    }
    assert!(n_seeds >= looks.first(), "{n_seeds} seeds, the first look is at {}", looks.first());
    let mut judged: Vec<Judged> = Vec::new();
    let mut seen = 0;
    let is_undecided = |judged: &Judged| judged.verdict == Verdict::Undecided;
    for look in looks.within(n_seeds) {
        if seen > 0 && !judged.iter().any(is_undecided) {
            break;
        }
        let now = at_look(figures, look, looks.last());
        seen = look.seeds;
        if judged.is_empty() {
            judged = now;
            continue;
        }
        for (judged, now) in judged.iter_mut().zip(now) {
            if judged.verdict == Verdict::Undecided {
                *judged = now;
            }
        }
    }
    let next = if judged.iter().any(is_undecided) { looks.after(seen) } else { None };
    Ruling { figures: judged, next }
}

/// Values or shares of one figure, ready for tests.
struct Part {
    /// Difference towards worse, in margins; 0 where it does not count.
    differences: Vec<f64>,
    counts: Vec<bool>,
    /// What one margin towards worse is of `now - before`, in the units of the part.
    unit: f64,
}

impl Part {
    fn pairs(&self) -> usize {
        self.counts.iter().filter(|&&counts| counts).count()
    }

    fn kept(&self) -> Vec<f64> {
        let pairs = self.differences.iter().zip(&self.counts);
        pairs.filter(|&(_, &counts)| counts).map(|(&difference, _)| difference).collect()
    }

    /// What it adds to the family.
    fn entry(&self) -> Vec<f64> {
        let pairs = self.pairs() as f64;
        let bounded = |d: &f64| d.clamp(-MOST_MARGINS, MOST_MARGINS) / pairs;
        self.differences.iter().map(bounded).collect()
    }
}

/// What of a figure is tested at a look.
struct Tested {
    case: Case,
    diverged: [usize; 2],
    values: Option<Part>,
    share: Option<Part>,
}

fn at_look(figures: &[Figure], look: Look, n_seeds: usize) -> Vec<Judged> {
    let flips = Flips::of(look.seeds);
    let tested: Vec<Tested> = figures.iter().map(|figure| taken_apart(figure, look)).collect();
    let parts = tested.iter().flat_map(|tested| tested.values.iter().chain(&tested.share));
    let sizes: Vec<Vec<f64>> = parts.map(|part| flips.sizes(&part.entry())).collect();
    let p = flips.step_down(&sizes);
    let open = sizes.iter().zip(&p).filter(|&(_, &p)| p > look.level).map(|(sizes, _)| sizes);
    let critical = flips.critical(open, look.level);
    let bounds = [HALF, HALF * (n_seeds as f64 / look.seeds as f64).sqrt()];
    let mut p = p.into_iter();
    let mut evidence = |part: &Part| {
        let p = p.next().expect("a p for each part");
        weigh(part, [p, critical], &flips, look, bounds)
    };
    let judged = |tested: Tested| {
        let values = tested.values.as_ref().map(&mut evidence);
        let share = tested.share.as_ref().map(&mut evidence);
        Judged {
            verdict: verdict(tested.case, values, share),
            case: tested.case,
            diverged: tested.diverged,
            values,
            share,
            seeds: look.seeds,
            level: look.level,
        }
    };
    tested.into_iter().map(judged).collect()
}

fn taken_apart(figure: &Figure, look: Look) -> Tested {
    let n = look.seeds;
    let pairs: Vec<(f64, f64)> =
        figure.before.iter().copied().zip(figure.now.iter().copied()).take(n).collect();
    let diverged = [
        pairs.iter().filter(|(before, _)| !before.is_finite()).count(),
        pairs.iter().filter(|(_, now)| !now.is_finite()).count(),
    ];
    let case = match diverged {
        [0, 0] => Case::NoneDiverged,
        [before, now] if before == n && now == n => Case::AllInBoth,
        [before, _] if before == n => Case::AllBefore,
        [before, _] if 2 * before > n => Case::MostBefore,
        [_, now] if now == n => Case::AllNow,
        _ => Case::Some,
    };
    let values = || {
        let unit = if figure.higher_is_better { -figure.margin } else { figure.margin };
        let counts: Vec<bool> =
            pairs.iter().map(|(before, now)| before.is_finite() && now.is_finite()).collect();
        let difference = |(&(before, now), &counts): (&(f64, f64), &bool)| {
            if counts { ((now - before) / unit).clamp(-LARGEST, LARGEST) } else { 0.0 }
        };
        let differences = pairs.iter().zip(&counts).map(difference).collect();
        Some(Part { differences, counts, unit }).filter(|part| part.pairs() > 0)
    };
    let share = || {
        let one = |value: f64| if value.is_finite() { 0.0 } else { 1.0 };
        let difference = |&(before, now): &(f64, f64)| (one(now) - one(before)) / DIVERGED_MARGIN;
        let differences = pairs.iter().map(difference).collect();
        Some(Part { differences, counts: vec![true; n], unit: DIVERGED_MARGIN })
    };
    let (values, share) = match case {
        Case::NoneDiverged => (values(), None),
        Case::AllInBoth => (None, None),
        Case::AllNow | Case::AllBefore | Case::MostBefore => (None, share()),
        Case::Some => (values(), share()),
    };
    Tested { case, diverged, values, share }
}

/// `bounds`: above the first a change that is not chance is not equivalent, above the second it is
/// worse or better.
fn weigh(
    part: &Part,
    [p_changed, critical]: [f64; 2],
    flips: &Flips,
    look: Look,
    bounds: [f64; 2],
) -> Evidence {
    let kept = part.kept();
    let means: Means = flips.means(&part.differences, &part.counts);
    let estimate = mean(&kept);
    let p_equivalent = means.p_above(-1.0).max(means.p_below(1.0));
    let has_changed = p_changed <= look.level;
    let verdict = if has_changed && estimate > bounds[1] {
        Verdict::Worse
    } else if has_changed && estimate < -bounds[1] {
        Verdict::Better
    } else if p_equivalent <= look.level && !(has_changed && estimate.abs() > bounds[0]) {
        Verdict::Equivalent
    } else {
        Verdict::Undecided
    };
    let mut interval = means.interval(look.level).map(|end| end * part.unit);
    interval.sort_by(f64::total_cmp);
    let deviation = standard_deviation(&kept);
    let smallest = smallest_shown(deviation, kept.len(), look, critical.max(bounds[1]));
    Evidence {
        verdict,
        pairs: kept.len(),
        estimate: estimate * part.unit,
        interval,
        p_changed,
        p_equivalent,
        smallest_shown: smallest * part.unit.abs(),
    }
}

fn verdict(case: Case, values: Option<Evidence>, share: Option<Evidence>) -> Verdict {
    let parts = [values, share].map(|part| part.map(|evidence| evidence.verdict));
    if parts.contains(&Some(Verdict::Worse)) {
        return Verdict::Worse;
    }
    if parts.contains(&Some(Verdict::Better)) {
        return Verdict::Better;
    }
    let is_equivalent = match (case, parts) {
        (Case::AllInBoth, _) => true,
        // Values had to be judged, and no seed has them both times.
        (Case::Some | Case::AllNow, [None, _]) => false,
        (_, parts) => parts.into_iter().flatten().all(|part| part == Verdict::Equivalent),
    };
    if is_equivalent { Verdict::Equivalent } else { Verdict::Undecided }
}
