"""Draw every view for every cell into one folder with an index page: python docs/gallery.py [folder] [--beside OTHER]

Random weights, seed 0; a loss on the last h, unless a picture says otherwise. ``make gallery`` runs it. OTHER is the
folder of a gallery that was drawn before a change: its pictures are shown at the left of the new ones. How a card is
drawn, and the page, are in gallery_cards.py.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from gallery_cards import Card, Section, picture, play, plot, show

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.data import Vocabulary, adding
from tinygrad_lstm.training import CharModel, Fit, SequenceModel, Training, baselines, belt_shares
from viz import plots

UPDATES = 700  # of the LSTM that learns to add
THREE: dict[str, Callable[[], nn.Module]] = {
    "LSTM": lambda: nn.LSTM(3, 4),
    "GRU": lambda: nn.GRU(3, 4),
    "RNN": lambda: nn.RNN(3, 4),
}
CELLS: dict[str, Callable[[], nn.Module]] = {
    **THREE,
    "SeparateLSTM": lambda: nn.LSTM(3, 4, cell=nn.SeparateLSTMCell),
    "PeepholeLSTM": lambda: nn.LSTM(3, 4, cell=nn.PeepholeLSTMCell),
    "CoupledLSTM": lambda: nn.LSTM(3, 4, cell=nn.CoupledLSTMCell),
    "ProjectedLSTM": lambda: nn.LSTM(3, 4, proj_size=2),
    "LayerNormLSTM": lambda: nn.LSTM(3, 4, cell=nn.LayerNormLSTMCell),
    "ClippedLSTM": lambda: nn.LSTM(3, 4, cell=partial(nn.ClippedLSTMCell, clip=3.0)),
    "CandidateDropoutLSTM": lambda: nn.LSTM(3, 4, cell=nn.CandidateDropoutLSTMCell),
    "ResetBeforeGRU": lambda: nn.GRU(3, 4, cell=nn.ResetBeforeGRUCell),
    "ActivatedLSTM, hard sigmoids": lambda: nn.LSTM(3, 4, cell=partial(nn.ActivatedLSTMCell, gate="hard_sigmoid")),
    "ActivatedGRU, a softsign": lambda: nn.GRU(3, 4, cell=partial(nn.ActivatedGRUCell, candidate="softsign")),
    "ActivatedResetBeforeGRU": lambda: nn.GRU(
        3, 4, cell=partial(nn.ActivatedResetBeforeGRUCell, gate="hard_sigmoid", candidate="relu")
    ),
    "ActivatedRNN, an elu": lambda: nn.RNN(3, 4, nonlinearity="elu", cell=nn.ActivatedRNNCell),
    "LayerNormGRU": lambda: nn.GRU(3, 4, cell=nn.LayerNormGRUCell),
    "MGU, which has no template": lambda: nn.GRU(3, 4, cell=nn.MGUCell),
    "a cell of your own": lambda: nn.RNN(3, 4, cell=LeakyCell),
}
WRAPPED: dict[str, Callable[[], nn.Module]] = {
    "Zoneout": lambda: nn.LSTM(3, 4, cell=lambda *a, **k: nn.Zoneout(nn.LSTMCell(*a, **k), c=0.5, h=0.05)),
    "WeightDrop": lambda: nn.LSTM(3, 4, cell=lambda *a, **k: nn.WeightDrop(nn.LSTMCell(*a, **k), 0.5)),
    "RecurrentDropout": lambda: nn.LSTM(3, 4, cell=lambda *a, **k: nn.RecurrentDropout(nn.LSTMCell(*a, **k), 0.3)),
    "LockedDropout between two layers": lambda: nn.LSTM(3, 4, num_layers=2, dropout=nn.LockedDropout(0.3)),
    "MinGRU": lambda: nn.MinGRU(3, 4),
    "MinLSTM": lambda: nn.MinLSTM(3, 4),
}


class LeakyCell(nn.Cell):
    """h' = 0.9 h + tanh(W x + U h): there is no template for it."""

    carried = ("h",)

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size)
        self.W = nn.Parameter(nn.init.glorot(hidden_size, input_size))
        self.U = nn.Parameter(nn.init.orthogonal(hidden_size))

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        """The next h."""
        h = tg.tag(h, "carry") * 0.9 + tg.tanh(tg.linear(x, self.W) + tg.linear(h, self.U))
        tg.label(h=h)
        return h


def louder() -> nn.Module:
    """An RNN whose U makes every step 1.5 times as large."""
    layer = nn.RNN(3, 4)
    layer.layers[0].U.data *= 1.5
    return layer


Run: TypeAlias = tuple[tg.Tensor, nn.Trajectory]


def build(make: Callable[[], nn.Module], seed: int = 0) -> Any:
    """A layer with the random weights of a seed."""
    tg.manual_seed(seed)
    layer = make()
    for name, parameter in layer.named_parameters():
        if name.split(".")[-1].startswith("p_"):
            parameter.data = np.full(parameter.shape, 0.5, parameter.dtype)  # peepholes start at 0
    return layer


def run(layer: Any, T: int, every: bool = False, scale: float = 2, **options: Any) -> Run:
    """Unroll a layer over random inputs: the loss, and what there is to draw."""
    tg.manual_seed(0)
    trajectory = layer.unroll(scale * tg.randn(T, 2, 3), **options)
    return ((trajectory.output if every else trajectory.steps[-1].h) ** 2).sum(), trajectory


def twice() -> tg.Tensor:
    """(tanh(w x) + x)²: x is read twice, and so its gradient is a sum."""
    w, x = tg.tensor(0.8, requires_grad=True), tg.tensor(1.5, requires_grad=True)
    tg.label(w=w, x=x)
    return (tg.tanh(w * x) + x) ** 2


def of_players() -> Iterator[Card]:
    """Pages that step through both passes."""
    for name, make in THREE.items():
        steps = run(build(make), 3)
        yield play(name, viz.gradient_paths(*steps, theme="auto"), *steps)
    yield play("a small graph, in which x is read twice", viz.draw(twice(), theme="auto"), twice())


def of_gradients() -> Iterator[Card]:
    """More pictures of a gradient's paths."""
    runs = {name: run(build(THREE[name]), 12) for name in ("RNN", "GRU", "LSTM")}
    yield picture("three cells on one scale", viz.compare, runs, view="cell", fold=None)
    loss, trajectory = run(build(THREE["LSTM"]), 3)
    yield picture("the strongest path", viz.gradient_paths, loss, trajectory, strongest=trajectory.steps[0].h)
    vanishing = run(build(THREE["RNN"]), 50)
    yield picture("a gradient that vanishes, step by step", viz.gradient_paths, *vanishing, view="strip", fold=None)
    exploding = run(build(louder), 30, scale=1e-9)
    yield picture("a gradient that explodes, step by step", viz.gradient_paths, *exploding, view="strip", fold=None)
    yield picture("a GRU's graph, laid out by dot", viz.gradient_paths, *run(build(THREE["GRU"]), 2), engine="dot")
    for name, make in THREE.items():
        yield picture(f"conserved flow, {name}", viz.flow, *run(build(make), 3))
    for name, make in THREE.items():
        pair = run(build(make), 3), run(build(make, 1), 3)
        yield picture(f"the difference of two random starts, {name}", viz.difference, *pair, names=("one", "other"))


def of_training() -> Iterator[Card]:
    """Before training and after it: an LSTM that learns to add two numbers, another that learns to read."""
    tg.manual_seed(0)
    task, T = adding(30), 30
    model, x = SequenceModel(task, 16), task.batch(16, rng=1).inputs
    before = copy.deepcopy(model)
    Training(model, task, UPDATES, measure_every=UPDATES).run()
    runs: dict[str, Run] = {}
    for name, one in (("before", before), ("after", model)):
        answers, trajectory = one.unroll(x)
        runs[name] = answers.sum(), trajectory
    yield picture("learning to add: one scale", viz.compare, runs)
    yield picture("learning to add: what changed", viz.difference, runs["before"], runs["after"])
    shares = {name: belt_shares(one, x, range(T - 1))[0] for name, one in (("before", before), ("after", model))}
    yield plot("learning to add: how much stays on the belt", plots.belt_shares, shares)
    text = Path(__file__).read_text(encoding="utf-8")
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text)
    train, validation = numbers[:-2000], numbers[-2000:]
    fit = Fit(CharModel(len(vocabulary), 32, 16), train, validation, updates=120, measure_every=20, batch=16)
    list(fit)
    lines = {"unigram": baselines.unigram(train, validation, len(vocabulary))}
    yield plot("learning to read this script", plots.training_curve, fit.history, lines)


def of_layers() -> Iterator[Card]:
    """Several layers, two directions, sequences of several lengths, history that is cut."""
    yield picture("two layers", viz.gradient_paths, *run(nn.LSTM(3, 4, num_layers=2), 3))
    yield picture("two directions", viz.gradient_paths, *run(nn.LSTM(3, 4, bidirectional=True), 3, every=True))
    deep = run(nn.GRU(3, 4, num_layers=2, bidirectional=True), 2, every=True)
    yield picture("two layers, two directions", viz.gradient_paths, *deep)
    yield picture("lengths 4 and 2", viz.gradient_paths, *run(nn.LSTM(3, 4), 4, every=True, lengths=[4, 2]))
    layer = nn.LSTM(3, 4)
    state = tuple(part.detach() for part in run(layer, 3)[1].state)
    yield picture("a window of truncated BPTT", viz.gradient_paths, *run(layer, 3, state=state))
    yield picture("one module collapsed", viz.draw, run(nn.LSTM(3, 4, num_layers=2), 3)[0], collapse=["layers.0"])


def of_wrappers() -> Iterator[Card]:
    """Cells around cells, and those whose gates see only x."""
    for name, make in WRAPPED.items():
        yield picture(name, viz.gradient_paths, *run(build(make), 3))
    output, _ = build(lambda: nn.Residual(nn.GRU(3, 3)))(tg.randn(3, 2, 3))
    yield picture("Residual around a GRU, every operation", viz.draw, (output[-1] ** 2).sum())


def of_cell(make: Callable[[], nn.Module]) -> Iterator[Card]:
    """Every view of one cell."""
    layer = build(make)
    short, middle, long = run(layer, 3), run(layer, 16), run(layer, 50)
    yield picture("the values", viz.draw, short[1])
    yield picture("where the gradient goes", viz.gradient_paths, *short)
    yield picture("50 steps, folded", viz.gradient_paths, *long)
    yield picture("a strip of 16 steps", viz.gradient_paths, *middle, view="strip", fold=None)
    yield picture("rolled", viz.gradient_paths, *middle, view="rolled")
    yield picture("every operation", viz.gradient_paths, *short, view="op")
    yield picture("every operation, 50 steps", viz.draw, long[0])


def of_plots() -> Iterator[Card]:
    """Plots of runs, by matplotlib."""
    text = "hello world, hello gradient"
    loss, trajectory = run(build(lambda: nn.LSTM(3, 8)), len(text), every=True)
    cell: Any = trajectory.chains[0].cell
    steps = trajectory.steps
    yield plot("gates", plots.gates, trajectory, text=text)
    yield plot("gradient by lag", plots.gradient_by_lag, {name: run(build(make), 40) for name, make in THREE.items()})
    lags = tg.paths.lag_matrix([(step.h**2).sum() for step in steps], list(cell.parameters()))
    yield plot("lag matrix", plots.lag_matrix, lags)
    yield plot("ledger", plots.ledger, tg.paths.ledger(loss, cell.U))
    yield plot("shares", plots.shares, tg.paths.routes(loss, [step.c for step in steps]))
    for name, make in THREE.items():
        yield plot(f"eigenvalues of U, {name}", plots.eigenvalues, build(make).layers[0])
    yield plot("half-lives", plots.half_lives, {"LSTM": tg.paths.horizon(loss, trajectory)})


def sections() -> Iterator[Section]:
    """The gallery's headings and what is under them."""
    yield "Step through it", "Pages that play both passes, one event of the engine at a time.", of_players()
    yield "Where the gradient went", "Three cells, the same inputs, the same loss.", of_gradients()
    yield "Before and after training", "An LSTM that learns to add two numbers 30 steps apart.", of_training()
    yield "Layers, directions, lengths", "What is stacked, reversed, masked or cut.", of_layers()
    yield "Wrappers and scans", "Cells around cells, and cells whose gates see only x.", of_wrappers()
    yield "Plots", "With matplotlib, in both themes.", of_plots()
    for name, make in CELLS.items():
        yield name, "", of_cell(make)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw every view for every cell into one folder.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("gallery"))
    parser.add_argument("--beside", type=Path, metavar="OTHER", help="a gallery to compare with, picture by picture")
    arguments = parser.parse_args()
    if arguments.beside and not (arguments.beside / "index.html").is_file():
        parser.error(f"there is no gallery in {arguments.beside}")
    if arguments.beside and arguments.beside.resolve() == arguments.folder.resolve():
        parser.error(f"{arguments.beside} would be drawn anew: give the new gallery another folder")
    show(sections(), arguments.folder, arguments.beside)
