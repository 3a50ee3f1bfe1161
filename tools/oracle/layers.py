"""Layers for images and sequences, twice; see nets.py."""

import torch
from torch import nn
from torch.nn import functional as F

from nets import (Corners, Function, Parameter, Piece, as_it_is, as_row, rows_of_filters,
                  transposed)


def named(kind, positional=(), **options):
    """The notation of a layer."""
    words = [*positional, *(f"{name}: {value}" for name, value in options.items())]
    return f"{kind}({', '.join(words)})"


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def size(value):
    """`3`, or `(3, 5)` as height and width."""
    return f"({value[0]}, {value[1]})" if isinstance(value, tuple) else str(value)


def given(**options):
    """Those options that are not what they are by default."""
    default = {"stride": 1, "padding": 0, "dilation": 1}
    return {name: size(value) for name, value in options.items() if value != default[name]}


def conv2d(channels, filters, kernel, stride=1, padding=0, dilation=1, bias=True):
    module = nn.Conv2d(channels, filters, kernel, stride, padding, dilation, bias=bias)
    rest = {} if bias else {"bias": "false"}
    ron = named("Conv2d", filters=filters, kernel=size(kernel),
                **given(stride=stride, padding=padding, dilation=dilation), **rest)
    fan_in = channels * pair(kernel)[0] * pair(kernel)[1]
    parameters = [Parameter("weight", module.weight, rows_of_filters, fan_in)]
    if bias:
        parameters.append(Parameter("bias", module.bias, as_row, fan_in))
    return Piece(ron, module, parameters)


class MaxPool(nn.Module):
    """Sees how far the largest of a window is ahead of the next one."""

    def __init__(self, kernel, stride, padding):
        super().__init__()
        self.pool = nn.MaxPool2d(kernel, stride, padding)
        self.kernel, self.stride, self.padding = pair(kernel), pair(stride), pair(padding)

    def forward(self, x):
        (ph, pw), area = self.padding, self.kernel[0] * self.kernel[1]
        padded = F.pad(x, (pw, pw, ph, ph), value=-1e30)
        windows = F.unfold(padded, self.kernel, stride=self.stride)
        best = windows.reshape(x.shape[0] * x.shape[1], area, -1).topk(2, dim=1).values
        Corners.see_gap(best[:, 0] - best[:, 1])
        return self.pool(x)


def pool(kind, module, kernel, stride, padding):
    rest = {"stride": size(stride)} if stride else {}
    return Piece(named(kind, kernel=size(kernel), **rest, **given(padding=padding)),
                 module(kernel, stride or kernel, padding))


def max_pool2d(kernel, stride=None, padding=0):
    return pool("MaxPool2d", MaxPool, kernel, stride, padding)


def avg_pool2d(kernel, stride=None, padding=0):
    return pool("AvgPool2d", nn.AvgPool2d, kernel, stride, padding)


def global_avg_pool():
    return Piece("GlobalAvgPool", Function(lambda x: x.mean(dim=(2, 3))))


def flatten():
    return Piece("Flatten", nn.Flatten())


def dropout(share):
    return Piece(f"Dropout({share})", nn.Dropout(share))


class PerToken(nn.Module):
    """A layer over (N, features) for every token of (N, tokens, features)."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def norm(kind, module, weights, whole=None, **options):
    names = zip(("scale", "bias"), weights)
    parameters = [Parameter(name, tensor, as_row, tensor.numel()) for name, tensor in names]
    return Piece(named(kind, **options), whole or module, parameters)


def batch_norm(channels, over="features", **options):
    """The momentum of PyTorch is, like ours, the share of the new in the running statistics."""
    words = {"eps" if name == "epsilon" else name: value for name, value in options.items()}
    module = (nn.BatchNorm2d if over == "images" else nn.BatchNorm1d)(channels, **words)
    whole = PerToken(module) if over == "tokens" else module
    return norm("BatchNorm", module, (module.weight, module.bias), whole, **options)


def layer_norm(shape, **options):
    module = nn.LayerNorm(shape, options.get("epsilon", 1e-5))
    return norm("LayerNorm", module, (module.weight, module.bias), **options)


def rms_norm(shape, **options):
    module = nn.RMSNorm(shape, options.get("epsilon", 1e-5))
    return norm("RmsNorm", module, (module.weight,), **options)


class LookUp(nn.Module):
    def __init__(self, vectors):
        super().__init__()
        self.vectors = vectors

    def forward(self, x):
        return self.vectors(x.squeeze(-1).long())


def embedding(vocabulary, features):
    vectors = nn.Embedding(vocabulary, features)
    return Piece(named("Embedding", vocabulary=vocabulary, features=features), LookUp(vectors),
                 [Parameter("weight", vectors.weight, as_it_is, 3)])


class States(nn.Module):
    """The outputs of a recurrent layer, without its last state."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0]


def recurrent(kind, module, features, units):
    inner = module(features, units, batch_first=True)
    parameters = [
        Parameter("weight", inner.weight_ih_l0, transposed, features),
        Parameter("recurrent_weight", inner.weight_hh_l0, transposed, units),
        Parameter("bias", inner.bias_ih_l0, as_row, units),
    ]
    if kind == "Gru":
        parameters.append(Parameter("recurrent_bias", inner.bias_hh_l0, as_row, units))
    else:
        # PyTorch adds two biases where one says the same: the second stays at zero.
        nn.init.zeros_(inner.bias_hh_l0)
        inner.bias_hh_l0.requires_grad = False
    return Piece(named(kind, [str(units)]), States(inner), parameters)


def simple_rnn(features, units):
    return recurrent("SimpleRnn", nn.RNN, features, units)


def lstm(features, units):
    return recurrent("Lstm", nn.LSTM, features, units)


def gru(features, units):
    return recurrent("Gru", nn.GRU, features, units)


class Attention(nn.Module):
    def __init__(self, inner, causal):
        super().__init__()
        self.inner, self.causal = inner, causal

    def forward(self, x):
        tokens = x.shape[1]
        hidden = torch.ones(tokens, tokens, dtype=bool).triu(1) if self.causal else None
        return self.inner(x, x, x, need_weights=False, attn_mask=hidden)[0]


def attention(features, heads, causal=False):
    inner = nn.MultiheadAttention(features, heads, batch_first=True)
    ron = named("MultiHeadAttention", heads=heads, causal="true") if causal else (
        named("MultiHeadAttention", [str(heads)]))
    return Piece(ron, Attention(inner, causal), [
        Parameter("in_weight", inner.in_proj_weight, transposed, features),
        Parameter("in_bias", inner.in_proj_bias, as_row, features),
        Parameter("out_weight", inner.out_proj.weight, transposed, features),
        Parameter("out_bias", inner.out_proj.bias, as_row, features)])


def last_token():
    return Piece("LastToken", Function(lambda x: x[:, -1]))


def mean_over_tokens():
    return Piece("MeanOverTokens", Function(lambda x: x.mean(dim=1)))
