"""Drawbacks B, computational limitations: parameters, products, the length of the backward pass, and memory."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.lab.attention import attention
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, between, exactly

section = Section("drawbacks-b", "Drawbacks B: computational limitations")
D, H = 16, 32


def products(output: tg.Tensor) -> int:
    """The multiplications in all matrix products of a graph."""
    graph = tg.graph_of(output)
    inner = {edge.reader: edge.shape[-1] for edge in graph.edges if edge.position == 0}
    return sum(int(np.prod(v.shape)) * inner[v.id] for v in graph.vertices if v.op in ("linear", "matmul"))


@section.count("D4a", "More parameters per cell than simple RNNs or GRUs.", broken=["coupled"])
def parameters(run: Run) -> None:
    """D = 16, H = 32: one block of weights and biases, three, and four; a GRU has H biases more."""
    lstm = nn.LSTM(D, H, cell=nn.CoupledLSTMCell if run.is_broken("coupled") else nn.LSTMCell)
    block = H * D + H * H + H
    found = [layer.parameter_count() for layer in (nn.RNN(D, H), nn.GRU(D, H), lstm)]
    run.expect("RNN, GRU, LSTM", found, exactly([block, 3 * block + H, 4 * block]))


@section.count("D4b", "Sequential nature and many gates: computationally heavy.", broken=["coupled"])
def multiplications(run: Run) -> None:
    """The multiplications in all products over ten steps, counted in the graph."""
    x, block = run.rng.standard_normal((10, 1, D)), 10 * (H * D + H * H)
    lstm = nn.LSTM(D, H, cell=nn.CoupledLSTMCell if run.is_broken("coupled") else nn.LSTMCell)
    found = [products(layer(x)[0]) for layer in (nn.RNN(D, H), nn.GRU(D, H), lstm)]
    run.expect("RNN, GRU, LSTM", found, exactly([block, 3 * block, 4 * block]))


@section.count("D4c", "Backpropagation through time makes gradient updates slow.", broken=["one fused op"])
def backward_visits_every_op(run: Run) -> None:
    """The events of the backward pass for 50, 100 and 200 steps: as many for each step."""

    def events(T: int) -> int:
        output, _ = nn.LSTM(D, H, fused=run.is_broken("one fused op"))(run.rng.standard_normal((T, 1, D)))
        return sum(1 for _ in tg.backward_events((output**2).sum(), accumulate=False))

    found = [events(T) for T in (50, 100, 200)]
    run.expect("events per step", [(found[1] - found[0]) / 50, (found[2] - found[1]) / 100], exactly([14.0, 14.0]))


@section.count(
    "D4'", "An LSTM's work is linear in the length; attention's is quadratic.", broken=["an LSTM"],
    correction='"Slow" is the depth, not the work: the steps wait for each other. The work of attention grows with T², '
    "that of an LSTM with T.",
)  # fmt: skip
def attention_is_quadratic(run: Run) -> None:
    """The multiplications of Q Kᵀ and A V, for 50 and 100 words, beside those of an LSTM of the same width."""

    def work(T: int) -> int:
        x = tg.tensor(run.rng.standard_normal((T, 1, D)))
        if run.is_broken("an LSTM"):
            return products(nn.LSTM(D, D)(x)[0])
        return products(attention(D, D)(x)[0]) - 4 * T * D * D  # without the four linear layers

    run.expect("50 and 100 words", [work(50), work(100)], exactly([2 * 50 * 50 * D, 2 * 100 * 100 * D]))
    lengths = (10, 20, 50, 100, 200)
    x = {T: tg.tensor(run.rng.standard_normal((T, 1, D))) for T in lengths}
    layers: dict[str, Any] = {"attention": attention, "LSTM": nn.LSTM}
    done = {name: {T: products(layer(D, D)(x[T])[0]) for T in lengths} for name, layer in layers.items()}
    run.draw(viz.plots.scores, done, x="words", y="multiplications", log="xy")


def bytes_kept(loss: tg.Tensor) -> int:
    """The bytes that a graph keeps for its backward pass, beside the parameters and inputs that are there anyway."""
    report = tg.memory(loss)
    return report.kept_bytes - report.given_bytes


def kept(Layer: Any, T: int, B: int = 2) -> int:
    """Those that a layer of 3 inputs and 8 units keeps."""
    return bytes_kept(Layer(3, 8)(tg.zeros(T, B, 3))[0].sum())


@section.count(
    "D5a", "LSTMs store multiple gates (input, forget, output, and cell) per timestep.", broken=["a GRU"],
    topic="memory",
)  # fmt: skip
def stored_per_step(run: Run) -> None:
    """Numbers that are kept for each unit and step, beside x: for an LSTM f, i, C̃, o, C, tanh C and h."""
    found = []
    for Layer in (nn.RNN, nn.GRU, nn.GRU if run.is_broken("a GRU") else nn.LSTM):
        per_step = (kept(Layer, 12) - kept(Layer, 8)) / 4
        found.append(per_step / (2 * 8 * 8))
    run.expect("RNN, GRU, LSTM", found, exactly([1.0, 6.0, 7.0]))


@section.count("D5b", "Especially problematic for long sequences or large batch sizes.", broken=["fixed length"])
def linear_in_time(run: Run) -> None:
    """The bytes that an LSTM keeps for 50, 100 and 200 steps, and for four times the batch."""
    few, some, many = (kept(nn.LSTM, 50 if run.is_broken("fixed length") else T) for T in (50, 100, 200))
    run.expect("for 100 steps more, over that for 50", (many - some) / max(some - few, 1), exactly(2.0))
    run.expect("four times the batch", kept(nn.LSTM, 100, 8) / some, between(3.8, 4.01))


@section.count(
    "D5'", "Checkpoints every √T steps are a way out.", broken=["one checkpoint"],
    correction="The memory can be had back for a second forward pass. With 20 checkpoints in 400 steps an LSTM keeps "
    "less than a tenth of the bytes, and the gradient is the same.",
)  # fmt: skip
def checkpoints_save_memory(run: Run) -> None:
    """400 steps in pieces of 20, each of which runs again in the backward pass."""
    x, size = run.rng.standard_normal((400, 2, 3)), 400 if run.is_broken("one checkpoint") else 20
    plain, saving = nn.LSTM(3, 8), nn.LSTM(3, 8, checkpoint=size)
    saving.load_state_dict(plain.state_dict())
    whole, in_pieces, one_piece = (
        (layer(part)[1][0] ** 2).sum() for layer, part in ((plain, x), (saving, x), (plain, x[:size]))
    )
    saved = bytes_kept(whole) / (bytes_kept(in_pieces) + bytes_kept(one_piece))
    run.expect("bytes kept, whole over in pieces", saved, above(10))
    by_pieces, by_whole = tg.grad(in_pieces, saving.layers[0].U)[0], tg.grad(whole, plain.layers[0].U)[0]
    run.compare("dL/dU", by_pieces, by_whole)
