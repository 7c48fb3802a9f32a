"""Variants and extensions, each by its equation or by what it must and must not change."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.data import france
from tinygrad_lstm.lab.cells import NoBelt, look_at_c, sigmoid
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below, between, difference, exactly
from tinygrad_lstm.lab.learning import MakeLayer, france_up_to, learn, lstm, score, word_reader
from tinygrad_lstm.lab.why import on_the_belt

section = Section("variants", "Variants and extensions")
D, H, B, T = 3, 6, 2, 12


def peephole_lstm(run: Run) -> nn.LSTM:
    """An LSTM whose gates look at C, with peephole weights that are not 0, unless they are broken."""
    lstm = nn.LSTM(D, H, cell=nn.PeepholeLSTMCell)
    if not run.is_broken("p = 0"):
        look_at_c(run, lstm.layers[0])
    return lstm


@section.identity(
    "X1", "Peephole connections: the gates also receive the previous cell state.", broken=["o sees the old C"]
)
def gates_look_at_the_cell(run: Run) -> None:
    """f and i see the C before this step through p_f and p_i; o sees the new one through p_o."""
    lstm, x, worst = peephole_lstm(run), run.rng.standard_normal((T, B, D)), 0.0
    cell, steps = lstm.layers[0], lstm.unroll(x).steps
    for now, before, x_t in zip(steps[1:], steps, x[1:], strict=False):
        z = np.split(x_t @ cell.W.data.T + before.h.data @ cell.U.data.T + cell.b.data, 4, axis=-1)
        seen = before.c if run.is_broken("o sees the old C") else now.c
        by_hand = {"f": z[0] + cell.p_f.data * before.c.data, "i": z[1] + cell.p_i.data * before.c.data,
                   "o": z[2] + cell.p_o.data * seen.data}  # fmt: skip
        worst = max(worst, *(difference(now.named[gate], sigmoid(z)) for gate, z in by_hand.items()))
    run.expect("largest difference of a gate", worst, below(1e-12))
    run.draw(viz.draw, lstm.unroll(x[:1]), view="cell")


@section.identity(
    "X1'", "With peepholes the derivative of C by the C before it is not diag(f) any more.", broken=["p = 0"],
    correction="The belt then leads through the gates as well: f + C f (1 - f) p_f + C̃ i (1 - i) p_i. And p_o reads "
    "the new C, in the same step.",
)  # fmt: skip
def peepholes_change_the_belt(run: Run) -> None:
    """The derivative of C by the C before it, h held fixed, against both formulas."""
    lstm = peephole_lstm(run)
    before, now = lstm.unroll(run.rng.standard_normal((6, D))).steps[4:6]
    found = on_the_belt(now.c, before.c)
    f, i, g, c = now.f.data, now.i.data, now.g.data, before.c.data
    p_f, p_i = lstm.layers[0].p_f.data, lstm.layers[0].p_i.data
    run.compare("closed form", found, np.diag(f + c * f * (1 - f) * p_f + g * i * (1 - i) * p_i))
    run.expect("diag(f) alone is off by", difference(found, np.diag(f)), above(0.01))


@section.count("X2", "Coupled input and forget gates: i = 1 - f, to reduce parameters.", broken=["uncoupled"])
def coupled_gates(run: Run) -> None:
    """i + f is 1 at every step, and a quarter of the parameters is gone."""
    lstm = nn.LSTM(D, H, cell=nn.LSTMCell if run.is_broken("uncoupled") else nn.CoupledLSTMCell)
    steps = lstm.unroll(5 * run.rng.standard_normal((T, B, D))).steps
    run.compare("1 - f", [1 - step.f.data for step in steps], [step.i.data for step in steps], within=0)
    block = H * D + H * H + H
    run.expect(
        "parameters, coupled and not",
        [lstm.parameter_count(), nn.LSTM(D, H).parameter_count()],
        exactly([3 * block, 4 * block]),
    )


@section.identity(
    "X2'", "With coupled gates C is a mean of what was written, and cannot count.", broken=["uncoupled"],
    correction="i = 1 - f saves parameters, and it also bounds C to [-1, 1]. An uncoupled C has no bounds.",
)  # fmt: skip
def a_coupled_cell_cannot_count(run: Run) -> None:
    """The largest |C| over 60 steps of wild inputs, coupled and not."""
    x = 5 * run.rng.standard_normal((60, B, D))
    coupled, plain = (
        float(np.abs(nn.LSTM(D, H, cell=cell).unroll(x)["c"].data).max())
        for cell in (nn.LSTMCell if run.is_broken("uncoupled") else nn.CoupledLSTMCell, nn.LSTMCell)
    )
    run.expect("largest |C|, coupled", coupled, below(1 + 1e-12))
    run.expect("largest |C|, not coupled", plain, above(1))


@section.identity(
    "X3", "GRU: update and reset gate, one hidden state, no separate cell state.", broken=["reset before"]
)
def the_gru(run: Run) -> None:
    """Its equation at every step, with the reset after the product; its state is h alone."""
    gru = nn.GRU(D, H, cell=nn.ResetBeforeGRUCell if run.is_broken("reset before") else nn.GRUCell)
    x, plain = run.rng.standard_normal((T, B, D)), nn.GRUCell(D, H)
    cell, wanted, h = gru.layers[0], [], np.zeros((B, H))
    for x_t in x:
        x_r, x_z, x_n = np.split(x_t @ cell.W.data.T + cell.b.data, 3, axis=-1)
        h_r, h_z, h_n = np.split(h @ cell.U.data.T, 3, axis=-1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        h = (1 - z) * np.tanh(x_n + r * h_n) + z * h
        wanted.append(h)
    run.compare("h at every step", gru(x)[0], wanted)
    run.expect("states", list(plain.states), exactly(["h"]))


@section.identity(
    "X4", "Bidirectional LSTM: process the sequence forwards and backwards, and concatenate.", broken=["one direction"]
)
def both_directions(run: Run) -> None:
    """Two LSTMs, one that reads from the end; and what the output at t = 5 knows of the last input."""
    layer, x = nn.LSTM(D, H, bidirectional=True), run.rng.standard_normal((T, B, D))
    output, ways = layer(x)[0], [nn.unroll(cell, x, reverse=k == 1).output.data for k, cell in enumerate(layer.layers)]
    if run.is_broken("one direction"):
        output = tg.concatenate([output[..., :H]] * 2, axis=-1)
    run.compare("output", output, np.concatenate(ways, axis=-1), within=1e-15)
    for name, part, condition in (
        ("both directions", output, above(0)),
        ("forwards only", output[..., :H], exactly(0.0)),
    ):
        leaf = tg.tensor(x, requires_grad=True)
        (by_x,) = tg.grad(layer(leaf)[0][4, :, : part.shape[-1]].sum(), leaf)
        run.expect(f"gradient from t = 5 to t = 12, {name}", float(np.abs(by_x.data[11]).max()), condition)


@section.identity("X5", "Stacked LSTM: multiple layers for hierarchical features.", broken=["one layer"])
def stacked_layers(run: Run) -> None:
    """Three layers are three LSTMs, each of which reads the one below."""
    layer, x = nn.LSTM(D, H, 3), run.rng.standard_normal((T, B, D))
    output, below_it = layer(x)[0], tg.tensor(x)
    for cell in layer.layers[:1] if run.is_broken("one layer") else layer.layers:
        below_it = nn.unroll(cell, below_it).output
    run.compare("output", output, below_it, within=1e-15)


@section.identity("X6", "Regularization: dropout between layers.", broken=["dropout in eval"])
def dropout_between_layers(run: Run) -> None:
    """p = 0.5: none in evaluation; in training half of what layer 2 reads is 0, and nothing of the output."""
    plain, x = nn.LSTM(4, 16, 2), run.rng.standard_normal((10, 8, 4))
    dropping = nn.LSTM(4, 16, 2, dropout=0.5)
    dropping.load_state_dict(plain.state_dict())
    if not run.is_broken("dropout in eval"):
        dropping.eval()
    run.compare("output in evaluation", dropping(x)[0], plain(x)[0], within=0)
    dropping.train()
    trajectory = dropping.unroll(x)
    run.expect(
        "share of zeros layer 2 reads", float((trajectory.chains[1].steps[0].x.data == 0).mean()), between(0.35, 0.65)
    )
    run.expect("share of zeros in the output", float((trajectory.output.data == 0).mean()), exactly(0.0))


@section.count("X7", "Recurrent dropout variants: one mask for all steps, or a new one at each.", broken=["not locked"])
def locked_masks(run: Run) -> None:
    """At how many of 10 steps the mask between two layers is that of the first step."""
    x, found = run.rng.standard_normal((10, 8, 4)), []
    for dropout in (0.5 if run.is_broken("not locked") else nn.LockedDropout(0.5), 0.5):
        masks = [step.x.data == 0 for step in nn.LSTM(4, 16, 2, dropout=dropout).unroll(x).chains[1].steps]
        found.append(sum(np.array_equal(mask, masks[0]) for mask in masks))
    run.expect("locked, and plain", found, exactly([10, 1]))


@section.identity(
    "X7b", "Recurrent dropout: the gates see h through one mask for the whole sequence.", broken=["new mask each step"]
)
def one_mask_for_the_sequence(run: Run) -> None:
    """The units of h that have no gradient from the forget gate: about half of them, the same ones at every step."""
    fresh = run.is_broken("new mask each step")
    cell = nn.CandidateDropoutLSTMCell(4, 16, p=0.5) if fresh else nn.RecurrentDropout(nn.LSTMCell(4, 16), 0.5)
    steps = nn.unroll(cell, run.rng.standard_normal((10, 8, 4))).steps
    dead = [tg.grad(now.f.sum(), before.h, retain_graph=True)[0].data == 0 for before, now in pairwise(steps)]
    run.expect("steps with the first one's mask", sum(np.array_equal(mask, dead[0]) for mask in dead), exactly(9))
    run.expect("share of h that is dropped", float(dead[0].mean()), between(0.35, 0.65))


@section.experiment("X8", "Dropout keeps the expectation.", broken=["not scaled"])
def dropout_keeps_the_mean(run: Run) -> None:
    """The mean of 200,000 ones after dropout with p = 0.3."""
    means = [nn.Dropout(0.3)(tg.ones(200, 200)).data.mean() for _ in range(5)]
    run.expect("mean", float(np.mean(means)) * (0.7 if run.is_broken("not scaled") else 1.0), between(0.99, 1.01))


@section.identity("X9", "Zoneout: a unit's state stays as it was.", broken=["p = 1/2"])
def zoneout(run: Run) -> None:
    """p = 1: h and C after ten steps are the first ones, bit for bit. p = 0: the plain cell."""
    cell, x, start = nn.LSTMCell(4, 16), run.rng.standard_normal((10, 8, 4)), run.rng.standard_normal((2, 8, 16))
    p = 0.5 if run.is_broken("p = 1/2") else 1.0
    state = nn.unroll(nn.Zoneout(cell, c=p, h=p), x, tuple(start)).state
    run.compare("h and C, p = 1", [part.data for part in state], start, within=0)
    run.compare("outputs, p = 0", nn.unroll(nn.Zoneout(cell, c=0.0), x).output, nn.unroll(cell, x).output, within=0)


@section.identity("X10", "Weight drop: connections of U are dropped, not those of W.", broken=["W too"])
def weight_drop(run: Run) -> None:
    """The first step, from h = 0, is as without it; the second is not."""
    x, names = run.rng.standard_normal((10, 8, 4)), ("U", "W") if run.is_broken("W too") else ("U",)
    dropping = nn.WeightDrop(nn.LSTMCell(4, 16), 0.5, names=names)
    dropped, plain = nn.unroll(dropping, x).output.data, nn.unroll(dropping.cell, x).output.data
    run.compare("h at t = 1", dropped[0], plain[0], within=0)
    run.expect("h at t = 2 is off by", float(np.abs(dropped[1] - plain[1]).max()), above(0))


@section.identity("X11", "Regularization: layer normalization.", broken=["not normalized"])
def layer_normalization(run: Run) -> None:
    """What a cell makes of a badly scaled U h: mean 0 and variance 1 over the gates, in every row."""
    cell, z = nn.LayerNormLSTMCell(4, 16), tg.tensor(7 + 30 * run.rng.standard_normal((8, 64)))
    seen = z.data if run.is_broken("not normalized") else cell.norm_h(z).data
    run.expect("largest |mean|", float(np.abs(seen.mean(axis=-1)).max()), below(1e-12))
    run.expect("largest |variance - 1|", float(np.abs(seen.var(axis=-1) - 1).max()), below(1e-6))


def open_min_lstm(D: int, H: int) -> nn.MinLSTM:
    """A minLSTM with open forget gates."""
    scanned = nn.MinLSTM(D, H)
    scanned.layers[0].b.data[:H] = 4.0
    return scanned


def gated_layers() -> dict[str, MakeLayer]:
    """Every variant, with open forget gates."""
    cells: dict[str, Any] = {
        "peephole": nn.PeepholeLSTMCell, "coupled": nn.CoupledLSTMCell, "layer norm": nn.LayerNormLSTMCell,
        "candidate dropout": partial(nn.CandidateDropoutLSTMCell, p=0.25),
        "zoneout": lambda *sizes, **bias: nn.Zoneout(nn.LSTMCell(*sizes, **bias), c=0.1),
    }  # fmt: skip
    return {name: lstm(3.0, cell, fused=False) for name, cell in cells.items()} | {
        "GRU": partial(nn.GRU, fused=True), "GRU, reset before": partial(nn.GRU, cell=nn.ResetBeforeGRUCell),
        "two layers": partial(lstm(), num_layers=2), "minLSTM": open_min_lstm,
    }  # fmt: skip


@section.experiment("X12", "All variants learn long-term dependencies.", broken=["no belt"])
def every_variant_learns(run: Run) -> None:
    """France over 30 words, at most 500 updates each: the share of right languages."""
    layers = {"LSTM": lstm(3.0, NoBelt, False)} if run.is_broken("no belt") else gated_layers()
    for name, layer in layers.items():
        model = word_reader(layer)
        learn(model, france_up_to(30), 500, until=0.99)
        run.expect(name, score(model, france(30)), above(0.9))
