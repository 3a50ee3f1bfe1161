"""Losses twice: as an experiment file writes them, and as PyTorch computes them."""

from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch
from torch.nn import functional as F

from nets import Corners


@dataclass
class Loss:
    ron: str
    value: Callable  # (outputs (N, K), targets) -> a scalar
    targets: Callable  # (rng, shape of the outputs) -> an array


def numbers(rng, shape):
    return np.round(rng.normal(size=shape), 3)


def classes(rng, shape):
    return rng.integers(shape[1], size=shape[0])


def shares(rng, shape):
    return np.round(rng.uniform(size=shape), 3)


def two_classes(rng, shape):
    return rng.integers(2, size=shape[0])


def mse():
    return Loss("Mse", F.mse_loss, numbers)


def half_mse():
    value = lambda z, t: F.mse_loss(z, t, reduction="sum") / (2 * len(z))
    return Loss("HalfMse", value, numbers)


def cross_entropy():
    return Loss("CrossEntropy", F.cross_entropy, classes)


def cross_entropy_with(label_smoothing=0.0, class_weights=()):
    def value(z, t):
        weights = torch.tensor(class_weights, dtype=z.dtype) if class_weights else None
        return F.cross_entropy(z, t, weights, label_smoothing=label_smoothing)

    words = [f"label_smoothing: {label_smoothing}"] if label_smoothing else []
    words += [f"class_weights: {list(class_weights)}"] if class_weights else []
    return Loss(f"CrossEntropyWith({', '.join(words)})", value, classes)


def mae():
    def value(z, t):
        Corners.see(z - t, 0)
        return F.l1_loss(z, t)

    return Loss("Mae", value, numbers)


def huber(delta):
    def value(z, t):
        Corners.see((z - t).abs() - delta, delta)
        return F.huber_loss(z, t, delta=delta)

    return Loss(f"Huber({delta})", value, numbers)


def binary_cross_entropy():
    return Loss("BinaryCrossEntropy", F.binary_cross_entropy_with_logits, shares)


def binary_cross_entropy_of_classes():
    """One output says yes or no; several say of each class whether it is the one."""

    def value(z, t):
        wanted = t.reshape(-1, 1) if z.shape[1] == 1 else F.one_hot(t, z.shape[1])
        return F.binary_cross_entropy_with_logits(z, wanted.to(z.dtype))

    draw = lambda rng, shape: (two_classes if shape[1] == 1 else classes)(rng, shape)
    return Loss("BinaryCrossEntropy", value, draw)


def hinge():
    def value(z, t):
        margins = 1 - z.gather(1, t.reshape(-1, 1)) + z
        Corners.see(margins[F.one_hot(t, z.shape[1]) == 0], 1)
        return F.multi_margin_loss(z, t)

    return Loss("Hinge", value, classes)


def hinge_of_one():
    def value(z, t):
        sign = (2 * t - 1).to(z.dtype)
        Corners.see(1 - sign * z[:, 0], 1)
        return F.margin_ranking_loss(z[:, 0], torch.zeros_like(sign), sign, margin=1)

    return Loss("Hinge", value, two_classes)
