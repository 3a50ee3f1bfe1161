//! The table of every layer and loss with sample inputs: what `gradcheck --all` and the tests run.
//!
//! No two dimensions of a case are equal, so that a forgotten or doubled transpose cannot pass;
//! parameters are drawn from a normal, biases too, so that nothing is zero by chance; and each
//! program first runs another, larger batch, so that a buffer that is not cleared shows.

mod activations;
mod dense;
mod images;
mod losses;
mod norms;
mod sequences;

use ndarray::Array2;

use crate::{
    Distribution, GradientCheck, Graph, Initialization, Initializer, Layer, Loss, Mode, Program,
    Scalar, Shape, Stream, TargetKind, Targets, check_gradients,
};

/// A network, a loss, and how many samples to check them on.
#[derive(Clone, Debug)]
pub struct GradientCase {
    /// What it is there to prove; each operation and loss has a row with its name in it.
    pub name: &'static str,
    /// The shape of a sample.
    pub input: Shape,
    /// What the samples are.
    pub inputs: Inputs,
    /// The network.
    pub layers: Vec<Layer>,
    /// What its output is held against.
    pub loss: Loss,
    /// Samples.
    pub rows: usize,
}

/// How the samples of a case are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// Standard normal numbers.
    Normal,
    /// Whole numbers below this, as those of tokens.
    Ids(usize),
}

/// Samples of a case with targets of both kinds.
#[derive(Clone, Debug)]
pub struct CaseSamples<T> {
    /// (N, D).
    pub inputs: Array2<T>,
    classes: Vec<u32>,
    values: Array2<T>,
}

/// Every layer, activation and loss, by the file that holds its rows.
pub fn gradient_families() -> Vec<(&'static str, Vec<GradientCase>)> {
    vec![
        ("dense", dense::cases()),
        ("activations", activations::cases()),
        ("norms", norms::cases()),
        ("images", images::cases()),
        ("sequences", sequences::cases()),
        ("losses", losses::cases()),
    ]
}

/// Every layer, activation and loss.
pub fn gradient_table() -> Vec<GradientCase> {
    gradient_families().into_iter().flat_map(|(_, cases)| cases).collect()
}

fn case(
    name: &'static str,
    input: Shape,
    layers: &[Layer],
    loss: Loss,
    rows: usize,
) -> GradientCase {
    GradientCase { name, input, inputs: Inputs::Normal, layers: layers.to_vec(), loss, rows }
}

impl GradientCase {
    /// The program with room for `capacity` samples, its parameters drawn.
    ///
    /// # Panics
    /// If the layers do not fit each other.
    pub fn compile<T: Scalar>(&self, capacity: usize) -> Program<T> {
        let normal = Initialization {
            weights: Initializer::LeCun(Distribution::Normal),
            biases: Initializer::Normal(0.6),
            ..Initialization::default()
        };
        let graph = Graph::build(self.input, &self.layers, normal).expect("the case fits");
        let mut program = Program::compile(graph, self.loss.clone(), capacity);
        program.initialize(11);
        program
    }

    /// Random inputs and targets for `rows` samples: the same for the same number of rows.
    pub fn draw<T: Scalar>(&self, rows: usize) -> CaseSamples<T> {
        let mut stream = Stream::new(rows as u64, self.name, 0, 0);
        let graph = Graph::<T>::build(self.input, &self.layers, Initialization::default());
        let (count, width) = graph.expect("the case fits").output_shape().predictions();
        let inputs = Array2::from_shape_simple_fn((rows, self.input.len()), || {
            T::from_f64(match self.inputs {
                Inputs::Normal => stream.normal(),
                Inputs::Ids(vocabulary) => stream.below(vocabulary as u64) as f64,
            })
        });
        let predictions = rows * count;
        // One output tells two classes apart.
        let classes = (0..predictions).map(|_| stream.below(width.max(2) as u64) as u32).collect();
        let normal = || T::from_f64(stream.normal());
        let values = Array2::from_shape_simple_fn((predictions, width), normal);
        CaseSamples { inputs, classes, values }
    }

    /// Compares every coordinate of the gradient with central differences, in `f64`.
    pub fn check(&self, mode: Mode) -> GradientCheck {
        // Room for a larger batch than the one that is checked, and that batch first: as a step of
        // training, so that running statistics are no longer what they began with.
        let mut program = self.compile::<f64>(self.rows + 3);
        let (dirt, samples) = (self.draw(self.rows + 3), self.draw(self.rows));
        program.load(dirt.inputs.view());
        program.forward(Mode::Train { step: 3 });
        program.backward(dirt.targets(&self.loss));
        program.load(samples.inputs.view());
        check_gradients(&mut program, samples.targets(&self.loss), mode)
    }
}

impl<T: Scalar> CaseSamples<T> {
    /// The targets as `loss` takes them.
    pub fn targets(&self, loss: &Loss) -> Targets<'_, T> {
        match loss.target_kind() {
            TargetKind::Classes => Targets::Classes(&self.classes),
            TargetKind::Any if self.values.ncols() == 1 => Targets::Classes(&self.classes),
            TargetKind::Values | TargetKind::Any => Targets::Values(self.values.view()),
        }
    }
}
