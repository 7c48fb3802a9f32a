"""The plots say what was measured: every fact is read back from the Axes and compared with the engine's own numbers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, MissingExtraError
from tinygrad_lstm.training import BeltShare, Update
from viz import plots
from viz.plots.canvas import looks
from viz.style.theme import theme_of

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # it was just asked for
from matplotlib.text import Text

from tests.support.plots import UPDATES, run, saved


def test_a_training_curve_has_every_update_and_every_measure() -> None:
    ax = plots.training_curve(UPDATES, {"costs $2 or $3": 4.5})
    training, validation, baseline = ax.get_lines()
    np.testing.assert_array_equal(training.get_ydata(), [update.bits for update in UPDATES])
    np.testing.assert_array_equal(np.transpose([np.asarray(part) for part in validation.get_data()]), [[3, 4.0]])
    assert set(np.asarray(baseline.get_ydata())) == {4.5}
    assert [text.get_text() for text in ax.texts] == ["costs $2 or $3 4.50"]
    saved(ax)


@pytest.mark.parametrize(
    ("validation", "kept"),
    [((None, 4.0, None, 3.0, None), 4), ((None, 3.0, None, 3.5, 3.2), 2), ((3.0, 3.0), 1), ((None, None, None), 3)],
)
def test_the_test_text_is_a_point_at_the_weights_that_were_kept(
    validation: tuple[float | None, ...], kept: int
) -> None:
    history = [Update(k, 5.0, 1.0, bits) for k, bits in enumerate(validation, start=1)]
    ax = plots.training_curve(history, test=2.5)
    point = next(line for line in ax.get_lines() if str(line.get_label()).startswith("test"))
    assert (np.asarray(point.get_xdata()).tolist(), np.asarray(point.get_ydata()).tolist()) == ([kept], [2.5])
    named = ax.get_legend_handles_labels()[1]
    assert named == ["training text", "validation text", "test text 2.50"]
    saved(ax)


def test_belt_shares_draws_every_run() -> None:
    runs = {f"run {k}": [BeltShare(lag, 0.1, 0.9 - lag / 10) for lag in range(k + 2)] for k in range(5)}
    lines = plots.belt_shares(runs).get_lines()[:-1]  # the last is zero
    assert [len(np.asarray(line.get_xdata())) for line in lines] == [2, 3, 4, 5, 6]
    against = [BeltShare(0, 1.0, 1.3), BeltShare(1, 0.1, -0.4)]  # a part can work against the whole
    low, high = plots.belt_shares({"one": against}).get_ylim()
    assert low < -0.4
    assert high > 1.3
    with pytest.raises(ArgumentError, match="not an empty list under 'run 5'"):
        plots.belt_shares({"run 5": []})


def every_plot() -> dict[str, Callable[..., Any]]:
    layer, trajectory, loss = run()
    matrix = tg.paths.lag_matrix([(h**2).sum() for h in trajectory.output], list(layer.parameters()))
    routes = tg.paths.routes(loss, [step.c for step in trajectory.steps])
    book = tg.paths.ledger(loss, layer.layers[0].U)
    _, weights = nn.MultiheadAttention(4, 2)(np.ones((3, 1, 4)))
    descents = {"$\\no math$": [(0.5, 0.5), (0.0, 0.0)]}
    return {
        "gates": lambda **options: plots.gates(trajectory, "f", text="letters", **options)[0],
        "gradient_by_lag": lambda **options: plots.gradient_by_lag({"$\\no math$": (loss, trajectory)}, **options),
        "lag_matrix": lambda **options: plots.lag_matrix(matrix, **options),
        "ledger": lambda **options: plots.ledger(book, **options),
        "shares": lambda **options: plots.shares(routes, **options),
        "eigenvalues": lambda **options: plots.eigenvalues(layer.layers[0].U, "fiog", **options),
        "half_lives": lambda **options: plots.half_lives({"</text><script>": [1.0, 2.0]}, **options),
        "attention": lambda **options: plots.attention(weights, queries=["<b>", "$x", "c"], **options)[0],
        "scores": lambda **options: plots.scores({"</text><script>": {1: 0.5, 2: 1.0}}, x="$\\no math$", **options),
        "surface": lambda **options: plots.surface(lambda x, y: x * y, (0, 1), (0, 1), descents, **options),
        "training_curve": lambda **options: plots.training_curve(UPDATES, {"unigram": 4.5}, **options),
        "belt_shares": lambda **options: plots.belt_shares({"$\\no math$": [BeltShare(0, 1.0, 1.0)]}, **options),
    }


PLOTS = every_plot()


def contrast(one: Any, other: Any) -> float:
    """The ratio of luminances that WCAG 2 asks for."""
    from matplotlib.colors import to_rgb

    linear = [np.where((c := np.array(to_rgb(x))) <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
              for x in (one, other)]  # fmt: skip
    low, high = sorted(float(x @ (0.2126, 0.7152, 0.0722)) for x in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PLOTS)
def test_every_word_can_be_read_on_the_paper(name: str, theme: Literal["light", "dark"]) -> None:
    ax = PLOTS[name](theme=theme)
    figure = ax.get_figure()
    ElementTree.fromstring(saved(ax).decode())  # well-formed, whatever the names
    paper = theme_of(theme).paper
    assert contrast(figure.get_facecolor(), paper) == pytest.approx(1)
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert texts
    least = {text.get_text(): contrast(text.get_color(), paper) for text in texts}
    assert all(ratio >= 4.5 for ratio in least.values()), least


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_draws_on_axes_of_ones_own(name: str) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert PLOTS[name](ax=left) is left
    assert left.has_data()
    assert not right.has_data()
    assert len(figure.axes) <= 3  # the lag matrix has a scale beside it


def test_names_are_all_there() -> None:
    assert set(PLOTS) | {"axes", "save"} == set(plots.__all__)


def test_thirty_looks_differ_and_three_of_them_in_every_way() -> None:
    thirty = [look for look, _ in zip(looks("light"), range(30), strict=False)]
    assert len(set(thirty)) == 30
    assert len({look.dash for look in thirty[:5]}) == len({look.hatch for look in thirty[:5]}) == 5
    assert len({look.colour for look in thirty[:6]}) == 6


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for plot in PLOTS.values():
        with pytest.raises(MissingExtraError, match=r'^plots need: pip install "tinygrad-lstm\[viz\]"') as caught:
            plot()
        assert isinstance(caught.value, ImportError)
        assert "\n" not in str(caught.value)


def test_matplotlib_is_imported_when_something_is_drawn_and_pyplot_never() -> None:
    script = """
import sys
from viz import plots
print("matplotlib" in sys.modules)
plots.half_lives({"a": [1.0, 2.0]}).figure.canvas.draw()
print("matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "True", "False"]


@pytest.mark.parametrize(
    "name", ["$x_{$", "$\\frac$", "a\nb", "nul\x00 \ud800 \u202e", "<b>&amp;", "\\N", ""], ids=ascii
)
def test_names_are_text_in_every_plot(name: str) -> None:
    layer, trajectory, loss = run()
    U = layer.layers[0].U
    tg.label(**{name: U})
    axes = [
        plots.gradient_by_lag({name: (loss, trajectory)}), plots.half_lives({name: [1.0, 2.0]}),
        plots.ledger(tg.paths.ledger(loss, U)), plots.training_curve(UPDATES, {name: 3.0}),
        plots.eigenvalues(np.eye(4), [name]),
    ]  # fmt: skip
    for ax in axes:
        assert ElementTree.fromstring(saved(ax)).tag.endswith("svg")


@pytest.mark.parametrize(("name", "start"), [("x.svg", b"<?xml"), ("x.PNG", b"\x89PNG"), ("x.pdf", b"%PDF")])
def test_a_plot_is_saved_whole(name: str, start: bytes, tmp_path: Path) -> None:
    ax = plots.training_curve(UPDATES)
    plots.save(ax, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    ax.remove()
    with pytest.raises(ArgumentError, match="on no figure any more"):
        plots.save(ax, tmp_path / "y.svg")
    assert not (tmp_path / "y.svg").exists()
