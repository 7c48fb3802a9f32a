"""The demo's pictures: the player, the gradient's paths, the graph, the learning curve, and gradients by lag."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import viz
from tinygrad_lstm.demo.results import Bits, Drawing, describe_ratio
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.losses import cross_entropy
from tinygrad_lstm.nn import Trajectory
from tinygrad_lstm.training import CharModel, Update
from viz import plots
from viz.style import ThemeName

STEPS_DRAWN = 3
LAGS = 60  # steps that the plot of gradients looks back
STYLES: dict[str, ThemeName] = {".svg": "light", "_dark.svg": "dark", ".png": "light"}  # by the end of the file's name
PICTURES = ("gradient_paths", "collapsed_graph", "unrolled_graph")
PLOTS = ("gradient_by_lag", "training_curve")
FILES = ("player.html", *(f"{name}{end}" for name in (*PICTURES, *PLOTS) for end in STYLES))


def of_one_batch(model: CharModel, test: np.ndarray, out: Path, say: Callable[[str], None]) -> dict[str, Drawing]:
    """The player and the pictures of one real batch, eight windows of the test text."""
    indices = windows_of(test, STEPS_DRAWN, 8)
    logits, trajectory = model.unroll(indices[:-1])
    loss = cross_entropy(logits, indices[-1])
    player = viz.player(loss, trajectory)
    drawn = {"player": Drawing([player.save(out / "player.html")], player.description)}
    draws: dict[str, Callable[[ThemeName], viz.Picture]] = {
        "gradient_paths": lambda theme: viz.gradient_paths(loss, trajectory, theme=theme),
        "collapsed_graph": lambda theme: viz.draw(loss, view="op", depth=2, theme=theme),
        "unrolled_graph": lambda theme: viz.draw(loss, view="op", theme=theme),
    }
    with warnings.catch_warnings(record=True) as advice:
        warnings.simplefilter("always")
        for name, draw in draws.items():
            pictures = {theme: draw(theme) for theme in STYLES.values()}
            drawn[name] = Drawing([], pictures["light"].description)
            for end, theme in STYLES.items():
                try:
                    drawn[name].files.append(pictures[theme].save(out / f"{name}{end}"))
                except viz.RenderError as error:  # the others may still be drawn
                    say(f"{name}{end} is not drawn: {error}")
    for message in dict.fromkeys(str(warning.message) for warning in advice):
        say(message)
    return drawn


def windows_of(text: np.ndarray, steps: int, count: int) -> np.ndarray:
    """So many windows, evenly spread over the text: (steps + 1, count), each with the character that follows."""
    starts = np.linspace(0, len(text) - steps - 1, count).astype(int)
    windows: np.ndarray = text[starts + np.arange(steps + 1)[:, None]]
    return windows


def of_training(
    history: Sequence[Update], bits: Mapping[str, Bits], runs: Mapping[str, tuple[Tensor, Trajectory]],
    left: Mapping[str, float], out: Path, say: Callable[[str], None],
) -> dict[str, Drawing]:  # fmt: skip
    """The plots: gradients by lag, and the learning curve if anything was trained; none where matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        say('There are no plots without matplotlib: pip install "tinygrad-lstm[viz]"')
        return {}
    words = "; ".join(f"{name}: {describe_ratio(part)}" for name, part in left.items())
    drawn = {
        "gradient_by_lag": Drawing(
            save_plot("gradient_by_lag", plots.gradient_by_lag, runs, out),
            f"Norms of gradients over {LAGS - 1} steps back, one line for each network. At the end: {words}.",
        )
    }
    if history:
        lines = {f"{name}, test text": on.test for name, on in bits.items() if name != "LSTM"}
        test = bits["LSTM"].test
        point = test if math.isfinite(test) else None
        drawn["training_curve"] = Drawing(
            save_plot("training_curve", plots.training_curve, history, out, baselines=lines, test=point),
            f"Bits per character over {len(history)} updates, falling on the training text and on the validation text. "
            f"The test text, measured at the end: {test:.2f}.",
        )
    return drawn


def save_plot(name: str, plot: Callable[..., Any], subject: object, out: Path, **options: Any) -> list[Path]:
    """Draw a plot in every style; returns its files."""
    files = [out / f"{name}{end}" for end in STYLES]
    for path, theme in zip(files, STYLES.values(), strict=True):
        ax = plots.axes(theme, width=5.6, height=4.2)
        plot(subject, ax=ax, theme=theme, **options)
        plots.save(ax, path)
    return files
