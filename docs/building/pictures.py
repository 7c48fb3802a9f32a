"""Pictures on the pages: they follow the theme that the reader chose, and plots keep their alternative text."""

from __future__ import annotations

from pathlib import Path

from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx

from viz.style.theme import THEMES, colour_rules, shades


def setup(app: Sphinx) -> None:
    """Write the style of the pictures, and let myst-nb keep what a plot says of itself."""
    app.connect("build-finished", write_style)
    NbElementRenderer.render_image = with_words(NbElementRenderer.render_image)


def style() -> str:
    """Rules that give every picture of viz the colours of the page: its reader's choice, or else the system's.

    Pictures are drawn in the light theme, and each colour is a variable. The pictures that follow the system by
    themselves must not do so where the reader chose otherwise.
    """
    dark = ";".join(f"--viz-{name}:{colour}" for name, colour in shades(THEMES["dark"]).items())
    light = ";".join(f"--viz-{name}:{colour}" for name, colour in shades(THEMES["light"]).items())
    return "\n".join(
        [
            colour_rules(".viz.viz", "viz-"),
            f"body .viz.viz.viz{{{light}}}",
            f'body[data-theme="dark"] .viz.viz.viz{{{dark}}}',
            f'@media (prefers-color-scheme: dark){{body[data-theme="auto"] .viz.viz.viz{{{dark}}}}}',
        ]
    )


def write_style(app: Sphinx, failure: Exception | None) -> None:
    """Put the rules beside the other files of the site."""
    if failure is None and app.builder.format == "html":
        (Path(app.outdir) / "_static" / "pictures.css").write_text(style(), "utf-8")


def with_words(render):
    """myst-nb takes width and height of an image from its metadata; this takes the words too."""

    def rendered(self, data: MimeData):
        images = render(self, data)
        words = data.output_metadata.get(data.mime_type, {}).get("alt")
        for image in images if words else ():
            image["alt"] = words
        return images

    return rendered
