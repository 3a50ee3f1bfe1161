"""Every case, by the file of fixtures that it goes to."""

import torch

import layers as L
import losses
import updates
import updates_of_others
from nets import ACTIVATIONS, activation, dense, net, repeat, residual, scope
from training import Case
from updates import S


def features(count):
    return f"Features({count})"


def tokens(count, features):
    return f"Tokens(tokens: {count}, features: {features})"


def image(channels, height, width):
    return f"Image(channels: {channels}, height: {height}, width: {width})"


def small():
    """What everything that is no layer is tried on."""
    return net(dense(3, 4), activation("Tanh"), dense(4, 2))


def on_small(name, **rest):
    return Case(name, features(3), small, **rest)


def layers():
    yield on_small("dense")
    yield Case("dense without bias", features(3),
               lambda: net(dense(3, 4, bias=False), activation("Tanh"), dense(4, 2, bias=False)))
    yield Case("residual", features(3), lambda: net(
        dense(3, 4), residual(dense(4, 5), activation("Tanh"), dense(5, 4)), dense(4, 2)))
    yield Case("repeat", features(3), lambda: net(
        repeat(3, lambda: [dense(3, 3), activation("Sigmoid")]), dense(3, 2)))

    yield Case("scope", features(3), lambda: net(
        dense(3, 4), activation("Tanh"), scope(0.3, dense(4, 4), activation("Tanh")), dense(4, 2)))


def images():
    def case(name, shape, *makes, **rest):
        return Case(name, image(*shape), lambda: net(*(make() for make in makes)), **rest)

    def conv(*arguments, **options):
        return lambda: L.conv2d(*arguments, **options)

    def classify(count):
        return lambda: dense(count, 2)

    tanh, flatten = lambda: activation("Tanh"), L.flatten
    yield case("Conv2d", (2, 4, 5), conv(2, 3, 3), tanh, flatten, classify(18))
    yield case("Conv2d without bias", (1, 4, 4), conv(1, 2, 2, bias=False), tanh, flatten,
               classify(18))
    yield case("Conv2d, stride and padding", (2, 5, 6), conv(2, 2, 3, stride=2, padding=1), tanh,
               flatten, classify(18))
    yield case("Conv2d, dilation", (1, 6, 6), conv(1, 2, 2, dilation=3, padding=1), tanh, flatten,
               classify(50))
    yield case("Conv2d, nothing square", (2, 5, 7), conv(
        2, 2, (2, 3), stride=(1, 2), padding=(1, 0), dilation=(2, 1)), tanh, flatten, classify(30))
    yield case("Conv2d, twice", (1, 6, 6), conv(1, 2, 3), tanh, conv(2, 3, 3, padding=1),
               tanh, L.global_avg_pool, classify(3))
    for kind, make in (("MaxPool2d", L.max_pool2d), ("AvgPool2d", L.avg_pool2d)):
        def pooled(name, shape, count, *arguments, make=make, **options):
            return case(name, shape, conv(shape[0], 2, 2), tanh,
                        lambda: make(*arguments, **options), flatten, classify(count))
        yield pooled(kind, (1, 5, 5), 8, 2)
        yield pooled(f"{kind}, overlapping", (1, 5, 6), 24, 2, stride=1)
        yield pooled(f"{kind}, padding", (1, 5, 5), 8, 3, stride=2, padding=1)
        yield pooled(f"{kind}, nothing square", (1, 6, 6), 24, (3, 2), stride=(2, 1),
                     padding=(1, 0))
    yield case("GlobalAvgPool", (2, 4, 4), conv(2, 3, 2), tanh, L.global_avg_pool, classify(3))
    yield case("residual of images", (2, 3, 3), lambda: residual(
        L.conv2d(2, 2, 3, padding=1), activation("Tanh")), flatten, classify(18))


def sequences():
    def case(name, shape, *makes, **rest):
        return Case(name, tokens(*shape), lambda: net(*(make() for make in makes)), **rest)

    def out():
        return dense(4, 2)

    numbers = lambda rng, size: rng.integers(5, size=size).astype(float)
    look_up = lambda: L.embedding(5, 4)
    yield case("Embedding", (3, 1), look_up, out, inputs=numbers)
    yield case("MeanOverTokens", (3, 1), look_up, L.mean_over_tokens, out, inputs=numbers)
    for kind, make, rate in (
            ("SimpleRnn", L.simple_rnn, 0.1), ("Lstm", L.lstm, 0.5), ("Gru", L.gru, 0.5)):
        layer = lambda make=make: make(2, 4)
        update = lambda rate=rate: updates.sgd(rate)
        yield case(kind, (4, 2), layer, out, update=update)
        yield case(f"{kind}, last token", (6, 2), layer, L.last_token, out, update=update)
        yield case(f"{kind}, twice", (3, 2), layer, lambda make=make: make(4, 4), out,
                   loss=losses.cross_entropy(), update=update)
    yield case("MultiHeadAttention", (3, 4), lambda: L.attention(4, 2), out)
    yield case("MultiHeadAttention, causal", (4, 4), lambda: L.attention(4, 1, True), out)
    yield case("transformer", (3, 1), look_up,
               lambda: residual(L.layer_norm(4), L.attention(4, 2, True)),
               lambda: residual(L.layer_norm(4), dense(4, 5), activation("Tanh"), dense(5, 4)),
               out, inputs=numbers, loss=losses.cross_entropy())


def norms():
    def over_features(name, layer):
        return Case(name, features(3), lambda: net(
            dense(3, 4), layer(), activation("Tanh"), dense(4, 2)))

    def over_tokens(name, layer):
        return Case(name, tokens(3, 2), lambda: net(
            dense(2, 4), layer(), activation("Tanh"), dense(4, 2)))

    def over_images(name, layer):
        return Case(name, image(2, 2, 3), lambda: net(
            layer(), L.flatten(), dense(12, 2), activation("Tanh"), dense(2, 2)))

    yield over_features("BatchNorm", lambda: L.batch_norm(4))
    yield over_features("BatchNorm, other numbers",
                        lambda: L.batch_norm(4, epsilon=0.01, momentum=0.3))
    yield over_tokens("BatchNorm of tokens", lambda: L.batch_norm(4, "tokens"))
    yield over_images("BatchNorm of images", lambda: L.batch_norm(2, "images"))
    for kind, make in (("LayerNorm", L.layer_norm), ("RmsNorm", L.rms_norm)):
        yield over_features(kind, lambda make=make: make(4))
        yield over_features(f"{kind}, other epsilon", lambda make=make: make(4, epsilon=0.1))
        yield over_tokens(f"{kind} of tokens", lambda make=make: make(4))
        yield over_images(f"{kind} of images", lambda make=make: make((2, 2, 3)))


def activations():
    for ron in ACTIVATIONS:
        yield Case(ron, features(3),
                   lambda ron=ron: net(dense(3, 5), activation(ron), dense(5, 2)))
    yield Case("Softmax of tokens", tokens(3, 2),
               lambda: net(dense(2, 4), activation("Softmax"), dense(4, 2)))
    # Masks are drawn otherwise by everyone; what is left is that nothing is dropped.
    yield Case("Dropout of nothing", features(3),
               lambda: net(dense(3, 5), L.dropout(0.0), activation("Tanh"), dense(5, 2)))


def all_losses():
    def case(name, outputs, loss):
        return Case(name, features(3), lambda: net(
            dense(3, 4), activation("Tanh"), dense(4, outputs)), loss=loss)

    for loss in (losses.mse(), losses.half_mse(), losses.cross_entropy(), losses.mae(),
                 losses.huber(0.6)):
        yield case(loss.ron, 2, loss)
    weights = (0.5, 2.0, 1.0)
    yield case("CrossEntropyWith, smoothing", 3, losses.cross_entropy_with(0.1))
    yield case("CrossEntropyWith, weights", 3, losses.cross_entropy_with(0.0, weights))
    yield case("CrossEntropyWith, both", 3, losses.cross_entropy_with(0.2, weights))
    yield case("BinaryCrossEntropy", 2, losses.binary_cross_entropy())
    yield case("BinaryCrossEntropy of two classes", 1, losses.binary_cross_entropy_of_classes())
    yield case("BinaryCrossEntropy of three classes", 3, losses.binary_cross_entropy_of_classes())
    yield case("Hinge", 3, losses.hinge())
    yield case("Hinge of one output", 1, losses.hinge_of_one())



def optimizers():
    yield on_small("gradient descent", update=lambda: updates.sgd(0.1, ["Sgd"]))
    yield on_small("momentum", update=lambda: updates.momentum(0.05, 0.9))
    yield on_small("nesterov", update=lambda: updates.momentum(0.05, 0.9, nesterov=True))
    yield on_small("l2", update=lambda: updates.l2(0.1, 0.03))
    yield on_small("l2, biases too", update=lambda: updates.l2_of_all(0.1, 0.03))
    yield on_small("l1", update=lambda: updates.l1(0.1, 0.002))
    by = updates.by
    for update, name in (
        (lambda: by("Adagrad", "Adagrad()", 0.1), "Adagrad"),
        (lambda: by("Adadelta", "Adadelta()", 1.0), "Adadelta"),
        (lambda: by("RMSprop", "RmsProp()", 0.01), "RmsProp"),
        (lambda: by("RMSprop", "RmsProp(decay: 0.9, epsilon: 1e-3, centered: true)", 0.01,
                    alpha=0.9, eps=1e-3, centered=True), "RmsProp, centered"),
        (lambda: by("Adam", "Adam()", 0.02), "Adam"),
        (lambda: by("Adam", "Adam(beta1: 0.8, beta2: 0.95, epsilon: 1e-4)", 0.02,
                    betas=(0.8, 0.95), eps=1e-4), "Adam, other numbers"),
        (lambda: by("Adam", "AmsGrad(beta2: 0.9)", 0.02, betas=(0.9, 0.9), amsgrad=True), "AmsGrad"),
        (lambda: updates.adam_w(0.02, 0.1), "AdamW"),
        (lambda: updates.adam_w_of_all(0.02, 0.1), "AdamW, biases too"),
    ):
        yield on_small(name, update=update)
    with_optax = "PyTorch and optax"
    yield on_small("Lion", oracle=with_optax, corner=1e-6,
                   update=lambda: updates_of_others.lion(0.002, 0.9, 0.99))
    yield on_small("Lion, decay", oracle=with_optax, corner=1e-6,
                   update=lambda: updates_of_others.lion(0.002, 0.8, 0.9, 0.5))
    yield on_small("RmsProp, epsilon inside", oracle=with_optax,
                   update=lambda: updates_of_others.rms_prop_inside(0.01, 0.9, 1e-3))
    yield on_small("Adagrad, beginning above 0", oracle=with_optax,
                   update=lambda: updates_of_others.adagrad_from(0.1, 0.1, 1e-3))
    yield on_small("Adam, epsilon before the correction", oracle="PyTorch and scikit-learn",
                   update=lambda: updates_of_others.adam_epsilon_hat(0.02, 1e-3))
    yield on_small("ClassicalMomentum, a falling rate", oracle="PyTorch and scikit-learn",
                   update=lambda: updates_of_others.classical_momentum(0.2, 0.9, 0.25, 4))


def clips():
    yield on_small("clip by norm", update=lambda: updates.clip_norm(0.1, 0.4))
    yield on_small("clip by value", update=lambda: updates.clip_value(0.1, 0.1))
    yield on_small("clip by norm per layer",
                   update=lambda: updates.clip_norm_per_layer(0.1, 0.25))
    yield on_small("adaptive clip", oracle="PyTorch and optax",
                   update=lambda: updates_of_others.adaptive_clip(0.2, 0.1, 1e-3))


def constraints():
    yield on_small("MaxNorm", oracle="PyTorch and optax",
                   update=lambda: updates_of_others.max_norm(0.1, 0.9))
    yield on_small("ClipWeights", oracle="PyTorch and optax",
                   update=lambda: updates_of_others.clip_weights(0.1, 0.6))


def averages():
    A = torch.optim.swa_utils
    ema = lambda module: A.AveragedModel(module, multi_avg_fn=A.get_ema_multi_avg_fn(0.9))
    yield on_small("exponential", update=lambda: updates.averaged(
        0.1, "Exponential(decay: 0.9)", ema))
    yield on_small("exponential, corrected", oracle="PyTorch and optax",
                   update=lambda: updates_of_others.corrected_average(0.1, 0.98))
    yield on_small("mean", update=lambda: updates.averaged(0.1, "Mean()", A.AveragedModel))
    yield on_small("mean of the second half", steps_per_epoch=10, update=lambda: updates.averaged(
        0.1, "Mean(from_epoch: 5)", A.AveragedModel, average_from=50))


def schedules():
    def case(name, *arguments, epoch=10, **rest):
        return on_small(name, update=lambda: updates.scheduled(0.2, *arguments, **rest),
                        steps_per_epoch=epoch)

    yield case("step", "Step(every: 2, factor: 0.5)", lambda o: S.StepLR(o, 20, 0.5))
    yield case("exponential", "Exponential(factor: 0.95)",
               lambda o: S.ExponentialLR(o, 0.95), epoch=1)
    yield case("linear", "Linear(to: 0.1)", lambda o: S.LinearLR(o, 1.0, 0.1, 100))
    yield case("cosine", "Cosine(to: 0.0)", lambda o: S.CosineAnnealingLR(o, 100))
    yield case("cosine with a floor", "Cosine(to: 0.1)",
               lambda o: S.CosineAnnealingLR(o, 100, eta_min=0.02))
    yield case("warm-up, then cosine", "Cosine(to: 0.0)", lambda o: S.SequentialLR(
        o, [S.LinearLR(o, 1 / 20, 1.0, 19), S.CosineAnnealingLR(o, 80)], [20]), warm_up="2.0")
    yield on_small("inverse time", oracle="PyTorch and Keras", steps_per_epoch=10,
                   update=lambda: updates_of_others.keras_schedule(
                       0.2, "InverseTime(decay: 0.5)", "InverseTimeDecay",
                       decay_steps=10, decay_rate=0.5))
    yield case("polynomial", "Polynomial(power: 2.0, to: 0.0)",
               lambda o: S.PolynomialLR(o, 100, power=2.0))
    yield case("one cycle", "OneCycle()", lambda o: S.OneCycleLR(
        o, 0.2, total_steps=100, cycle_momentum=False))
    yield case("cosine with restarts", "CosineRestarts(period: 2, factor: 2, to: 0.1)",
               lambda o: S.CosineAnnealingWarmRestarts(o, 20, 2, eta_min=0.02))
    yield case("inverse square root", "InverseSqrt", lambda o: S.LambdaLR(
        o, lambda step: min((step + 1) / 20, (20 / (step + 1)) ** 0.5)), warm_up="2.0")
    yield on_small("inverse scaling", oracle="PyTorch and scikit-learn", steps_per_epoch=10,
                   update=lambda: updates_of_others.inverse_scaling(0.2, 0.25, 10, 4))
    yield case("pieces", "Pieces([(until: 3), (until: 6, factor: 0.1), (factor: 0.01)])",
               lambda o: S.MultiStepLR(o, [30, 60], 0.1))
    metrics = (1.0, 0.9, 0.95, 0.92, 0.9, 0.8, 0.8, 0.8, 0.8, 0.7)
    yield on_small("plateau", steps_per_epoch=10, metrics=metrics,
                   update=lambda: updates.plateau(0.2, 0.5, 1, 0.01, 0.2))


FILES = {
    "layers": layers,
    "images": images,
    "norms": norms,
    "sequences": sequences,
    "activations": activations,
    "losses": all_losses,
    "optimizers": optimizers,
    "clips": clips,
    "constraints": constraints,
    "schedules": schedules,
    "averages": averages,
}
