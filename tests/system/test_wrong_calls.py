"""What a public function of paths, explain, viz and its plots says of an argument of another kind, at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError, TinygradError
from tinygrad_lstm.training import Update
from viz import plots


@cache
def run() -> dict[str, Any]:
    """One run, and a right argument for every name."""
    tg.manual_seed(0)
    layer = nn.LSTM(2, 3)
    trajectory = layer.unroll(tg.randn(4, 1, 2))
    loss = (trajectory.output**2).sum()
    losses, params = [(h**2).sum() for h in trajectory.output], list(layer.parameters())
    return {
        "loss": loss, "trajectory": trajectory, "wrt": trajectory.steps[0].c, "params": params[0], "losses": losses,
        "source": trajectory.steps[0].c, "y": trajectory.steps[3].c, "x": trajectory.steps[1].c, "U": params[1],
        "tensor": trajectory.steps[0].c, "param": params[0], "tensors": loss, "f": trajectory["f"], "what": "carry",
        "matrix": paths.lag_matrix(losses, params), "book": paths.ledger(loss, params[0]), "weight": 0.5,
        "A": nn.MultiheadAttention(4)(tg.ones(3, 1, 4))[1],
        "U, None": [params[1], None], "three": 3, "text": "a", "history": [Update(1, 5.0, 1.0, None)],
        "routes": paths.routes(loss, trajectory.steps[0].c), "one": (loss, trajectory), "other": (loss, trajectory),
    }  # fmt: skip


FUNCTIONS: dict[Callable[..., Any], str] = {
    paths.routes: "loss wrt", paths.ledger: "loss params", paths.flow: "loss source",
    paths.lag_matrix: "losses params", paths.state_jacobian: "y x", paths.horizon: "loss trajectory",
    paths.strongest_path: "loss tensor", paths.half_life: "f", paths.cut: "what", paths.edge_weight: "what weight",
    tg.program: "loss", tg.trace: "loss", tg.explain_grad: "loss param", tg.graph_of: "tensors",
    viz.gradient_paths: "loss trajectory", viz.describe: "loss trajectory", viz.flow: "loss trajectory",
    viz.player: "loss", viz.difference: "one other", viz.compare: "runs",
    plots.gates: "trajectory", plots.lag_matrix: "matrix", plots.ledger: "book", plots.shares: "routes",
    plots.eigenvalues: "U", plots.half_lives: "runs", plots.gradient_by_lag: "runs", plots.belt_shares: "runs",
    plots.training_curve: "history", plots.attention: "A",
}  # fmt: skip
OPTIONS: dict[Callable[..., Any], dict[str, tuple[Any, ...]]] = {
    paths.routes: {"max_crossings": (-1, 1.5, np.nan, "a", None, True), "gate": (3, ["f"]), "crossing": ("belt", 3)},
    paths.horizon: {"chain": (1.0, "a", None, 7, -2)},
    paths.flow: {"direction": ("a", object(), [[1], [1, 2]], np.ones(7))},
    paths.edge_weight: {"weight": (np.nan, np.inf, "a", None, True, [1])},
    tg.trace: {"max_rows": (1, 0, 2.5, "all", np.nan)},
    viz.gradient_paths: {"view": (3, None, "cells", ["cell"]), "depth": (-1, 1.5, "a"), "collapse": (3, None, [3]),
                         "chain": (1.0, "top", 5), "strongest": (3, "c"), "theme": (None, "pink", ["light"]),
                         "fold": (3, "some", [0], [1.5])},
    viz.describe: {"chain": ("top", 5)}, viz.player: {"trajectory": (3, "a", []), "chain": ("a", 1.5)},
    viz.flow: {"source": (3, "c"), "direction": ("a",), "view": ("op", 3), "theme": (3,)},
    viz.difference: {"names": (3, "ab", ("a",), [1, 2]), "view": ("op",), "theme": (0,)},
    plots.gates: {"names": (3, [3], "q", []), "row": (1.5, 9, "a"), "chain": (9, "a"), "sort": (3, "q"),
                  "text": (3, "a", [3]), "signal": ("a", np.ones(2), object()), "theme": ("pink", 3), "ax": (3, "a")},
    plots.lag_matrix: {"ax": (3, "a", []), "theme": (3,)}, plots.ledger: {"ax": (3,), "theme": ({},)},
    plots.shares: {"steps": (3, "a", ["a"], [1.5], []), "ax": (3,)}, plots.eigenvalues: {"gates": (3, [3], ["a", "b"])},
    plots.training_curve: {"test": ("a", np.nan, [1.0])},
    plots.attention: {"loss": (3, "a"), "row": (1.5, 9, -1), "head": (9, "a"), "queries": (3, ["a"]),
                      "keys": (3, ["a"]), "theme": ("pink",), "ax": (3, "a")},
}  # fmt: skip
WRONG: dict[str, Any] = {
    "None": lambda: None, "int": lambda: 3, "nan": lambda: np.nan, "text": lambda: "loss", "empty": list, "dict": dict,
    "Trajectory": lambda: run()["trajectory"], "chain": lambda: run()["trajectory"].chains[0], "class": lambda: nn.LSTM,
    "list of ints": lambda: [1, 2], "array": lambda: np.array(["a"]), "objects": lambda: np.array([None, 3]),
    "tensor": lambda: tg.ones(2, requires_grad=True) * 2, "layer": lambda: nn.Linear(2, 2), "set": set,
    "list with None": lambda: [run()["loss"], None], "run in a list": lambda: [(run()["loss"], run()["trajectory"])],
    "swapped run": lambda: (run()["trajectory"], run()["loss"]), "names": lambda: {"a": 3},
    "empty run": lambda: {"a": []},
}  # fmt: skip
FITS = {  # what is right for some
    ("tensors", "tensor"), ("weight", "int"), ("weight", "class"),
    ("what", "class"), ("what", "layer"), ("weight", "layer"), ("f", "empty"),
}  # fmt: skip


def refused(function: Callable[..., Any], arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(TinygradError) as caught:
        function(**arguments)
    assert re.search(words, str(caught.value)), caught.value


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    ("function", "name"), [(function, name) for function, names in FUNCTIONS.items() for name in names.split()],
    ids=lambda part: part if isinstance(part, str) else f"{part.__module__}.{part.__name__}",
)  # fmt: skip
def test_an_argument_of_another_kind(function: Callable[..., Any], name: str, wrong: str) -> None:
    value = WRONG[wrong]()
    is_fit = (function, wrong) == (plots.half_lives, "names")  # a half-life of 3 steps
    is_tensor_asked = name in ("wrt", "params", "param", "source", "y", "x", "tensor")
    if (
        is_fit
        or (name, wrong) in FITS
        or (name, wrong) == ("trajectory", "Trajectory")
        or (wrong == "tensor" and is_tensor_asked)
    ):
        return  # it fits, or is for another test
    given = {each: run()[each] for each in FUNCTIONS[function].split() if each in run()}
    refused(function, given | {name: value}, rf"{function.__name__}\(|U is|U has|half-lives are numbers")


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [(function, name, value) for function, options in OPTIONS.items() for name in options for value in options[name]],
    ids=lambda part: repr(part)[:20] if not callable(part) else f"{part.__module__}.{part.__name__}",
)  # fmt: skip
def test_an_option_of_another_kind(function: Callable[..., Any], name: str, value: Any) -> None:
    given = {each: run()[each] for each in FUNCTIONS[function].split() if each in run()}
    refused(function, given | {name: value}, "")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda r: paths.lag_matrix(r["loss"], r["trajectory"]), DtypeError,
         r"lag_matrix\(losses, params\) takes a list of losses, .* as losses, not a tensor of shape \(\)"),
        (lambda r: plots.half_lives(r["trajectory"]), DtypeError, r"half_lives\(runs\) takes .*, not a Trajectory"),
        (lambda r: paths.routes(r["trajectory"], r["loss"]), DtypeError,
         r"routes\(loss, wrt\) takes a tensor of one number as loss, not a Trajectory"),
        (lambda r: paths.routes(r["trajectory"].output, r["wrt"]), ShapeError, r"\(4, 1, 3\): reduce it with .sum"),
        (lambda r: paths.routes(r["loss"], []), ArgumentError, "as wrt, not an empty list"),
        (lambda r: paths.ledger(r["loss"], r["U, None"]), DtypeError, "not a list with None in it"),
        (lambda r: r["matrix"].truncated(1.5), ArgumentError, r"LagMatrix.truncated\(k\) takes a whole number"),
        (lambda r: r["matrix"].bias("a"), DtypeError, "not the text 'a'"),
        (lambda r: r["matrix"].smallest_k(np.nan), ArgumentError, "a finite number as tolerance, not the number nan"),
        (lambda r: r["routes"].at("a"), DtypeError, r"Routes.at\(s\) takes a finite number"),
        (lambda r: paths.flow(r["loss"], r["source"]).cut(-1), ArgumentError, "at least 0, as t, not the number -1"),
        (lambda r: paths.edge_class(r["loss"]), DtypeError, r"edge_class\(edge, graph\) takes an edge"),
        (lambda r: paths.edge_class(tg.graph_of(r["loss"]).edges[0]), DtypeError, "the graph that the edge is of"),
        (lambda r: tg.graph_of(r["loss"]).id_of(tg.ones(1)), ArgumentError, "has no vertex for constant"),
        (lambda r: tg.program(r["loss"]).run(W="a"), DtypeError, "as W, not the text 'a'"),
        (lambda r: viz.draw(r["three"]), DtypeError, "draw takes tensors"),
        (lambda r: viz.draw(r["loss"], depth=r["text"]), DtypeError, "as depth, not the text 'a'"),
        (lambda r: plots.axes(width=-1), ArgumentError, "inches above 0"),
    ],
)  # fmt: skip
def test_the_words(call: Callable[[dict[str, Any]], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(run())


def test_python_itself_names_a_function_that_lacks_an_argument() -> None:
    with pytest.raises(TypeError, match=r"routes\(\) missing 1 required positional argument: 'wrt'"):
        paths.routes(run()["loss"])
