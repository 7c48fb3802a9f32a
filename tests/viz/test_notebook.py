"""A real notebook, in a real kernel: every kind of object as the last line of a cell, and no red text anywhere."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import tinygrad_lstm
import viz
from tests.support.notebooks import Output, check_for_red_text, executed

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib.font_manager")  # it looks for fonts here, so that no kernel says that it does

SETUP = r"""
import warnings
warnings.filterwarnings("error", module=r"(tinygrad_lstm|viz)\b")
import matplotlib.pyplot as plt, numpy as np, tinygrad_lstm as tg, viz
from tinygrad_lstm import lab, learn, nn, optim, paths
from tinygrad_lstm.training import BeltShare, Update
from viz import plots
tg.manual_seed(0)
layer = nn.LSTM(2, 3)
trajectory = layer.unroll(tg.randn(4, 1, 2))
loss = (trajectory.output ** 2).sum()
gru = nn.GRU(2, 3)
other = gru.unroll(tg.randn(4, 1, 2))
runs = {"LSTM": (loss, trajectory), "GRU": ((other.output ** 2).sum(), other)}
U, steps = layer.layers[0].U, trajectory.steps
x = tg.tensor(3.0, requires_grad=True)
y = x * x + x
"""
# What a cell ends in, by the kinds that a notebook gets of it
PICTURE, PAGE, PLOT, TABLE, WORDS = (
    {"text/plain", *kinds}
    for kinds in (("image/svg+xml", "text/html"), ("text/html",), ("image/png",), ("text/html",), ())
)
CELLS: dict[str, set[str]] = {
    "viz.draw(y)": PICTURE,
    **{f"viz.draw(trajectory, view={view!r})": PICTURE for view in ("cell", "strip", "rolled", "op")},
    **{f"viz.gradient_paths(loss, trajectory, view={view!r})": PICTURE for view in ("cell", "strip", "rolled", "op")},
    **{f"viz.gradient_paths(loss, trajectory, theme={theme!r})": PICTURE for theme in ("auto", "dark", "light")},
    "viz.draw(y, theme='auto')": PICTURE,
    "viz.flow(loss, trajectory)": PICTURE,
    "viz.compare(runs)": PICTURE,
    "viz.difference(runs['LSTM'], runs['LSTM'])": PICTURE,
    "viz.player(loss, trajectory)": PAGE,
    "viz.player(y)": PAGE,
    "plots.gates(trajectory, text='tanh')": PLOT,
    "plots.gradient_by_lag(runs)": PLOT,
    "plots.lag_matrix(paths.lag_matrix([step.h.sum() for step in steps], U))": PLOT,
    "plots.ledger(paths.ledger(loss, U))": PLOT,
    "plots.shares(paths.routes(loss, [step.c for step in steps]))": PLOT,
    "plots.eigenvalues(layer.layers[0])": PLOT,
    "plots.half_lives({'LSTM': paths.horizon(loss, trajectory)})": PLOT,
    "plots.training_curve([Update(1, 5.0, 1.0, 5.0), Update(2, 4.0, 1.0, 4.0)])": PLOT,
    "plots.belt_shares({'LSTM': [BeltShare(0, 1.0, 1.0), BeltShare(1, 0.5, 1.0)]})": PLOT,
    "plots.attention(nn.MultiheadAttention(2)(tg.randn(3, 1, 2))[1])": PLOT,
    "plots.axes()": PLOT,
    "paths.routes(loss, steps[0].c)": TABLE,
    "paths.ledger(loss, U)": TABLE,
    "paths.lag_matrix([step.h.sum() for step in steps], U)": TABLE,
    "paths.horizon(loss, trajectory)": TABLE,
    "paths.flow(loss, steps[0].c)": TABLE,
    "paths.state_jacobian(steps[-1].c, steps[0].c)": TABLE,
    "paths.strongest_path(loss, steps[0].c)": TABLE,
    "paths.depth(loss)": TABLE,
    "tg.memory(loss)": TABLE,
    "lab.claims['P6'].run()": TABLE,
    "tg.trace(y)": TABLE,
    "learn.show('0.1')": {"text/plain", "text/markdown"},
    "learn.hint('0.1')": TABLE,
    "learn.check('0.1', 3)": TABLE,
    "tg.explain_grad(loss, U)": WORDS,
    "tg.program(loss)": WORDS,
    "tg.graph_of(loss)": WORDS,
    "tg.graph_of(loss).vertices[0]": WORDS,
    "layer": WORDS,
    "layer.layers[0]": WORDS,
    "U": WORDS,
    "loss": WORDS,
    "tg.randn(50, 50)": WORDS,
    "trajectory": WORDS,
    "trajectory.chains[0]": WORDS,
    "steps[0]": WORDS,
    "optim.Adam(layer.parameters())": WORDS,
    "viz.describe(loss, trajectory)": WORDS,
    "try:\n    layer(tg.ones(4, 1, 7))\nexcept tg.errors.TinygradError as error:\n    words = error\nwords": WORDS,
}
OWN = "figure, mine = plt.subplots()\nplots.ledger(paths.ledger(loss, U), ax=mine)"
LAST = "print(*sorted({one.__name__ for value in Out.values() for one in type(value).__mro__}))"


def notebook() -> dict[str, Any]:
    """The notebook as its file has it, not yet run."""
    empty: dict[str, Any] = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    cells = [{**empty, "id": f"cell-{k}", "source": source} for k, source in enumerate([SETUP, *CELLS, OWN, LAST])]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.slow
def test_a_notebook_shows_every_kind_of_object(tmp_path: Path) -> None:
    """One test, so that one kernel is enough however many processes share the tests."""
    outputs = executed(notebook(), tmp_path)
    assert len(outputs) == len(CELLS) + 3
    check_for_red_text(outputs)
    for source in CELLS:
        check_kinds(source, outputs[source])
    check_own_axes(outputs[OWN])
    check_every_class(set("".join(outputs[LAST][0]["text"]).split()))
    check_ids([content(outputs[source])["text/html"] for source in CELLS if CELLS[source] is PICTURE])


def content(outputs: list[Output]) -> dict[str, str]:
    """What a cell's last line is shown as, by kind."""
    (output,) = outputs
    assert output["output_type"] == "execute_result"
    return {kind: "".join(value) for kind, value in output["data"].items()}


def check_kinds(source: str, outputs: list[Output]) -> None:
    """What a cell's last line is shown as is what such an object should be shown as."""
    shown = content(outputs)
    assert set(shown) == CELLS[source], source
    assert len(shown["text/plain"]) < 10_000, source
    if svg := shown.get("image/svg+xml"):
        assert ElementTree.fromstring(svg).tag.endswith("svg"), source
        assert shown["text/html"].count("<svg") == 1, source
    if png := shown.get("image/png"):
        assert png.startswith("iVBORw0KGgo"), source  # the beginning of every PNG, in base64
    if "player" in source:
        assert 'sandbox="allow-scripts"' in shown["text/html"]


def check_own_axes(outputs: list[Output]) -> None:
    """On Axes of one's own the figure is shown once, by matplotlib, at the end of the cell."""
    result, figure = outputs
    assert set(result["data"]) == {"text/plain"}
    assert "".join(result["data"]["text/plain"]).startswith("<Axes:")
    assert (figure["output_type"], "image/png" in figure["data"]) == ("display_data", True)


def check_every_class(seen: set[str]) -> None:
    """Every class that says how it is displayed is in the notebook."""
    modules = [
        importlib.import_module(found.name)
        for package in (tinygrad_lstm, viz)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.name.startswith(("tinygrad_lstm.cli", "tinygrad_lstm.__main__"))  # which need the extra "cli"
    ]
    classes = {one for module in modules for _, one in inspect.getmembers(module, inspect.isclass)}
    with_display = {
        one.__name__
        for one in classes
        if one.__module__.startswith(("tinygrad_lstm", "viz"))
        and any(name.startswith(("_repr_", "_tables")) for name in vars(one))
    }
    assert {"Picture", "Player", "StrongestPath", "Tabular"} <= with_display
    assert with_display <= seen


def check_ids(pages: list[str]) -> None:
    """No two pictures share one, unless they are equal."""
    shown = set(pages)
    ids = [name for html in shown for name in ids_of(html)]
    assert len(shown) > 12
    assert len(ids) > 1000
    assert len(ids) == len(set(ids))


def ids_of(html: str) -> list[str]:
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if name == "id")

    Reader().feed(html)
    return found
