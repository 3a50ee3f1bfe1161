//! The loss of the best prediction that is the same for every sample: what a net that looks at its
//! inputs must beat.

use gradus_core::{Loss, Scalar, Targets};
use ndarray::{Array2, ArrayView1};

use crate::data::{SampleTargets, Samples};

/// Halvings of an interval until its ends are neighbors in `f64`, whatever its width.
const HALVINGS: usize = 1100;

/// The least loss over these samples that `outputs` constant outputs reach.
///
/// Of the squared losses it is at the mean target, of `Mae` at the median, of `Huber` where its
/// slope, which rises, passes 0; of the losses on logits it follows from the frequencies of the
/// classes: the entropy, for `Hinge` see [`hinge`].
pub(crate) fn constant_loss<T: Scalar>(loss: &Loss, samples: &Samples<T>, outputs: usize) -> f64 {
    match &samples.targets {
        SampleTargets::Classes(classes) => {
            let width = classes.iter().fold(1, |most, &class| most.max(class as usize)) + 1;
            let mut shares = vec![0.0; width.max(outputs)];
            for &class in classes {
                shares[class as usize] += 1.0;
            }
            shares.iter_mut().for_each(|share| *share /= classes.len() as f64);
            of_classes(loss, &shares, outputs)
        }
        SampleTargets::Values(values) => {
            let values = values.mapv(|value| value.to_f64());
            if *loss == Loss::BinaryCrossEntropy {
                let means = values.columns().into_iter().map(mean);
                return means.map(binary_entropy).sum::<f64>() / values.ncols() as f64;
            }
            let best = |column: ArrayView1<'_, f64>| match loss {
                Loss::Mae => median(column),
                Loss::Huber(delta) => huber_center(column, *delta),
                _ => mean(column),
            };
            let constants: Vec<f64> = values.columns().into_iter().map(best).collect();
            let constant = Array2::from_shape_fn(values.dim(), |(_, column)| constants[column]);
            loss.value(constant.view(), Targets::Values(values.view()))
        }
    }
}

/// By the share of each class; there are at least two, some of them perhaps 0.
fn of_classes(loss: &Loss, shares: &[f64], outputs: usize) -> f64 {
    let surprise = |weight: f64, share: f64| {
        if weight == 0.0 { 0.0 } else { -weight * libm::log(share) }
    };
    match loss {
        Loss::CrossEntropyWith { label_smoothing, class_weights } => {
            // The loss is a cross-entropy with these weights of the classes: least where the
            // predicted shares are the weights' own.
            let weight = |class: usize| class_weights.get(class).copied().unwrap_or(1.0);
            let spread = label_smoothing / outputs as f64;
            let terms =
                shares.iter().take(outputs).enumerate().map(|(class, share)| {
                    weight(class) * ((1.0 - label_smoothing) * share + spread)
                });
            let terms: Vec<f64> = terms.collect();
            let total: f64 = terms.iter().sum();
            let mean_weight: f64 =
                shares.iter().enumerate().map(|(class, share)| weight(class) * share).sum();
            if mean_weight == 0.0 {
                return 0.0;
            }
            terms.iter().map(|&term| surprise(term, term / total)).sum::<f64>() / mean_weight
        }
        Loss::BinaryCrossEntropy if outputs == 1 => binary_entropy(shares[1]),
        Loss::BinaryCrossEntropy => {
            shares.iter().map(|&share| binary_entropy(share)).sum::<f64>() / outputs as f64
        }
        Loss::Hinge if outputs == 1 => 2.0 * shares[0].min(shares[1]),
        Loss::Hinge => hinge(shares),
        _ => shares.iter().map(|&share| surprise(share, share)).sum(),
    }
}

/// The least `1/C Σₜ pₜ Σ_{c≠t} max(0, 1 - zₜ + z_c)` over all z.
///
/// The problem is piecewise linear in differences of two z with corners at whole numbers, so that
/// some best z are whole numbers; more frequent classes lie no lower, and a gap above 1 is no use.
/// What is left is where to step down by 1 along the classes sorted by frequency. A step before
/// class b costs `b Σ_{c≥b} p_c`; a group of equals costs each member `p` for every later one; and
/// every pair costs the smaller of its two. The best steps are found group by group.
fn hinge(shares: &[f64]) -> f64 {
    let mut p = shares.to_vec();
    p.sort_by(|a, b| b.total_cmp(a));
    let pairs: f64 = p.iter().enumerate().map(|(before, share)| before as f64 * share).sum();
    // The least cost of the classes before each position, a step down there included.
    let mut least = vec![f64::INFINITY; p.len() + 1];
    least[0] = 0.0;
    for end in 1..=p.len() {
        let tail: f64 = p[end..].iter().sum();
        let step = end as f64 * tail;
        let mut group = 0.0;
        let mut members = 0.0;
        for start in (0..end).rev() {
            // One more at the front of the group, which meets all members so far.
            group += p[start] * members;
            members += 1.0;
            least[end] = least[end].min(least[start] + group + step);
        }
    }
    (pairs + least[p.len()]) / p.len() as f64
}

fn binary_entropy(share: f64) -> f64 {
    [share, 1.0 - share].iter().filter(|&&p| p > 0.0).map(|&p| -p * libm::log(p)).sum()
}

fn mean(column: ArrayView1<'_, f64>) -> f64 {
    column.sum() / column.len() as f64
}

fn median(column: ArrayView1<'_, f64>) -> f64 {
    let mut sorted = column.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Where `Σ clamp(c - t, -δ, δ)` passes 0, by halving.
fn huber_center(column: ArrayView1<'_, f64>, delta: f64) -> f64 {
    let mut low = column.iter().copied().fold(f64::INFINITY, f64::min);
    let mut high = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for _ in 0..HALVINGS {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        let slope: f64 = column.iter().map(|t| (middle - t).clamp(-delta, delta)).sum();
        if slope < 0.0 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use gradus_core::Loss;
    use ndarray::{Array2, arr2};

    use super::constant_loss;
    use crate::data::{SampleTargets, Samples};

    /// The least loss over a grid of constant outputs.
    fn least(loss: &Loss, outputs: usize, targets: &SampleTargets<f64>, rows: usize) -> f64 {
        const STEPS: usize = 61;
        let mut least = f64::INFINITY;
        for index in 0..STEPS.pow(outputs as u32) {
            let at = |output: usize| index / STEPS.pow(output as u32) % STEPS;
            let z = |output: usize| -3.0 + 0.1 * at(output) as f64;
            let z = Array2::from_shape_fn((rows, outputs), |(_, output)| z(output));
            least = least.min(loss.value(z.view(), targets.between(0, rows)));
        }
        least
    }

    /// The closed forms are no worse than the best of a grid, and hardly better.
    fn check(loss: &Loss, outputs: usize, targets: SampleTargets<f64>, rows: usize) {
        let on_grid = least(loss, outputs, &targets, rows);
        let inputs = Array2::zeros((rows, 1));
        let exact =
            constant_loss(loss, &Samples { inputs, targets, predictions_per_row: 1 }, outputs);
        assert!(exact <= on_grid + 1e-12, "{loss}: {exact} against {on_grid}");
        assert!(exact >= on_grid - 0.01, "{loss}: {exact} against {on_grid}");
    }

    #[test]
    fn no_constant_on_a_grid_is_better() {
        let two: [&[u32]; 2] = [&[0, 1, 1, 0, 1], &[0, 0, 0, 1]];
        let three: [&[u32]; 3] = [&[0, 1, 2, 2, 2, 1, 2], &[0, 1, 2], &[1, 1, 1, 1, 1, 2, 0]];
        for classes in two {
            for loss in [Loss::BinaryCrossEntropy, Loss::Hinge] {
                check(&loss, 1, SampleTargets::Classes(classes.to_vec()), classes.len());
            }
        }
        let class_weights = vec![0.5, 2.0, 1.0];
        let with = Loss::CrossEntropyWith { label_smoothing: 0.2, class_weights };
        for classes in three {
            for loss in [&Loss::CrossEntropy, &with, &Loss::BinaryCrossEntropy, &Loss::Hinge] {
                check(loss, 3, SampleTargets::Classes(classes.to_vec()), classes.len());
            }
        }
        let values = arr2(&[[0.1, 0.9], [0.4, 0.3], [0.2, 0.2], [0.9, 0.25]]);
        for loss in [Loss::Mse, Loss::HalfMse, Loss::Mae, Loss::Huber(0.2)] {
            check(&loss, 2, SampleTargets::Values(values.clone()), 4);
        }
        check(&Loss::BinaryCrossEntropy, 2, SampleTargets::Values(values), 4);
    }

    #[test]
    fn a_class_that_never_occurs_costs_nothing() {
        let targets = SampleTargets::<f64>::Classes(vec![0, 0]);
        let samples = Samples { inputs: Array2::zeros((2, 1)), targets, predictions_per_row: 1 };
        for loss in [Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::Hinge] {
            assert_eq!(constant_loss(&loss, &samples, 3), 0.0, "{loss}");
        }
    }
}
