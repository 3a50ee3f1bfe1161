"""Trains a case by PyTorch and writes down what became of it."""

import copy
import math
import zlib
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import torch

from losses import Loss, mse
from nets import Corners, Net
from updates import Update, sgd

MOMENTS = (1, 10, 100)
# No run of a case comes nearer to a corner: far above the rounding of an f32, so that all sides
# stand on the same one.
NEAREST_CORNER = 1e-4
# PyTorch's own f32 run must end this near to its f64 run, as a share of the parameters' norm: a
# case in which rounding grows says nothing about who is right.
CALM = 2e-5
# And the parameters must have gone somewhere.
MOVED = 0.02


@dataclass
class Case:
    name: str
    shape: str  # the input's, as a file writes it
    net: Callable[[], Net]
    loss: Loss = field(default_factory=mse)
    update: Callable[[], Update] = field(default_factory=lambda: lambda: sgd(0.1))
    # Samples a step; three times as many are there, and the steps go round.
    batch: int = 4
    oracle: str = "PyTorch"
    # Draws the inputs, (rows, ...); by default from a normal distribution.
    inputs: Callable | None = None
    steps_per_epoch: int = 1
    # The judged metric after each epoch, for schedules that listen to it.
    metrics: tuple = ()
    # How near to a corner a run may come.
    corner: float = NEAREST_CORNER
    # The largest difference between f32 and f64 to be borne, where a case cannot be calm.
    calm: float = CALM


def decimals(array):
    """Three decimals: short in the file, and the same number for everyone."""
    return np.round(array, 3)


def sizes(shape):
    """The axes of a sample in PyTorch's order."""
    return tuple(int(word) for word in "".join(c if c.isdigit() else " " for c in shape).split())


def draw(case, net, rng):
    rows = 3 * case.batch
    draw_inputs = case.inputs or (lambda rng, size: rng.normal(size=size))
    x = decimals(draw_inputs(rng, (rows, *sizes(case.shape))))
    values = []
    for parameter in net.parameters:
        now = parameter.read()
        if parameter.role == "weight":
            bound = math.sqrt(3 / parameter.fan_in)
            drawn = rng.uniform(-bound, bound, size=now.shape)
        else:
            drawn = rng.uniform(-0.3, 0.3, size=now.shape) + (parameter.role == "scale")
        values.append(decimals(drawn))
    net.module.double()
    write(net, values, torch.float64)
    outputs = copy.deepcopy(net.module).double().eval()(torch.tensor(x)).detach()
    targets = case.loss.targets(rng, outputs.reshape(-1, outputs.shape[-1]).shape)
    return x, values, targets


def write(net, values, dtype):
    for parameter, value in zip(net.parameters, values):
        parameter.write(torch.tensor(value, dtype=dtype))


@dataclass
class Trained:
    losses: list
    after: list
    evaluated: list
    averaged: list | None = None


def train(case, x, values, targets, dtype):
    net = case.net()
    net.module.to(dtype)
    write(net, values, dtype)
    update = case.update()
    update.start(net)
    net.module.train()
    x = torch.tensor(x, dtype=dtype)
    if targets.dtype.kind == "f":
        targets = torch.tensor(targets, dtype=dtype)
    else:
        targets = torch.tensor(targets)
    rows_of_targets = len(targets) // len(x)
    trained = Trained([], [], [])
    for step in range(max(MOMENTS)):
        start = step % 3 * case.batch
        chosen = slice(start, start + case.batch)
        wanted = targets[start * rows_of_targets : (start + case.batch) * rows_of_targets]
        update.clear()
        outputs = net.module(x[chosen])
        loss = case.loss.value(outputs.reshape(-1, outputs.shape[-1]), wanted)
        loss.backward()
        update.step()
        if (step + 1) % case.steps_per_epoch == 0 and case.metrics:
            update.observe(case.metrics[(step + 1) // case.steps_per_epoch - 1])
        if step + 1 in MOMENTS:
            trained.losses.append(loss.item())
            trained.after.append(net.flat())
    net.module.eval()
    with torch.no_grad():
        trained.evaluated = net.module(x[: case.batch]).reshape(-1).tolist()
    trained.averaged = update.mean()
    return trained


def distance(a, b):
    return (torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b)).item()


def make(case):
    """The first draw that keeps off corners, is calm and moves, with its trajectory."""
    reasons = []
    for attempt in range(200):
        rng = np.random.default_rng([zlib.crc32(case.name.encode()), attempt])
        net = case.net()
        x, values, targets = draw(case, net, rng)
        Corners.forget()
        trained = train(case, x, values, targets, torch.float64)
        nearest, both = Corners.nearest, Corners.on_both_sides()
        rounded = train(case, x, values, targets, torch.float32)
        start = torch.cat([torch.tensor(value).reshape(-1) for value in values])
        noise = max(distance(a, b) for a, b in zip(rounded.after, trained.after))
        moved = distance(trained.after[-1], start)
        reasons.append(f"corner {nearest:.1e}{'' if both else ' (one side)'}, f32 {noise:.1e}, moved {moved:.1e}")
        if both and nearest >= case.corner and noise <= case.calm and moved >= MOVED:
            return text(case, net, x, values, targets, trained), attempt, reasons[-1]
    raise SystemExit(f"{case.name}: no draw out of 200 will do\n" + "\n".join(reasons[-5:]))


def numbers(values):
    # `repr` of a float is the shortest text that reads back as the same number.
    return "[" + ", ".join(repr(v) for v in np.asarray(values).reshape(-1).tolist()) + "]"


def text(case, net, x, values, targets, trained):
    update = case.update()
    kind = "Values" if targets.dtype.kind == "f" else "Classes"
    lines = [
        f'name: "{case.name}"',
        f'oracle: "{case.oracle}"',
        f"input: {case.shape}",
        f"model: {net.ron}",
        f"loss: {case.loss.ron}",
        f"optimizer: {update.ron}",
        f"batch: {case.batch}",
        f"steps_per_epoch: {case.steps_per_epoch}",
        f"metrics: {numbers(case.metrics)}",
        f"inputs: {numbers(x)}",
        f"targets: {kind}({numbers(targets)})",
    ]
    named = [f'("{p.name}", {numbers(v)})' for p, v in zip(net.parameters, values)]
    lines.append("parameters: [" + ", ".join(named) + "]")
    after = [f"(step: {step}, loss: {loss!r}, parameters: {numbers(values)})"
             for step, loss, values in zip(MOMENTS, trained.losses, trained.after)]
    lines.append("after: [\n            " + ",\n            ".join(after) + ",\n        ]")
    lines.append(f"evaluated: {numbers(trained.evaluated)}")
    if trained.averaged is not None:
        lines.append(f"averaged: {numbers(trained.averaged)}")
    return "    (\n" + "".join(f"        {line},\n" for line in lines) + "    ),\n"
