"""Optimizers twice: as an experiment file writes them, and as PyTorch or optax steps."""

from dataclasses import dataclass, field
from typing import Callable

import torch

from nets import Corners


def written(rate, chain=(), schedule=None, warm_up=None, constraints=()):
    parts = [f"learning_rate: {rate!r}"]
    parts += [f"chain: [{', '.join(chain)}]"] if chain else []
    parts += [f"schedule: {schedule}"] if schedule else []
    parts += [f"warm_up: {warm_up!r}"] if warm_up else []
    parts += [f"constraints: [{', '.join(constraints)}]"] if constraints else []
    return "(" + ", ".join(parts) + ")"


@dataclass
class Update:
    """A step of PyTorch's, with what is done to gradients before and to parameters after it."""

    ron: str
    # From groups of parameters to an optimizer of PyTorch.
    make: Callable
    # Settings of the weights alone, such as their decay.
    weights: dict = field(default_factory=dict)
    # From that optimizer to a schedule of PyTorch that is called after every step.
    schedule: Callable | None = None
    # The same, for one that is shown a metric after every epoch.
    listener: Callable | None = None
    before: Callable | None = None  # (net)
    after: Callable | None = None  # (net)

    def start(self, net):
        self.net = net
        others = net.of_role("bias") + net.of_role("scale")
        groups = [{"params": net.of_role("weight"), **self.weights}]
        groups += [{"params": others}] if others else []
        self.optimizer = self.make(groups)
        self.scheduler = self.schedule(self.optimizer) if self.schedule else None
        self.listening = self.listener(self.optimizer) if self.listener else None

    def clear(self):
        self.optimizer.zero_grad()

    def step(self):
        if self.before:
            self.before(self.net)
        self.optimizer.step()
        if self.after:
            self.after(self.net)
        if self.scheduler:
            self.scheduler.step()

    def observe(self, metric):
        self.listening.step(metric)


def sgd(rate):
    return Update(written(rate), lambda groups: torch.optim.SGD(groups, lr=rate))


def momentum(rate, beta, nesterov=False, chain=(), **rest):
    kind = "Nesterov" if nesterov else "Momentum"
    ron = written(rate, [*chain, f"{kind}({beta})"])
    make = lambda groups: torch.optim.SGD(groups, lr=rate, momentum=beta, nesterov=nesterov)
    return Update(ron, make, **rest)


def l2(rate, decay):
    make = lambda groups: torch.optim.SGD(groups, lr=rate)
    return Update(written(rate, [f"L2({decay})"]), make, weights={"weight_decay": decay})


def l1(rate, penalty):
    """By differentiating the penalty itself."""

    def before(net):
        weights = net.of_role("weight")
        for w in weights:
            Corners.see(w, "zero")
        sum(penalty * w.abs().sum() for w in weights).backward()

    make = lambda groups: torch.optim.SGD(groups, lr=rate)
    return Update(written(rate, [f"L1({penalty})"]), make, before=before)


def gradients(net):
    return torch.cat([p.tensor.grad.reshape(-1) for p in net.parameters])


def clip_norm(rate, bound):
    def before(net):
        Corners.see(torch.linalg.vector_norm(gradients(net)) - bound, bound)
        exactly(net, bound)

    def exactly(net, bound):
        # `clip_grad_norm_` divides by norm + 1e-6, which is not the formula.
        tensors = [p.tensor for p in net.parameters]
        norm = torch.nn.utils.get_total_norm([t.grad for t in tensors])
        torch.nn.utils.clip_grads_with_norm_(tensors, bound, norm - 1e-6)

    make = lambda groups: torch.optim.SGD(groups, lr=rate)
    return Update(written(rate, [f"ClipNorm({bound})"]), make, before=before)


def clip_value(rate, bound):
    def before(net):
        Corners.see(gradients(net).abs() - bound, bound)
        torch.nn.utils.clip_grad_value_([p.tensor for p in net.parameters], bound)

    make = lambda groups: torch.optim.SGD(groups, lr=rate)
    return Update(written(rate, [f"ClipValue({bound})"]), make, before=before)


S = torch.optim.lr_scheduler


def scheduled(rate, ron, schedule, warm_up=None):
    make = lambda groups: torch.optim.SGD(groups, lr=rate)
    return Update(written(rate, schedule=ron, warm_up=warm_up), make, schedule=schedule)


def plateau(rate, factor, patience, threshold, least):
    ron = f"Plateau(factor: {factor}, patience: {patience}, threshold: {threshold}, minimum: {least})"
    listener = lambda optimizer: S.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=threshold, min_lr=rate * least)
    make = lambda groups: torch.optim.SGD(groups, lr=rate)
    return Update(written(rate, schedule=ron), make, listener=listener)
