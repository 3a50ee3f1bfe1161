"""Optimizers twice: as an experiment file writes them, and as PyTorch steps."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Callable

import torch

from nets import Corners


def written(rate, chain=(), schedule=None, **rest):
    """An optimizer in the notation of an experiment file."""
    parts = {"learning_rate": repr(rate), "chain": f"[{', '.join(chain)}]", "schedule": schedule}
    parts |= rest
    present = {name: text for name, text in parts.items() if text and text != "[]"}
    return "(" + ", ".join(f"{name}: {text}" for name, text in present.items()) + ")"


@dataclass
class Update:
    """A step of PyTorch's, with what is done to gradients before and to parameters after it."""

    ron: str
    rate: float
    # From groups of parameters to an optimizer of PyTorch.
    make: Callable
    # Settings for parameters of a role, such as the decay of weights.
    of_role: dict = field(default_factory=dict)
    # From that optimizer to a schedule of PyTorch that is called after every step.
    schedule: Callable | None = None
    # The same, for one that is shown a metric after every epoch.
    listener: Callable | None = None
    before: Callable | None = None  # (net)
    after: Callable | None = None  # (net)
    # From the module to an average of it.
    average: Callable | None = None
    # Steps before the average begins.
    average_from: int = 0

    def start(self, net):
        self.net, self.steps = net, 0
        groups = defaultdict(list)
        for parameter in net.parameters:
            groups[parameter.role, parameter.rate].append(parameter.tensor)
        self.optimizer = self.make([
            {"params": tensors, "lr": self.rate * rate, **self.of_role.get(role, {})}
            for (role, rate), tensors in groups.items()
        ])
        self.scheduler = self.schedule(self.optimizer) if self.schedule else None
        self.listening = self.listener(self.optimizer) if self.listener else None
        self.averaged = self.average(net.module) if self.average else None

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
        self.steps += 1
        if self.averaged and self.steps > self.average_from:
            self.averaged.update_parameters(self.net.module)

    def observe(self, metric):
        self.listening.step(metric)

    def mean(self):
        """The average at the end, in our layout; the net is used up."""
        if self.averaged is None:
            return None
        self.net.module.load_state_dict(self.averaged.module.state_dict())
        return self.net.flat()


def plain(groups):
    return torch.optim.SGD(groups)


def sgd(rate, chain=(), make=plain, **rest):
    return Update(written(rate, chain), rate, make, **rest)


def momentum(rate, beta, nesterov=False, chain=(), **rest):
    kind = "Nesterov" if nesterov else "Momentum"
    make = lambda groups: torch.optim.SGD(groups, momentum=beta, nesterov=nesterov)
    return sgd(rate, [*chain, f"{kind}({beta})"], make, **rest)


def l2(rate, decay):
    return sgd(rate, [f"L2({decay})"], of_role={"weight": {"weight_decay": decay}})


EVERY_ROLE = "roles: [Weight, Bias, Scale]"


def l2_of_all(rate, decay):
    make = lambda groups: torch.optim.SGD(groups, weight_decay=decay)
    return sgd(rate, [f"L2(lambda: {decay}, {EVERY_ROLE})"], make)


def l1(rate, penalty):
    """By differentiating the penalty itself."""

    def before(net):
        weights = net.of_role("weight")
        for w in weights:
            Corners.see(w, "zero")
        sum(penalty * w.abs().sum() for w in weights).backward()

    return sgd(rate, [f"L1({penalty})"], before=before)


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

    return sgd(rate, [f"ClipNorm({bound})"], before=before)


def clip_value(rate, bound):
    def before(net):
        Corners.see(gradients(net).abs() - bound, bound)
        torch.nn.utils.clip_grad_value_([p.tensor for p in net.parameters], bound)

    return sgd(rate, [f"ClipValue({bound})"], before=before)


S = torch.optim.lr_scheduler


def scheduled(rate, ron, schedule, chain=(), make=plain, **rest):
    return Update(written(rate, chain, ron, **rest), rate, make, schedule=schedule)


def plateau(rate, factor, patience, threshold, least):
    ron = f"Plateau(factor: {factor}, patience: {patience}, threshold: {threshold}, minimum: {least})"
    listener = lambda optimizer: S.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=threshold, min_lr=rate * least)
    return Update(written(rate, schedule=ron), rate, plain, listener=listener)


def by(kind, ron, rate, **rest):
    """An optimizer of `torch.optim` by its name, with its own options."""
    make = lambda groups: getattr(torch.optim, kind)(groups, **rest)
    return sgd(rate, [ron], make)


def adam_w(rate, decay):
    make = lambda groups: torch.optim.AdamW(groups, weight_decay=0.0)
    return sgd(rate, [f"AdamW(decay: {decay})"], make, of_role={"weight": {"weight_decay": decay}})


def adam_w_of_all(rate, decay):
    make = lambda groups: torch.optim.AdamW(groups, weight_decay=decay)
    return sgd(rate, [f"AdamW(decay: (lambda: {decay}, {EVERY_ROLE}))"], make)


def clip_norm_per_layer(rate, bound):
    def before(net):
        layers = defaultdict(list)
        for parameter in net.parameters:
            layers[parameter.name.split(".")[0]].append(parameter.tensor)
        for tensors in layers.values():
            norm = torch.nn.utils.get_total_norm([t.grad for t in tensors])
            Corners.see(norm - bound, bound)
            torch.nn.utils.clip_grads_with_norm_(tensors, bound, norm - 1e-6)

    return sgd(rate, [f"ClipNormPerLayer({bound})"], before=before)


def averaged(rate, ron, average, **rest):
    return Update(written(rate, average=ron), rate, plain, average=average, **rest)
