//! The floor of a training step: its matrix products by the product library, and nothing else.

use gradus_core::{
    Graph, Layer, Product, Scalar, Shape, Stream, library_product, with_library_threads,
};

use crate::experiment::Experiment;

/// The products of one training step over `batch` samples of shape `input`, in the order of the
/// layers: forward, gradient by the weights, and, but for the first layer, gradient by the input.
///
/// `Dense`: `y = x W`, `dW = xᵀ dy`, `dx = dy Wᵀ` over N rows. `Conv2d` is taken as the same three
/// over the columns of the whole batch (im2col), with a row for each pixel of the output; a
/// convolution that knows better may be faster than its floor. Other layers have no products here.
///
/// # Panics
/// If the model does not fit the input.
pub(super) fn products(input: Shape, experiment: &Experiment, batch: usize) -> Vec<Product> {
    let mut products = Vec::new();
    for (position, layer) in experiment.model.iter().enumerate() {
        let (before, after) = (
            shape_after(input, experiment, position),
            shape_after(input, experiment, position + 1),
        );
        let (rows, inputs, units) = match (layer, after) {
            (Layer::Dense(dense), _) => {
                let (predictions, width) = before.predictions();
                (batch * predictions, width, dense.units)
            }
            (Layer::Conv2d(conv), Shape::Image { height, width, .. }) => {
                let Shape::Image { channels, .. } = before else { unreachable!("the model fits") };
                let taps = channels * conv.kernel.height * conv.kernel.width;
                (batch * height * width, taps, conv.filters)
            }
            _ => continue,
        };
        let product =
            |m, n, k, transpose_a, transpose_b| Product { m, n, k, transpose_a, transpose_b };
        let is_first = products.is_empty();
        products.push(product(rows, units, inputs, false, false));
        products.push(product(inputs, units, rows, true, false));
        if !is_first {
            products.push(product(rows, inputs, units, false, true));
        }
    }
    products
}

fn shape_after(input: Shape, experiment: &Experiment, layers: usize) -> Shape {
    let (model, init) = (&experiment.model[..layers], experiment.init.drawn());
    let graph = Graph::<f32>::build(input, model, init).expect("the model fits its input");
    graph.output_shape()
}

/// The products with memory of their own for all they read and write.
pub(super) struct Floor {
    products: Vec<(Product, [Vec<f32>; 3])>,
    threads: usize,
}

impl Floor {
    /// On so many of the library's own threads.
    pub(super) fn new(products: &[Product], threads: usize) -> Self {
        let mut stream = Stream::new(0, "floor", 0, 0);
        let mut random =
            |length| (0..length).map(|_| f32::from_f64(stream.uniform() - 0.5)).collect();
        let products = products.iter().map(|&product| {
            let Product { m, n, k, .. } = product;
            (product, [m * k, k * n, m * n].map(&mut random))
        });
        Self { products: products.collect(), threads }
    }

    /// Where the first product reads the batch; the columns of a convolution are larger than it.
    pub(super) fn batch(&mut self) -> &mut [f32] {
        &mut self.products[0].1[0]
    }

    /// So many steps of them.
    pub(super) fn run(&mut self, steps: u64) {
        with_library_threads(self.threads, || {
            for _ in 0..steps {
                for (product, [a, b, c]) in &mut self.products {
                    library_product(*product, a, b, c);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::workloads::WORKLOADS;
    use super::*;

    /// The list that the floors of other product libraries were measured with: M, N, K of each.
    const AGREED: [(&str, &[[usize; 3]]); 5] = [
        ("T", &[[32, 16, 1], [1, 16, 32], [32, 1, 16], [16, 1, 32], [32, 16, 1]]),
        ("D", &[[32, 32, 64], [64, 32, 32], [32, 10, 32], [32, 10, 32], [32, 32, 10]]),
        ("M", &[[64, 128, 784], [784, 128, 64], [64, 10, 128], [128, 10, 64], [64, 128, 10]]),
        (
            "L",
            &[
                [256, 1024, 784],
                [784, 1024, 256],
                [256, 1024, 1024],
                [1024, 1024, 256],
                [256, 1024, 1024],
                [256, 1024, 1024],
                [1024, 1024, 256],
                [256, 1024, 1024],
                [256, 10, 1024],
                [1024, 10, 256],
                [256, 1024, 10],
            ],
        ),
        (
            "C",
            &[
                [50176, 6, 25],
                [25, 6, 50176],
                [6400, 16, 150],
                [150, 16, 6400],
                [6400, 150, 16],
                [64, 120, 400],
                [400, 120, 64],
                [64, 400, 120],
                [64, 84, 120],
                [120, 84, 64],
                [64, 120, 84],
                [64, 10, 84],
                [84, 10, 64],
                [64, 84, 10],
            ],
        ),
    ];

    #[test]
    fn the_floors_are_made_of_the_agreed_products() {
        for (workload, (name, agreed)) in WORKLOADS.iter().zip(AGREED) {
            assert_eq!(workload.name, name);
            let experiment = workload.experiment();
            let batch = experiment.train.batch.expect("every workload has a batch");
            let found = products(workload.input(), &experiment, batch);
            let sizes: Vec<[usize; 3]> = found.iter().map(|p| [p.m, p.n, p.k]).collect();
            assert_eq!(sizes, agreed, "{name}");
            // Forward, by the weights, by the input: the last two transpose a factor each.
            let mut transposed = found.iter().map(|p| (p.transpose_a, p.transpose_b));
            assert_eq!(transposed.next(), Some((false, false)));
            assert_eq!(transposed.next(), Some((true, false)));
            let cycle = [(false, false), (true, false), (false, true)];
            assert!(transposed.eq(cycle.into_iter().cycle().take(found.len() - 2)), "{name}");
        }
    }

    #[test]
    fn a_floor_computes_its_products() {
        let experiment = WORKLOADS[0].experiment();
        let mut floor = Floor::new(&products(Shape::Features(1), &experiment, 4), 2);
        floor.products.iter_mut().for_each(|(_, [_, _, c])| c.fill(f32::NAN));
        floor.run(1);
        let mut numbers = floor.products.iter().flat_map(|(_, [_, _, c])| c);
        assert!(numbers.all(|number| number.is_finite()));
    }
}
