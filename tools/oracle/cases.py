"""Every case, by the file of fixtures that it goes to."""

import numpy as np

import losses
import updates
from nets import activation, dense, net, repeat, residual
from training import Case
from updates import S


def features(count):
    return f"Features({count})"


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


def activations():
    for ron in ("Sigmoid", "Tanh", "Relu"):
        yield Case(ron, features(3),
                   lambda ron=ron: net(dense(3, 5), activation(ron), dense(5, 2)))


def all_losses():
    for loss in (losses.mse(), losses.half_mse(), losses.cross_entropy()):
        yield on_small(loss.ron, loss=loss)


def optimizers():
    yield on_small("gradient descent", update=lambda: updates.sgd(0.1))
    yield on_small("momentum", update=lambda: updates.momentum(0.05, 0.9))
    yield on_small("nesterov", update=lambda: updates.momentum(0.05, 0.9, nesterov=True))
    yield on_small("l2", update=lambda: updates.l2(0.1, 0.03))
    yield on_small("l1", update=lambda: updates.l1(0.1, 0.002))


def clips():
    yield on_small("clip by norm", update=lambda: updates.clip_norm(0.1, 0.4))
    yield on_small("clip by value", update=lambda: updates.clip_value(0.1, 0.1))


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
        o, [S.LinearLR(o, 1 / 20, 1.0, 19), S.CosineAnnealingLR(o, 80)], [20]), warm_up=2.0)
    metrics = (1.0, 0.9, 0.95, 0.92, 0.9, 0.8, 0.8, 0.8, 0.8, 0.7)
    yield on_small("plateau", steps_per_epoch=10, metrics=metrics,
                   update=lambda: updates.plateau(0.2, 0.5, 1, 0.01, 0.2))


FILES = {
    "layers": layers,
    "activations": activations,
    "losses": all_losses,
    "optimizers": optimizers,
    "clips": clips,
    "schedules": schedules,
}
