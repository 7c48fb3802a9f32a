"""The architecture: the shapes of its weights, its six equations, and the pseudocode, against NumPy written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.lab.cells import sigmoid
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, exactly

section = Section("equations", "LSTM architecture")
Array = np.ndarray
D, H, B, T = 5, 7, 3, 9
SWAPPED = (1, 0, 3, 2)  # f, i, o, g read as i, f, g, o


def separate_cell(run: Run) -> nn.SeparateLSTMCell:
    """A cell with a matrix for each gate, and biases that are not 0."""
    cell = nn.SeparateLSTMCell(D, H)
    for name, weight in cell.named_parameters():
        if name.startswith("b_"):
            weight.data = run.rng.standard_normal(H)
    return cell


def combined_cell(cell: nn.SeparateLSTMCell, swapped: bool) -> nn.LSTMCell:
    """The same weights in one stack for all gates; or, broken, in the order of another library."""
    combined = cell.combined()
    for weight in combined.parameters() if swapped else ():
        weight.data = reordered(weight.data)
    return combined


def reordered(stack: Array) -> Array:
    """Blocks in the order i, f, g, o, as PyTorch has them."""
    return np.concatenate([np.split(stack, 4)[k] for k in SWAPPED])


def six_equations(weights: dict[str, Any], x: Array) -> dict[str, Array]:
    """The canonical equations as the notes write them: each value at every step, by name."""
    h, c, steps = np.zeros((B, H)), np.zeros((B, H)), []
    for x_t in x:
        f, i, candidate, o = (x_t @ weights[f"W_{k}"].T + h @ weights[f"U_{k}"].T + weights[f"b_{k}"] for k in "fico")
        f, i, g, o = sigmoid(f), sigmoid(i), np.tanh(candidate), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        steps.append({"f": f, "i": i, "g": g, "c": c, "o": o, "h": h})
    return {name: np.array([step[name] for step in steps]) for name in steps[0]}


def pseudocode(W: Array, U: Array, b: Array, x: Array) -> Array:
    """The notes' short pseudocode, line by line; gives the last h."""
    h, C = np.zeros((B, H)), np.zeros((B, H))
    for t in range(len(x)):
        z = x[t] @ W.T + h @ U.T + b
        f, i, o, g = np.split(z, 4, axis=-1)
        f, i, o, g = sigmoid(f), sigmoid(i), sigmoid(o), np.tanh(g)
        C = f * C + i * g
        h = o * np.tanh(C)
    return h


def ops_of_a_step(cell: nn.Cell, x: Array) -> Counter[str]:
    """How often each op runs in one step: the graph of three steps less that of two."""
    three, two = (Counter(v.op for v in tg.graph_of(nn.unroll(cell, x[:n]).state).vertices) for n in (3, 2))
    return three - two


@section.identity("A1", "An LSTM maintains two things, a cell state C and a hidden state h.", broken=["h alone"])
def two_things_are_kept(run: Run) -> None:
    """A run cut in two goes on bit for bit from (h, C), and differently from h alone."""
    lstm, x = nn.LSTM(3, 6), run.rng.standard_normal((12, 4, 3))
    whole, _ = lstm(x)
    _, (h, c) = lstm(x[:6])
    forgotten = tg.zeros_like(c)
    goes_on, _ = lstm(x[6:], (h, forgotten if run.is_broken("h alone") else c))
    without, _ = lstm(x[6:], (h, forgotten))
    run.compare("going on from h and C", goes_on, whole[6:], within=0)
    run.expect("going on from h alone, off by", float(np.abs(without.data - whole.data[6:]).max()), above(0.01))


@section.count(
    "N1", "W_f is (H, D), U_f (H, H), b_f (H); the combined W is (4H, D), U (4H, H), b (4H).", broken=["coupled"]
)
def shapes_are_as_written(run: Run) -> None:
    """D = 5, H = 7, a batch of 3."""
    cell = nn.SeparateLSTMCell(D, H)
    combined = nn.CoupledLSTMCell(D, H) if run.is_broken("coupled") else cell.combined()
    assert combined.b is not None
    separate = cell.state_dict()
    shapes = [separate[name].shape for name in ("W_f", "U_f", "b_f")]
    shapes += [combined.W.shape, combined.U.shape, combined.b.shape]
    run.expect("W_f, U_f, b_f, W, U, b", shapes, exactly([(H, D), (H, H), (H,), (4 * H, D), (4 * H, H), (4 * H,)]))
    run.expect("h and C", [part.shape for part in cell(np.zeros((B, D)))], exactly([(B, H), (B, H)]))


@section.identity("E1", "The six canonical LSTM equations.", broken=["gate order"], topic="six equations")
def the_six_equations(run: Run) -> None:
    """Every gate and both states at every step, of separate and of combined weights: NumPy by hand gives the same."""
    cell, x = separate_cell(run), run.rng.standard_normal((T, B, D))
    by_hand = six_equations(cell.state_dict(), x)
    separate, combined = nn.unroll(cell, x), nn.unroll(combined_cell(cell, run.is_broken("gate order")), x)
    for name, wanted in by_hand.items():
        run.compare(f"{name}, separate and combined", [separate[name].data, combined[name].data], [wanted, wanted])
    short = nn.LSTM(2, 3).unroll(run.rng.standard_normal((1, 1, 2)))
    run.draw(viz.draw, short, view="cell")


@section.identity("E2", "The combined matrices compute the same as separate ones.", broken=["gate order"])
def combined_is_separate(run: Run) -> None:
    """The outputs, and the gradients of W, U and b gate by gate."""
    cell, x = separate_cell(run), run.rng.standard_normal((T, B, D))
    combined = combined_cell(cell, run.is_broken("gate order"))
    for each in (cell, combined):
        done = nn.unroll(each, x)
        ((done.output**2).sum() + done.state[1].sum()).backward()
    run.compare("outputs", nn.unroll(combined, x).output, nn.unroll(cell, x).output)
    for letter in "WUb":
        stacked = np.concatenate([getattr(cell, f"{letter}_{gate}").grad.data for gate in "fioc"])
        run.compare(f"dL/d{letter}", getattr(combined, letter).grad, stacked)


@section.count(
    "E3", "LSTM gates are sigmoid units; the candidate uses tanh.", broken=["a GRU"],
    correction="Three of the four are gates, f, i and o, with values in (0, 1); the candidate is none. "
    '"Four gates" is only how their matrices are stacked.',
)  # fmt: skip
def three_sigmoids_two_tanh(run: Run) -> None:
    """The ops of one step: a sigmoid for f, i and o, a tanh for the candidate and for C."""
    cell = nn.GRUCell(D, H) if run.is_broken("a GRU") else nn.LSTMCell(D, H)
    ops = ops_of_a_step(cell, run.rng.standard_normal((3, B, D)))
    run.expect("sigmoids, tanhs", [ops["sigmoid"], ops["tanh"]], exactly([3, 2]))


@section.identity("I5", "The pseudocode: z = W x + U h + b; f, i, o, g = split(z); C and h.", broken=["gate order"])
def the_pseudocode_is_the_layer(run: Run) -> None:
    """Run as it is written, it ends at the same h as the library's cell."""
    cell, x = separate_cell(run), run.rng.standard_normal((T, B, D))
    combined = combined_cell(cell, run.is_broken("gate order"))
    assert combined.b is not None
    run.compare(
        "h after the last step",
        pseudocode(combined.W.data, combined.U.data, combined.b.data, x),
        nn.unroll(cell, x).state[0],
    )


@section.identity(
    "I5'", "The order of the split is a convention.", broken=["the same order"],
    correction="PyTorch stacks i, f, g, o, and the notes f, i, o, g. Weights that are read in the wrong order give "
    "another function, and no error.",
)  # fmt: skip
def the_order_is_a_convention(run: Run) -> None:
    """The same weights, read as f, i, o, g and as i, f, g, o: the last h differs."""
    x = run.rng.standard_normal((T, B, D))
    W, U, b = (run.rng.standard_normal(shape) for shape in ((4 * H, D), (4 * H, H), (4 * H,)))
    read: Callable[[Array], Array] = np.asarray if run.is_broken("the same order") else reordered
    apart = np.abs(pseudocode(W, U, b, x) - pseudocode(read(W), read(U), read(b), x)).max()
    run.expect("largest difference in h", float(apart), above(0.1))
