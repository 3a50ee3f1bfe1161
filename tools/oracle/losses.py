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


def mse():
    return Loss("Mse", F.mse_loss, numbers)


def half_mse():
    value = lambda z, t: F.mse_loss(z, t, reduction="sum") / (2 * len(z))
    return Loss("HalfMse", value, numbers)


def cross_entropy():
    return Loss("CrossEntropy", F.cross_entropy, classes)
