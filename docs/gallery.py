"""Draw every view for every cell into one folder with an index page: python docs/gallery.py [folder]

Random weights, seed 0; a loss on the last h, unless a picture says otherwise. ``make gallery`` runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from viz import plots

CELLS: dict[str, Callable[[], nn.Module]] = {
    "LSTM": lambda: nn.LSTM(3, 4),
    "SeparateLSTM": lambda: nn.LSTM(3, 4, cell=nn.SeparateLSTMCell),
    "PeepholeLSTM": lambda: nn.LSTM(3, 4, cell=nn.PeepholeLSTMCell),
    "CoupledLSTM": lambda: nn.LSTM(3, 4, cell=nn.CoupledLSTMCell),
    "ProjectedLSTM": lambda: nn.LSTM(3, 4, proj_size=2),
    "LayerNormLSTM": lambda: nn.LSTM(3, 4, cell=nn.LayerNormLSTMCell),
    "ClippedLSTM": lambda: nn.LSTM(3, 4, cell=partial(nn.ClippedLSTMCell, clip=3.0)),
    "CandidateDropoutLSTM": lambda: nn.LSTM(3, 4, cell=nn.CandidateDropoutLSTMCell),
    "GRU": lambda: nn.GRU(3, 4),
    "ResetBeforeGRU": lambda: nn.GRU(3, 4, cell=nn.ResetBeforeGRUCell),
    "LayerNormGRU": lambda: nn.GRU(3, 4, cell=nn.LayerNormGRUCell),
    "RNN": lambda: nn.RNN(3, 4),
    "MGU, which has no template": lambda: nn.GRU(3, 4, cell=nn.MGUCell),
    "a cell of your own": lambda: nn.RNN(3, 4, cell=LeakyCell),
}


class LeakyCell(nn.Cell):
    """h' = 0.9 h + tanh(W x + U h): nobody drew a template for it."""

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


class Shown(NamedTuple):
    """A picture or a plot of the gallery."""

    name: str
    caption: str
    save: Callable[[Path], Any]
    suffix: str = ".svg"


Run: TypeAlias = tuple[tg.Tensor, nn.Trajectory]


def run(layer: Any, T: int, every: bool = False, **options: Any) -> Run:
    """Unroll a layer over random inputs: the loss, and what there is to draw."""
    tg.manual_seed(0)
    trajectory = layer.unroll(2 * tg.randn(T, 2, 3), **options)
    return ((trajectory.output if every else trajectory.steps[-1].h) ** 2).sum(), trajectory


def of_cell(name: str, make: Callable[[], nn.Module]) -> Iterator[Shown]:
    """Every view of one cell."""
    tg.manual_seed(0)
    layer: Any = make()
    for parameter_name, parameter in layer.named_parameters():
        if parameter_name.split(".")[-1].startswith("p_"):
            parameter.data = np.full(parameter.shape, 0.5, parameter.dtype)  # peepholes start at 0
    short, middle, long = run(layer, 3), run(layer, 16), run(layer, 50)
    yield picture(name, "the values' way", viz.draw(short[1], theme="auto"))
    yield picture(name, "where the gradient goes", viz.gradient_paths(*short, theme="auto"))
    yield picture(name, "50 steps, folded", viz.gradient_paths(*long, theme="auto"))
    yield picture(name, "a strip of 16 steps", viz.gradient_paths(*middle, view="strip", fold=None, theme="auto"))
    yield picture(name, "rolled", viz.gradient_paths(*middle, view="rolled", theme="auto"))
    yield picture(name, "every operation", viz.gradient_paths(*short, view="op", theme="auto"))
    yield picture(name, "every operation, 50 steps", viz.draw(long[0], theme="auto"))


def of_layers() -> Iterator[Shown]:
    """Several layers, two directions, sequences of several lengths, history that is cut."""
    stacked, both = run(nn.LSTM(3, 4, num_layers=2), 3), run(nn.LSTM(3, 4, bidirectional=True), 3, every=True)
    yield picture("layers", "two layers", viz.gradient_paths(*stacked, theme="auto"))
    yield picture("layers", "two directions", viz.gradient_paths(*both, theme="auto"))
    deep = run(nn.GRU(3, 4, num_layers=2, bidirectional=True), 2, every=True)
    yield picture("layers", "two layers, two directions", viz.gradient_paths(*deep, theme="auto"))
    masked = run(nn.LSTM(3, 4), 4, every=True, lengths=[4, 2])
    yield picture("layers", "lengths 4 and 2", viz.gradient_paths(*masked, theme="auto"))
    layer = nn.LSTM(3, 4)
    first = run(layer, 3)
    state = tuple(part.detach() for part in first[1].state)
    window = run(layer, 3, state=state)
    yield picture("layers", "a window of truncated BPTT", viz.gradient_paths(*window, theme="auto"))
    one = run(nn.LSTM(3, 4, num_layers=2), 3)
    yield picture("layers", "one module collapsed", viz.draw(one[0], collapse=["layers.0"], theme="auto"))


def of_gradients() -> Iterator[Shown]:
    """What else can be said of a gradient's way."""
    layers = {name: make() for name, make in CELLS.items() if name in ("RNN", "GRU", "LSTM")}
    runs = {name: run(layers[name], 12) for name in ("RNN", "GRU", "LSTM")}
    loss, trajectory = short = run(layers["LSTM"], 3)
    strongest = viz.gradient_paths(loss, trajectory, strongest=trajectory.steps[0].h, theme="auto")
    yield picture("gradients", "the strongest path", strongest)
    yield picture("gradients", "conserved flow", viz.flow(loss, trajectory, theme="auto"))
    yield picture("gradients", "three cells on one scale", viz.compare(runs, view="cell", fold=None, theme="auto"))
    tg.manual_seed(1)
    other = run(nn.LSTM(3, 4), 3)
    yield picture("gradients", "the difference of two runs", viz.difference(short, other, theme="auto"))
    yield Shown("player", "step through it", viz.player(*short).save, ".html")


def of_plots() -> Iterator[Shown]:
    """Plots of the same runs."""
    text = "hello world, hello gradient"
    long = run(nn.LSTM(3, 8), len(text), every=True)
    every = {name: run(make(), 40) for name, make in CELLS.items() if name in ("RNN", "GRU", "LSTM")}
    cell: Any = long[1].chains[0].cell
    steps = long[1].steps
    losses = [(step.h**2).sum() for step in steps]
    drawn = {
        "gates": plots.gates(long[1], text=text),
        "gradient by lag": plots.gradient_by_lag(every),
        "lag matrix": plots.lag_matrix(tg.paths.lag_matrix(losses, list(cell.parameters()))),
        "ledger": plots.ledger(tg.paths.ledger(long[0], cell.U)),
        "shares": plots.shares(tg.paths.routes(long[0], [step.c for step in steps])),
        "eigenvalues of U": plots.eigenvalues(cell.U),
        "half-lives": plots.half_lives({"LSTM": tg.paths.horizon(long[0], long[1])}),
    }
    for name, ax in drawn.items():
        figure = np.atleast_1d(np.asarray(ax, object)).flat[0].get_figure()
        yield Shown("plots", name, partial(figure.savefig, facecolor="white"))


def picture(name: str, caption: str, drawn: viz.Picture) -> Shown:
    """A picture for the gallery."""
    return Shown(name, caption, drawn.save)


def sections() -> Iterator[tuple[str, Iterator[Shown]]]:
    """The gallery's headings and what is under them."""
    yield "Where the gradient went", of_gradients()
    yield "Layers, directions, lengths", of_layers()
    for name, make in CELLS.items():
        yield name, of_cell(name, make)
    yield "Plots", of_plots()


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tinygrad_lstm: gallery</title>
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 16px/1.5 Helvetica, Arial, sans-serif; max-width: 1500px; margin: 2rem auto; padding: 0 1rem }}
  nav a {{ margin-right: 1rem }}
  section {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 1rem }}
  h2 {{ margin-top: 2.5rem }}
  figure {{ margin: 0; border: 1px solid #8884; border-radius: 8px; overflow: hidden }}
  figure img {{ width: 100%; height: 230px; object-fit: contain; object-position: left top; display: block }}
  figcaption {{ padding: .4rem .8rem; border-top: 1px solid #8884 }}
</style>
<h1>Every view for every cell</h1>
<p>Each picture opens in full. Widths are real gradients, on one scale.</p>
<nav>{links}</nav>
{sections}
</html>
"""


def main() -> None:
    """Draw it all."""
    folder = Path(sys.argv[1] if sys.argv[1:] else "gallery")
    folder.mkdir(exist_ok=True)
    found: dict[str, list[str]] = {}
    for title, pictures in sections():
        for shown in pictures:
            name = f"{shown.name} {shown.caption}".replace(",", "").replace("'", "").replace(" ", "-") + shown.suffix
            shown.save(folder / name)
            found.setdefault(title, []).append(card(name, shown))
        print(f"{title}: {len(found[title])}")
    (folder / "index.html").write_text(page(found), encoding="utf-8")
    print(folder / "index.html")


def card(name: str, shown: Shown) -> str:
    """One picture of the index page."""
    caption = f'<figcaption><a href="{escape(name)}">{escape(shown.caption)}</a></figcaption>'
    image = f'<a href="{escape(name)}"><img src="{escape(name)}" alt="{escape(shown.caption)}" loading="lazy"></a>'
    return f"<figure>{image if shown.suffix == '.svg' else ''}{caption}</figure>"


def page(found: Mapping[str, list[str]]) -> str:
    """The index."""
    ids = {title: title.lower().replace(" ", "-").replace(",", "") for title in found}
    links = "".join(f'<a href="#{ids[title]}">{escape(title)}</a>' for title in found)
    parts = []
    for title, cards in found.items():
        parts.append(f'<h2 id="{ids[title]}">{escape(title)}</h2>\n<section>{"".join(cards)}</section>')
    return PAGE.format(links=links, sections="\n".join(parts))


if __name__ == "__main__":
    main()
