//! The table of penalties: what `gradcheck --all` and the tests run.

use gradus_core::{
    GradientCheck, Graph, Initialization, Layer, Loss, Parameters, Program, Role, Shape,
    check_gradients_of,
};

use crate::Optimizer;
use crate::transforms::{Divisor, Strength, Transform};

/// A penalty of one strength, over a small net.
#[derive(Clone, Debug)]
pub struct PenaltyCase {
    /// The penalty as a file writes it.
    pub penalty: Transform,
}

/// Samples of a step, for penalties that are divided by them.
const ROWS: u64 = 8;

/// Every penalty, for weights, for other roles, and divided by the batch.
pub fn penalty_table() -> Vec<PenaltyCase> {
    let of = |roles: &[Role], divisor| Strength { lambda: 0.37, roles: roles.to_vec(), divisor };
    let strengths = [
        Strength::new(0.37),
        of(&[Role::Weight], Divisor::Batch),
        of(&[Role::Bias, Role::Scale], Divisor::One),
    ];
    let penalties = [Transform::L2, Transform::L1];
    let each = penalties.iter().flat_map(|penalty| strengths.iter().cloned().map(penalty));
    each.map(|penalty| PenaltyCase { penalty }).collect()
}

impl PenaltyCase {
    /// The penalty in an optimizer by itself.
    pub fn optimizer(&self) -> Optimizer {
        Optimizer { chain: vec![self.penalty.clone()], ..Optimizer::plain(0.1) }
    }

    /// (2, 3) weights with 3 biases, and (3, 1) weights with 1 bias, none of them zero, where a
    /// norm has its corner.
    ///
    /// # Panics
    /// Never: the net fits.
    pub fn parameters() -> Parameters<f64> {
        let layers = [Layer::dense(3), Layer::dense(1)];
        let graph = Graph::build(Shape::Features(2), &layers, Initialization::default());
        let graph = graph.expect("the net fits");
        let mut parameters = Program::compile(graph, Loss::Mse, 1).parameters;
        for (index, value) in parameters.values.iter_mut().enumerate() {
            *value = 0.3 * (((index * 7 + 3) % 13) as f64 - 6.5);
        }
        parameters
    }

    /// The value of the penalty at [`PenaltyCase::parameters`].
    pub fn value(&self) -> f64 {
        let Parameters { values, ranges, .. } = Self::parameters();
        self.optimizer().penalty(&values, &ranges, ROWS)
    }

    /// Compares what the chain adds to the gradient with central differences of the value.
    pub fn check(&self) -> GradientCheck {
        let optimizer = self.optimizer();
        let Parameters { mut values, ranges, .. } = Self::parameters();
        let mut analytic = vec![0.0; values.len()];
        optimizer.add_penalty_gradient(&values, &ranges, ROWS, &mut analytic);
        check_gradients_of(&ranges, &mut values, &analytic, |values| {
            optimizer.penalty(values, &ranges, ROWS)
        })
    }
}
