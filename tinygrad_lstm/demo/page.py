"""The page that shows what the demo made: one HTML file beside its pictures, no network, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tinygrad_lstm.demo.results import COUNTED, SLICES, Drawing, Report, describe_ratio, rows, verdict
from tinygrad_lstm.escaping import markup, markup_lines
from tinygrad_lstm.pages import filled, picture, wide_figure

TITLES = {
    "gradient_paths": "Where the gradient went",
    "gradient_by_lag": "Gradients over the steps back in time",
    "training_curve": "Bits per character while it learned",
    "collapsed_graph": "The unrolled graph, each time step one box",
    "unrolled_graph": "The unrolled graph, every operation",
}


def html(report: Report) -> str:
    """The page as text; pictures are linked by file name, the dark twin where the reader's screen is dark."""
    bits, left = rows(report.bits), report.left
    networks = [(name, describe_ratio(part)) for name, part in left.items()]
    return filled(
        "demo.html",
        name=markup(report.name), characters=f"{report.characters:,}", parameters=f"{report.parameters:,}",
        updates=report.updates, seconds=f"{report.seconds:.0f}", steps=report.steps, slices=SLICES,
        verdict=markup(verdict(report.bits, report.updates)),
        bits=_rows((f"{name}<small>{COUNTED.get(name, 'reads the text from its start')}</small>", *figures)
                   for name, *figures in bits),
        left=_rows((markup(name), words) for name, words in networks),
        prompt=markup_lines(report.prompt), spoken=markup_lines(report.spoken.removeprefix(report.prompt)),
        lags=_figure(report, "gradient_by_lag"), curve=_figure(report, "training_curve"),
        graph=_figure(report, "collapsed_graph", wide=True), player=_links(report, "player", "gradient_paths"),
        whole=_links(report, "unrolled_graph"),
    )  # fmt: skip


def _rows(cells: Iterable[Sequence[str]]) -> str:
    """Rows of a table, of cells that are markup; the first is the heading of its row."""
    return "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'
        for first, *others in cells
    )


def _figure(report: Report, kind: str, wide: bool = False) -> str:
    """A picture with its links; a wide one scrolls sideways on a narrow screen, and says so."""
    drawing = report.drawings.get(kind)
    if drawing is None:
        return "<p>Not drawn: matplotlib is missing, or nothing was trained.</p>"
    links = f"<figcaption>Files: {_links(report, kind)}</figcaption>"
    if not (image := _image(drawing, kind)):
        return f"<figure><p>Not drawn: Graphviz is missing.</p>{links}</figure>"
    if not wide:
        return f"<figure>{image}{links}</figure>"
    return wide_figure(image, TITLES[kind], links)


def _image(drawing: Drawing, kind: str) -> str:
    """The picture in the reader's own scheme; nothing where it has no SVG."""
    drawn = {path.stem: path.name for path in drawing.files if path.suffix == ".svg"}
    if kind not in drawn:
        return ""
    return picture(drawn[kind], drawn.get(f"{kind}_dark"), f"{TITLES[kind]}. {drawing.words}")


def _links(report: Report, *kinds: str) -> str:
    paths: list[Path] = [path for kind in kinds if kind in report.drawings for path in report.drawings[kind].files]
    return ", ".join(f'<a href="{markup(path.name)}">{markup(path.name)}</a>' for path in paths)
