"""What HTML pages share: the style of the house, templates, and pictures that follow the reader's scheme."""

from __future__ import annotations

from importlib.resources import files
from string import Template

from tinygrad_lstm.escaping import markup


def filled(template: str, **parts: object) -> str:
    """The page that a template of this package makes of its parts, in the style of the house."""
    folder = files(__package__)
    style = folder.joinpath("house.css").read_text("utf-8")
    return Template(folder.joinpath(template).read_text("utf-8")).substitute(style=style, **parts)


def picture(light: str, dark: str | None, words: str) -> str:
    """The file of the reader's own scheme; ``words`` are for a reader who does not see it."""
    source = f'<source srcset="{markup(dark)}" media="(prefers-color-scheme: dark)">' if dark else ""
    return f'<picture>{source}<img src="{markup(light)}" alt="{markup(words)}"></picture>'


def wide_figure(image: str, title: str, below: str = "") -> str:
    """A picture that scrolls sideways on a narrow screen, and says so."""
    label = markup(f"{title}; it scrolls sideways")
    return (
        f'<figure class="wide"><p class="hint">Wider than this screen: scroll it sideways →</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">{image}</div>'
        f"{below}</figure>"
    )
