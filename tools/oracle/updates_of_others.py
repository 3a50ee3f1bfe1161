"""Optimizers and schedules that PyTorch lacks or has otherwise: optax, scikit-learn, Keras.

PyTorch still computes the gradients; parameters go over and back in our layout.
"""

from dataclasses import dataclass
from typing import Callable

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from nets import Corners
from updates import S, scheduled, written

jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")


@dataclass
class Stepper:
    """What `training.train` asks of an update, by way of arrays named as ours."""

    ron: str

    def start(self, net):
        self.net = net
        self.parameters = {p.name: jnp.array(p.read().numpy()) for p in net.parameters}
        self.weights = {p.name: p.role == "weight" for p in net.parameters}
        self.begin()

    def clear(self):
        self.net.module.zero_grad()

    def step(self):
        gradients = {p.name: jnp.array(p.gradient().numpy()) for p in self.net.parameters}
        self.parameters = self.change(gradients)
        for p in self.net.parameters:
            p.write(torch.tensor(np.array(self.parameters[p.name])))

    def mean(self):
        return None


@dataclass
class Optax(Stepper):
    transform: Callable  # from what is a weight to a transformation of optax
    see: Callable = lambda gradients, state, parameters: None
    after: Callable = lambda parameters, weights: parameters

    def begin(self):
        self.optimizer = self.transform(self.weights)
        self.state = self.optimizer.init(self.parameters)

    def change(self, gradients):
        self.see(gradients, self.state, self.parameters)
        updates, self.state = self.optimizer.update(gradients, self.state, self.parameters)
        return self.after(optax.apply_updates(self.parameters, updates), self.weights)


@dataclass
class Averaged(Optax):
    """A running mean of the parameters after each step, by a transformation of optax."""

    average: Callable = None

    def begin(self):
        super().begin()
        self.averaging = self.average()
        self.average_state = self.averaging.init(self.parameters)

    def change(self, gradients):
        parameters = super().change(gradients)
        self.now, self.average_state = self.averaging.update(parameters, self.average_state)
        return parameters

    def mean(self):
        # JAX puts names in an order of its own.
        values = [np.array(self.now[p.name]).reshape(-1) for p in self.net.parameters]
        return torch.tensor(np.concatenate(values)).double()


def corrected_average(rate, decay):
    ron = written(rate, average=f"Exponential(decay: {decay}, bias_correction: true)")
    return Averaged(ron, lambda _: optax.sgd(rate), average=lambda: optax.ema(decay))


def see(values, corner):
    Corners.see(torch.tensor(np.array(values)), corner)


def lion(rate, b1, b2, decay=0.0):
    def at_zero(gradients, state, _):
        for name, gradient in gradients.items():
            see(b1 * state[0].mu[name] + (1 - b1) * gradient, "zero")

    chain = [f"Lion(beta1: {b1}, beta2: {b2})"]
    chain += [f"DecoupledDecay({decay})"] if decay else []
    make = lambda weights: optax.lion(rate, b1, b2, weight_decay=decay, mask=weights)
    return Optax(written(rate, chain), make, at_zero)


def adaptive_clip(rate, clip, epsilon):
    def at_bound(gradients, state, parameters):
        for name, gradient in gradients.items():
            if "weight" in name:
                size = jnp.maximum(jnp.linalg.norm(parameters[name], axis=0), epsilon)
                see(jnp.linalg.norm(gradient, axis=0) - clip * size, clip)

    make = lambda weights: optax.chain(
        optax.masked(optax.adaptive_grad_clip(clip, epsilon), weights), optax.sgd(rate))
    ron = written(rate, [f"ClipAdaptive(clip: {clip}, epsilon: {epsilon})"])
    return Optax(ron, make, at_bound)


def constrained(rate, ron, project):
    """Gradient descent; after each step, `project` changes each matrix of weights."""

    def after(parameters, weights):
        return {name: project(w) if weights[name] else w for name, w in parameters.items()}

    ron = written(rate, constraints=f"[{ron}]")
    return Optax(ron, lambda weights: optax.sgd(rate), after=after)


def max_norm(rate, bound):
    def project(weights):
        see(jnp.linalg.norm(weights, axis=0) - bound, bound)
        onto_ball = lambda unit: optax.projections.projection_l2_ball(unit, bound)
        return jax.vmap(onto_ball, in_axes=1, out_axes=1)(weights)

    return constrained(rate, f"MaxNorm({bound})", project)


def clip_weights(rate, bound):
    def project(weights):
        see(abs(weights) - bound, bound)
        return optax.projections.projection_box(weights, -bound, bound)

    return constrained(rate, f"ClipWeights({bound})", project)


def rms_prop_inside(rate, decay, epsilon):
    ron = written(rate, [f"RmsProp(decay: {decay}, epsilon: {epsilon}, epsilon_inside: true)"])
    make = lambda _: optax.rmsprop(rate, decay, epsilon, eps_in_sqrt=True)
    return Optax(ron, make)


def adagrad_from(rate, initial, epsilon):
    """optax has `epsilon` inside of the root: the same as a larger beginning."""
    ron = written(rate, [f"Adagrad(epsilon: 0.0, initial: {initial + epsilon!r})"])
    return Optax(ron, lambda _: optax.adagrad(rate, initial, epsilon))


@dataclass
class ScikitLearn(Stepper):
    make: Callable  # from a list of arrays to an optimizer
    samples: int = 1  # of a step
    steps: int = 0

    def begin(self):
        self.arrays = [np.array(values) for values in self.parameters.values()]
        self.optimizer = self.make(self.arrays)

    def change(self, gradients):
        # It works in place, on the arrays it is handed.
        self.optimizer.update_params(self.arrays, [np.array(g) for g in gradients.values()])
        self.steps += 1
        self.optimizer.iteration_ends(self.steps * self.samples)
        return dict(zip(self.parameters, self.arrays))


def adam_epsilon_hat(rate, epsilon):
    ron = written(rate, [f"Adam(epsilon: {epsilon}, epsilon_hat: true)"])
    return ScikitLearn(ron, lambda arrays: AdamOptimizer(arrays, rate, epsilon=epsilon))


def classical_momentum(rate, momentum, power, samples):
    """The velocity holds the rate, which falls at each step."""
    ron = written(rate, [f"ClassicalMomentum({momentum})"], schedule=f"InvScaling(power: {power})")
    return ScikitLearn(ron, lambda arrays: SGDOptimizer(
        arrays, rate, "invscaling", momentum, nesterov=False, power_t=power), samples)


def keras_schedule(rate, ron, kind, **rest):
    """A schedule of Keras, as a factor of a rate of 1."""
    schedule = getattr(keras.optimizers.schedules, kind)(1.0, **rest)
    return scheduled(rate, ron, lambda o: S.LambdaLR(o, lambda step: float(schedule(step))))


def inverse_scaling(rate, power, steps_per_epoch, batch):
    """scikit-learn's `invscaling`, which moves at the end of each pass over the samples."""
    def factor(step):
        of_epoch = SGDOptimizer([], 1.0, "invscaling", power_t=power)
        of_epoch.iteration_ends(step // steps_per_epoch * steps_per_epoch * batch)
        return of_epoch.learning_rate

    ron = f"InvScaling(power: {power})"
    return scheduled(rate, ron, lambda o: S.LambdaLR(o, factor), each="Epoch")
