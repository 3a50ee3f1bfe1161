//! A batch in tiles and parameters in pieces: the gradients are those of the samples one by one,
//! and the bits are the same for any number of threads.

use gradus_core::{
    Conv2d, Graph, Initialization, Layer, Loss, Mode, Pool2d, Program, Scalar, Shape, Stream,
    Targets, Update,
};
use ndarray::{Array2, s};

const ROWS: usize = 72;

/// Operations of every kind that tiles matter to: deferred gradients, gradients added up sample by
/// sample, draws.
fn layers() -> Vec<Layer> {
    vec![
        Layer::Conv2d(Conv2d::new(8, 5)),
        Layer::Relu,
        Layer::MaxPool2d(Pool2d::new(2)),
        Layer::Flatten,
        Layer::dense(300),
        Layer::Tanh,
        Layer::Dropout(0.3),
        Layer::dense(10),
    ]
}

fn compile<T: Scalar>(layers: &[Layer], batch: usize) -> Program<T> {
    let image = Shape::Image { channels: 1, height: 20, width: 20 };
    let graph = Graph::build(image, layers, Initialization::default()).expect("it fits");
    let mut program = Program::compile(graph, Loss::CrossEntropy, batch);
    program.initialize(5);
    program
}

fn samples<T: Scalar>() -> (Array2<T>, Vec<u32>) {
    let mut stream = Stream::new(1, "test", 0, 0);
    let inputs = Array2::from_shape_simple_fn((ROWS, 400), || T::from_f64(stream.normal()));
    (inputs, (0..ROWS as u32).map(|row| row % 10).collect())
}

#[test]
fn gradients_are_the_mean_of_those_of_the_samples() {
    let mut layers = layers();
    layers.retain(|layer| !matches!(layer, Layer::Dropout(_)));
    let (inputs, classes) = samples::<f64>();
    let mut whole = compile::<f64>(&layers, ROWS);
    whole.load(inputs.view());
    whole.forward(Mode::Evaluate);
    assert!(whole.outputs().count() > 1 && whole.pieces().len() > 3, "nothing is divided");
    let loss = whole.backward(Targets::Classes(&classes));
    let mut one = compile::<f64>(&layers, 1);
    let (mut mean_loss, mut mean) = (0.0, vec![0.0; one.parameters.values.len()]);
    for row in 0..ROWS {
        one.load(inputs.slice(s![row..=row, ..]));
        one.forward(Mode::Evaluate);
        mean_loss += one.backward(Targets::Classes(&classes[row..=row])) / ROWS as f64;
        mean.iter_mut().zip(&one.parameters.gradients).for_each(|(m, g)| *m += g / ROWS as f64);
    }
    assert!((loss - mean_loss).abs() < 1e-13, "{loss} against {mean_loss}");
    for (gradient, mean) in whole.parameters.gradients.iter().zip(&mean) {
        assert!((gradient - mean).abs() < 1e-13, "{gradient} against {mean}");
    }
}

/// Steps of a piece by plain gradient descent, and whether its gradients go straight to the weights.
struct Descent(u32, bool);

impl Update<f32> for Descent {
    fn scale(&self) -> Option<f32> {
        self.1.then_some(-0.1)
    }

    fn update(&mut self, values: &mut [f32], gradients: &mut [f32]) {
        values.iter_mut().zip(gradients).for_each(|(w, g)| *w -= 0.1 * *g);
        self.updated(values);
    }

    fn updated(&mut self, _values: &[f32]) {
        self.0 += 1;
    }
}

/// Loss and parameters after three steps of plain gradient descent.
fn train(threads: usize, is_direct: bool) -> (Vec<f64>, Vec<f32>) {
    gradus_core::use_one_thread();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        let (inputs, classes) = samples::<f32>();
        let inputs = inputs.as_slice().expect("rows lie one after the other");
        let mut program = compile::<f32>(&layers(), ROWS);
        let mut steps: Vec<Descent> = program.pieces().map(|_| Descent(0, is_direct)).collect();
        let mut losses = Vec::new();
        // The last batch is short: not all tiles are in use.
        for (step, rows) in [(0, ROWS), (1, ROWS), (2, 11)] {
            losses.push(program.step(
                (rows, step),
                &|rows, to| to.copy_from_slice(&inputs[rows.start * 400..rows.end * 400]),
                Targets::Classes(&classes[..rows]),
                &mut steps,
            ));
        }
        assert!(steps.iter().all(|&Descent(steps, _)| steps == 3));
        (losses, program.parameters.values)
    })
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for is_direct in [false, true] {
        let one = train(1, is_direct);
        for threads in [2, 3, 7] {
            assert!(one == train(threads, is_direct), "{threads} threads");
        }
    }
}

/// Gradients that go straight to the weights are the same but for rounding.
#[test]
fn a_direct_update_is_the_same_update() {
    let ((losses, weights), (direct_losses, direct_weights)) = (train(1, false), train(1, true));
    for (loss, direct) in losses.iter().zip(&direct_losses) {
        assert!((loss - direct).abs() < 1e-5, "{loss} against {direct}");
    }
    let apart = weights.iter().zip(&direct_weights).map(|(w, d)| (w - d).abs());
    let most = apart.fold(0.0_f32, f32::max);
    assert!(0.0 < most && most < 1e-5, "{most}");
}
