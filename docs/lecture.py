"""A lecture: for each section of the teaching notes a slide with its picture, its number and a sentence.

    python docs/lecture.py [folder] [--quick]

``make lecture`` runs it. Each slide is an SVG and a PNG of 1280 x 720, to be put into any talk; ``index.html`` shows
them all, with the arrow keys, and plays backpropagation on the last one. Nothing is loaded from a network. With
``--quick`` claims that train are left out where another has a picture. The licence is the project's (MIT).
"""

from __future__ import annotations

import argparse
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import NamedTuple

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import lab, nn
from tinygrad_lstm.escaping import markup
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.lab.conditions import show
from viz.output.png_by_graphviz import NoGraphvizError
from viz.style import fonts

WIDE, HIGH, MARGIN = 1280, 720, 64
ROOM, TOP = (WIDE - 2 * MARGIN, 420), 180  # for the picture, below the words
GREY = "#5F6C7B"
FAMILIES = ("Helvetica", "Arial", "Liberation Sans")
PAGE = Path(__file__).with_name("lecture_page.html")


class Line(NamedTuple):
    """A line of words on a slide, from its left margin or up to its right one."""

    words: str
    y: float
    size: float
    bold: bool = False
    colour: str = "#1F2933"
    end: bool = False

    @property
    def x(self) -> int:
        """Where it begins, or ends."""
        return WIDE - MARGIN if self.end else MARGIN

    @property
    def svg(self) -> str:
        """As an element of a document."""
        look = ' text-anchor="end"' * self.end + ' font-weight="bold"' * self.bold
        return (
            f'<text x="{self.x}" y="{self.y:g}" font-size="{self.size:g}"{look} fill="{self.colour}">'
            f"{markup(self.words)}</text>"
        )


class Slide(NamedTuple):
    """A section of the notes, and the run of a claim of it that has a picture."""

    number: int
    section: lab.Section
    result: lab.Result

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.number:02d}-{self.section.name}"

    @property
    def figure(self) -> tuple[str, str]:
        """The number that is shown, and what it is of: the first that is more than a rounding error."""
        numbers = [check for check in self.result.checks if isinstance(check.value, int | float)]
        check = next((one for one in numbers if abs(one.value) > 1e-9), self.result.checks[0])
        return show(check.value), check.name

    @property
    def lines(self) -> list[Line]:
        """Its words: the section and the statement above the picture, the number and what it is of below."""
        claim, (value, said) = self.result.claim, self.figure
        sentence = wrapped(claim.sentence, 22)
        return [
            Line(self.section.title, 72, 38, bold=True),
            *(Line(line, 112 + 28 * k, 22) for k, line in enumerate(sentence)),
            Line(claim.expected, 112 + 28 * len(sentence), 18, colour=GREY),
            Line(value, 654, 44, bold=True, colour="#D55E00"),
            Line(said, 688, 18, colour=GREY),
            Line(f"Claim {claim.id}, slide {self.number}", 688, 18, colour=GREY, end=True),
        ]

    @property
    def words(self) -> str:
        """What it shows, for those who hear it."""
        value, said = self.figure
        return f"{self.section.title}. {self.result.claim.sentence} {said}: {value}"

    @property
    def svg(self) -> str:
        """The slide as a document."""
        rows = [fitted(self.result.svg() or ""), *(line.svg for line in self.lines)]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}" '
            f'role="img" font-family="{",".join(FAMILIES)},sans-serif"><title>{markup(self.section.title)}</title>'
            f"<desc>{markup(self.words)}</desc>"
            f'<rect width="{WIDE}" height="{HIGH}" fill="#FFFFFF"/>{"".join(rows)}</svg>'
        )


def wrapped(words: str, size: float) -> list[str]:
    """The words as lines of a slide; they have room to spare, for a machine may set them in a wider face."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if fonts.width(longer, size) > 0.87 * ROOM[0]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def fitted(svg: str) -> str:
    """A picture in the middle of the slide, as large as its place allows; its ids stay its own."""
    inner = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', inner)
    assert box is not None
    _, _, wide, high = map(float, box[1].split())
    scale = min(ROOM[0] / wide, ROOM[1] / high)
    w, h = wide * scale, high * scale
    place = f'x="{(WIDE - w) / 2:.1f}" y="{TOP + (ROOM[1] - h) / 2:.1f}" width="{w:.1f}" height="{h:.1f}"'
    head = re.sub(r'\s(width|height|style)="[^"]*"', "", inner[: inner.index(">")])
    return f"{head} {place}{inner[inner.index('>') :]}"


def slides(quick: bool) -> Iterator[Slide]:
    """One slide for each section: of the claim that ``lab.show`` would show, or else of the first with a picture."""
    for number, section in enumerate(lab.sections(), start=1):
        for claim in sorted(section.claims, key=lambda claim: (quick and claim.kind == "experiment", not claim.topic)):
            result = claim.run()
            if result.drawing is not None:
                yield Slide(number, section, result)
                break


def png(slide: Slide, path: Path) -> None:
    """The slide as an image: the same words around the picture, set by matplotlib."""
    import matplotlib.pyplot as plt
    from matplotlib.font_manager import get_font_names

    figure = plt.figure(figsize=(WIDE / 100, HIGH / 100), dpi=100, facecolor="white")
    families = [name for name in (*FAMILIES, "DejaVu Sans") if name in get_font_names()]
    for line in slide.lines:
        figure.text(
            line.x / WIDE, 1 - line.y / HIGH, line.words, size=0.72 * line.size, color=line.colour, family=families,
            weight="bold" if line.bold else "normal", ha="right" if line.end else "left", va="baseline",
            parse_math=False,
        )  # fmt: skip
    axes = figure.add_axes((MARGIN / WIDE, 1 - (TOP + ROOM[1]) / HIGH, ROOM[0] / WIDE, ROOM[1] / HIGH))
    with TemporaryDirectory() as folder:
        axes.imshow(plt.imread(picture_file(slide, Path(folder) / "picture.png")), interpolation="antialiased")
    axes.set_axis_off()
    with whole_file(path) as file:
        figure.savefig(file, format="png")
    plt.close(figure)


def picture_file(slide: Slide, file: Path) -> Path:
    """The picture alone, as an image."""
    drawing = slide.result.picture
    if isinstance(drawing, viz.Picture):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # words too small: a slide is what it is
            return drawing.save(file, width=2 * ROOM[0])
    axes = drawing[0] if isinstance(drawing, list) else drawing
    axes.get_figure(root=True).savefig(file, dpi=200)
    return file


def deck(shown: list[Slide]) -> str:
    """The page that shows them one after the other, and a player at the end."""
    parts = [
        f'<section id="{slide.name}"><img src="{slide.name}.svg" alt="{markup(slide.words)}"></section>'
        for slide in shown
    ]
    frame = '<iframe src="player.html" title="Backpropagation through an LSTM, step by step"></iframe>'
    parts.append(f'<section id="player">{frame}</section>')
    return Template(PAGE.read_text("utf-8")).substitute(slides="\n".join(parts))


def main() -> None:
    """Write everything into the folder."""
    parser = argparse.ArgumentParser(description="For each section of the teaching notes a slide, and a deck of them.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("lecture"))
    parser.add_argument("--quick", action="store_true", help="no claim that trains, where another has a picture")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for slide in slides(given.quick):
        (given.folder / f"{slide.name}.svg").write_text(slide.svg, "utf-8")
        try:
            png(slide, given.folder / f"{slide.name}.png")
        except NoGraphvizError as missing:
            print(missing)
        print(f"{slide.name}: {': '.join(reversed(slide.figure))}", flush=True)
        shown.append(slide)
    tg.manual_seed(0)
    trajectory = nn.LSTM(3, 4).unroll(tg.randn(3, 1, 3))
    viz.player((trajectory.steps[-1].h ** 2).sum(), trajectory).save(given.folder / "player.html")
    (given.folder / "index.html").write_text(deck(shown), "utf-8")
    print(given.folder / "index.html")


if __name__ == "__main__":
    main()
