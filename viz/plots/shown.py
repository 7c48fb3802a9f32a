"""Axes that a notebook shows: as the last line of a cell they display the figure that they are on.

They are matplotlib's own Axes and can be used as such. Axes that the caller made display nothing by themselves, for the
figure around them is the caller's.
"""

from __future__ import annotations

from collections.abc import Container
from io import BytesIO
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from viz.notebook import bundle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS = 2  # of the image for one of the page, so that letters stay sharp


class _Shown:
    """Displays the figure that ``get_figure`` gives, as a PNG: matplotlib's SVG has rules for the page around it."""

    def get_figure(self) -> Figure:
        """The figure that is displayed."""
        raise NotImplementedError

    def _repr_png_(self) -> bytes:
        figure, file = self.get_figure(), BytesIO()
        figure.savefig(file, format="png", dpi=PIXELS * figure.dpi)
        return file.getvalue()

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The image and how wide it is on the page; the plot as text."""
        figure = self.get_figure()
        contents = bundle({"image/png": self._repr_png_, "text/plain": lambda: repr(self)}, include, exclude)
        width = round(figure.get_figwidth() * figure.dpi)
        return contents, {"image/png": {"width": width}} if "image/png" in contents else {}


class Plot(Axes, _Shown):  # type: ignore[misc]  # matplotlib has no types here, so Axes is Any
    """Axes on a figure of their own, that display it."""


class Panels(list[Any], _Shown):
    """Axes that share a figure of their own, from top to bottom, that display it."""

    def get_figure(self) -> Figure:
        """The figure that all of them are on."""
        figure: Figure = self[0].get_figure()
        return figure
