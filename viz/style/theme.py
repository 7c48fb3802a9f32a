"""Colours: the hues of a picture on light and on dark paper, and the style sheet that lets it follow the reader's.

Colours are Okabe & Ito's and Tol's, and every distinction has a shape or dash as well, so that a grey print works.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Literal, TypeAlias

from tinygrad_lstm.arguments import one_of, taken

ThemeName: TypeAlias = Literal["light", "dark", "auto"]
Colour: TypeAlias = str  # "#RRGGBB"

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
    faint: Colour  # hatching, and the lines of a grid
    carry: Colour
    crossing: Colour
    weight: Colour
    gate: Colour
    candidate: Colour
    indigo: Colour  # runs that are compared have hues of their own, which are no route's
    wine: Colour
    olive: Colour
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
        paper="#FFFFFF", ink="#1F2933", quiet="#5F6C7B", forward="#85919E", panel="#F6F8FA", frame="#8A96A3",
        faint="#D5DCE4", indigo="#4B3FA7", wine="#9B2C62", olive="#7A7414",
        carry=CARRY, crossing=CROSSING, weight=WEIGHT, gate=GATE, candidate=CANDIDATE,
        bright="#F6E58A", loss="#1F2933", on_loss="#FFFFFF", opacity=0.10,
    ),
    "dark": Theme(
        paper="#111827", ink="#E5EAF0", quiet="#9AA7B5", forward="#677585", panel="#172033", frame="#5F6D7F",
        faint="#2F3B4E", indigo="#A79BF2", wine="#E583AE", olive="#C6BF5A",
        carry="#F07F23", crossing="#4BA3DC", weight="#93A0AE", gate="#26BF95", candidate="#CC79BC",
        bright="#9C8612", loss="#E5EAF0", on_loss="#111827", opacity=0.18,
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
    dark = shades(THEMES["dark"])
    dark_ones = ";".join(f"--viz-{name}:{dark[name]}" for name in _names_of_colours().values())
    return f"@media (prefers-color-scheme:dark){{.viz-auto.viz{{{dark_ones}}}}}{colour_rules('.viz-auto.viz', 'viz-')}"


def colour_rules(selector: str, prefix: str = "") -> str:
    """Rules by which each colour of the light theme becomes the variable of its name, with this prefix."""
    return "".join(
        f'{selector} [{attribute}="{colour}" i]{{{attribute}:var(--{prefix}{name},{colour})}}'
        for colour, name in _names_of_colours().items()
        for attribute in ("fill", "stroke")
    )


def _names_of_colours() -> dict[Colour, str]:
    """The colours of the light theme, each with one name: roles that share a colour share a rule."""
    first: dict[Colour, str] = {}
    for name, colour in shades(THEMES["light"]).items():
        first.setdefault(colour, name)
    return first


HUES = "carry", "crossing", "weight", "gate", "candidate", "indigo", "wine", "olive"


def shades(theme: Theme) -> dict[str, Colour]:
    """Every colour a picture of this theme may use, by a name for it."""
    plain = {f.name: str(getattr(theme, f.name)) for f in fields(theme) if f.name not in ("opacity", "adapts")}
    hues = {name: plain[name] for name in HUES}
    fills = {f"{name}-fill": theme.fill_of(hue) for name, hue in hues.items()}
    halves = {f"{name}-half": theme.half_of(hues[name]) for name in ("carry", "crossing")}
    return plain | fills | halves | {f"{name}-text": theme.text_of(hue) for name, hue in hues.items()}
