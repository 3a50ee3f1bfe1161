"""Nets twice: as layers in the notation of an experiment file, and as modules of PyTorch.

A `Piece` is one layer with both faces. It also says where each of our parameters lies in those of
PyTorch: as views in our layout, columns one after the other.
"""

from dataclasses import dataclass, field
from typing import Callable

import torch
from torch import nn


class Corners:
    """How near a run came to a point where a function has a corner, and whether it was on both
    sides."""

    nearest = float("inf")
    sides: dict = {}

    @classmethod
    def forget(cls):
        cls.nearest, cls.sides = float("inf"), {}

    @classmethod
    def see(cls, distance, corner):
        """Distances with their signs; `corner` is any name."""
        distance = distance.detach()
        cls.nearest = min(cls.nearest, distance.abs().min().item())
        sides = cls.sides.setdefault(corner, set())
        sides.update(distance.sign().reshape(-1).tolist())

    @classmethod
    def see_gap(cls, gap):
        """The gap between a choice and the next best."""
        cls.nearest = min(cls.nearest, gap.detach().min().item())

    @classmethod
    def on_both_sides(cls):
        return all(len(sides) > 1 for sides in cls.sides.values())


@dataclass
class Parameter:
    """One parameter of ours: its name in the layer, PyTorch's tensor, and how one is the other."""

    name: str
    tensor: nn.Parameter
    views: Callable  # tensor -> views of it that side by side make ours
    fan_in: int
    rate: float = 1.0  # the factor on its learning rate

    @property
    def role(self):
        return next(role for role in ("weight", "bias", "scale") if self.name.endswith(role))

    def of(self, tensor):
        return torch.cat([view.detach() for view in self.views(tensor)], dim=1)

    def read(self):
        return self.of(self.tensor)

    def gradient(self):
        return self.of(self.tensor.grad)

    def write(self, value):
        with torch.no_grad():
            for view in self.views(self.tensor):
                view.copy_(value[:, : view.shape[1]])
                value = value[:, view.shape[1] :]


@dataclass
class Piece:
    ron: str
    module: nn.Module
    parameters: list = field(default_factory=list)
    body: tuple = ()  # pieces inside of it
    is_counted: bool = True  # whether it has a number of its own

    @property
    def kind(self):
        return self.ron.split("(")[0]


def as_it_is(tensor):
    return [tensor]


def transposed(tensor):
    return [tensor.t()]


def as_row(tensor):
    return [tensor.reshape(1, -1)]


def rows_of_filters(tensor):
    return [tensor.reshape(tensor.shape[0], -1)]


class Function(nn.Module):
    """A function as a module, with its corners."""

    def __init__(self, function, corners=()):
        super().__init__()
        self.function, self.corners = function, corners

    def forward(self, x):
        for corner in self.corners:
            Corners.see(x - corner, corner)
        return self.function(x)


def dense(inputs, units, bias=True):
    linear = nn.Linear(inputs, units, bias=bias)
    parameters = [Parameter("weight", linear.weight, transposed, inputs)]
    if bias:
        parameters.append(Parameter("bias", linear.bias, as_row, inputs))
    ron = f"Dense({units})" if bias else f"Dense(units: {units}, bias: false)"
    return Piece(ron, linear, parameters)


F = nn.functional

ACTIVATIONS = {
    "Sigmoid": Function(torch.sigmoid),
    "Tanh": Function(torch.tanh),
    "Relu": Function(F.relu, [0]),
    "LeakyRelu(0.2)": Function(lambda x: F.leaky_relu(x, 0.2), [0]),
    "Elu(0.7)": Function(lambda x: F.elu(x, 0.7), [0]),
    "Selu": Function(F.selu, [0]),
    "Gelu": Function(F.gelu),
    "Silu": Function(F.silu),
    "Softplus": Function(F.softplus),
    "Softsign": Function(F.softsign),
    "HardTanh": Function(F.hardtanh, [-1, 1]),
    "Softmax": Function(lambda x: F.softmax(x, dim=-1)),
    "Identity": Function(lambda x: x),
}


def activation(ron):
    return Piece(ron, ACTIVATIONS[ron])


class Sum(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return x + self.body(x)


def listed(pieces):
    return "[" + ", ".join(piece.ron for piece in pieces) + "]"


def in_order(pieces):
    return nn.Sequential(*(piece.module for piece in pieces))


def residual(*body):
    return Piece(f"Residual({listed(body)})", Sum(in_order(body)), body=body)


def repeat(times, make):
    body = [piece for _ in range(times) for piece in make()]
    ron = f"Repeat(times: {times}, layers: {listed(make())})"
    return Piece(ron, in_order(body), body=body, is_counted=False)


def scope(rate, *body):
    ron = f"Scope(rate: {rate}, layers: {listed(body)})"
    piece = Piece(ron, in_order(body), body=body, is_counted=False)
    for parameter in every_parameter(body):
        parameter.rate *= rate
    return piece


def every_parameter(pieces):
    for piece in pieces:
        yield from piece.parameters
        yield from every_parameter(piece.body)


def net(*pieces):
    """The pieces as one module, and every parameter with its full name."""
    parameters = []

    def number(pieces, next):
        for piece in pieces:
            for parameter in piece.parameters:
                parameter.name = f"{next}.{piece.kind}.{parameter.name}"
                parameters.append(parameter)
            next = number(piece.body, next + piece.is_counted)
        return next

    number(pieces, 0)
    return Net(listed(pieces), in_order(pieces), parameters)


@dataclass
class Net:
    ron: str
    module: nn.Module
    parameters: list

    def of_role(self, role):
        return [p.tensor for p in self.parameters if p.role == role]

    def flat(self):
        return torch.cat([p.read().reshape(-1).double() for p in self.parameters])
