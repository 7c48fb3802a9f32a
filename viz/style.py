"""How things look: colours, and numbers and indices as a reader of mathematics expects them.

Colours are Okabe & Ito's and Tol's, and every distinction has a shape or dash as well, so that a grey print works.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Literal, TypeAlias

from tinygrad_lstm.arguments import one_of, taken
from tinygrad_lstm.escaping import printable

ThemeName: TypeAlias = Literal["light", "dark", "auto"]
Colour: TypeAlias = str  # "#RRGGBB"

FONT = "Helvetica,Arial,sans-serif"
POINTS_PER_INCH = 72

CARRY, CROSSING, WEIGHT = "#D55E00", "#0072B2", "#6B7785"
GATE, CANDIDATE = "#009E73", "#AA4499"


@dataclass(frozen=True)
class Theme:
    """The colours of a picture; the hues of the routes are the same in every theme, lifted where they would be dull."""

    paper: Colour
    ink: Colour
    quiet: Colour  # captions
    forward: Colour  # what no gradient goes along
    panel: Colour
    frame: Colour
    carry: Colour
    crossing: Colour
    weight: Colour
    gate: Colour
    candidate: Colour
    bright: Colour  # the ground of what is pointed out
    loss: Colour
    on_loss: Colour
    opacity: float  # of a box's filling
    adapts: bool = False  # to the page that it is shown on

    def fill_of(self, hue: Colour) -> Colour:
        """The hue as a box's filling: thin on this paper."""
        return mix(hue, self.paper, self.opacity)

    def half_of(self, hue: Colour) -> Colour:
        """The hue half way to grey: the middle of a diverging scale."""
        return mix(hue, self.weight, 0.5)

    def text_of(self, hue: Colour) -> Colour:
        """The hue as small text, which needs more contrast than a line."""
        return mix(hue, self.ink, 0.75)


THEMES: dict[str, Theme] = {
    "light": Theme(
        paper="#FFFFFF", ink="#1F2933", quiet="#5F6C7B", forward="#A9B4C0", panel="#F6F8FA", frame="#D5DCE4",
        carry=CARRY, crossing=CROSSING, weight=WEIGHT, gate=GATE, candidate=CANDIDATE,
        bright="#F6E58A", loss="#1F2933", on_loss="#FFFFFF", opacity=0.10,
    ),
    "dark": Theme(
        paper="#111827", ink="#E5EAF0", quiet="#9AA7B5", forward="#5B6877", panel="#172033", frame="#2F3B4E",
        carry="#F07F23", crossing="#4BA3DC", weight="#93A0AE", gate="#26BF95", candidate="#CC79BC",
        bright="#6B5E1C", loss="#E5EAF0", on_loss="#111827", opacity=0.18,
    ),
}  # fmt: skip
THEMES["auto"] = replace(THEMES["light"], adapts=True)


THEME = one_of(*THEMES)


def theme_of(name: str) -> Theme:
    """The theme of that name; ArgumentError names those there are."""
    return THEMES[taken("theme_of(name)", THEME, "name", name)]


@cache
def mix(hue: Colour, ground: Colour, opacity: float) -> Colour:
    """What a hue of this opacity looks like on a ground, as a plain colour that every output format knows.

    >>> mix("#FF0000", "#FFFFFF", 0.2)
    '#FFCCCC'
    """
    pairs = [(int(hue[k : k + 2], 16), int(ground[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(opacity * top + (1 - opacity) * below):02X}" for top, below in pairs)


def looks_of(theme: Theme) -> str:
    """The attributes of an ``<svg>`` that a page may find it by: its class, and that of a picture that adapts.

    >>> looks_of(THEMES["auto"])
    'class="viz viz-auto"'
    """
    return f'class="viz{" viz-auto" * theme.adapts}"'


def stylesheet() -> str:
    """Rules that give each colour of the light theme its counterpart in the dark, where the reader's page is dark.

    They reach pictures that adapt and nothing else of the page. The colours become variables, which a page may set as
    it likes: ``--viz-ink`` and so on, with a ``-fill`` and a ``-text`` beside each hue.
    """
    light, dark = (shades(THEMES[name]) for name in ("light", "dark"))
    first: dict[Colour, str] = {}  # roles that share a colour share a rule
    for name, colour in light.items():
        first.setdefault(colour, name)
    rules = [
        f'.viz-auto.viz [{attribute}="{colour}" i]{{{attribute}:var(--viz-{name},{colour})}}'
        for colour, name in first.items()
        for attribute in ("fill", "stroke")
    ]
    dark_ones = ";".join(f"--viz-{name}:{dark[name]}" for name in first.values())
    return f"@media (prefers-color-scheme:dark){{.viz-auto.viz{{{dark_ones}}}}}" + "".join(rules)


def shades(theme: Theme) -> dict[str, Colour]:
    """Every colour a picture of this theme may use, by a name for it."""
    plain = {f.name: str(getattr(theme, f.name)) for f in fields(theme) if f.name not in ("opacity", "adapts")}
    hues = {name: plain[name] for name in ("carry", "crossing", "weight", "gate", "candidate")}
    fills = {f"{name}-fill": theme.fill_of(hue) for name, hue in hues.items()}
    halves = {f"{name}-half": theme.half_of(hues[name]) for name in ("carry", "crossing")}
    return plain | fills | halves | {f"{name}-text": theme.text_of(hue) for name, hue in hues.items()}


# Numbers and indices


def number(x: float) -> str:
    """A number as a caption has it: two decimals where they say something, two digits elsewhere.

    >>> [number(x) for x in (0.7634, -0.00412, 0.0, 312.4, 3.2e-7, 51234.0, math.nan, -math.inf)]
    ['0.76', '−0.0041', '0', '312', '3.2e−7', '5.1e+4', 'NaN', '−inf']
    """
    size = abs(x)
    if size == 0:
        return "0"
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "inf" if x > 0 else "−inf"
    if 1e-3 <= size < 1e4:
        shown = f"{x:.0f}" if size >= 100 else f"{x:.2f}" if size >= 0.0995 else f"{x:.2g}"
        return shown.replace("-", "−")
    digits, exponent = f"{x:.1e}".split("e")
    return f"{digits}e{int(exponent):+d}".replace("-", "−")


def number_of_points(x: float) -> str:
    """A length or a place in points, to a tenth.

    >>> number_of_points(12.04), number_of_points(-0.5)
    ('12', '-0.5')
    """
    return f"{x:.1f}".removesuffix(".0")


def quantity(count: int, noun: str, plural: str = "") -> str:
    """So many of something, in figures.

    >>> quantity(1, "vertex", "vertices"), quantity(3, "edge")
    ('1 vertex', '3 edges')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def percent(part: float) -> str:
    """A part of 1 as a whole percentage.

    >>> percent(0.968), percent(-0.04), percent(-0.001)
    ('97%', '−4%', '0%')
    """
    return f"{100 * part:z.0f}%".replace("-", "−")


def subscript(t: int) -> str:
    """A time step as an index.

    >>> subscript(-10)
    '₋₁₀'
    """
    return str(t).translate(str.maketrans("-0123456789", "₋₀₁₂₃₄₅₆₇₈₉"))


def letter(name: str, lstm: bool = True) -> str:
    """The name of a value as the equations write it: an LSTM's c is C, and its candidate g is C̃."""
    return printable({"c": "C", "g": "C̃"}.get(name, name) if lstm else name)


def ranges(places: Iterable[int]) -> str:
    """Whole numbers in order, with runs of them in short.

    >>> ranges([0, 3, 4, 5, 9])
    '0, 3–5, 9'
    """
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return ", ".join(f"{run[0]}" if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def in_words(count: int) -> str:
    """A small count as a word.

    >>> in_words(3), in_words(40)
    ('three', '40')
    """
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    return words[count] if count < len(words) else str(count)
