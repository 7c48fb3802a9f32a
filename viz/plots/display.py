"""Axes that a notebook shows: as the last line of a cell they display the figure that they are on.

They are matplotlib's own Axes and can be used as such. Axes that the caller made display nothing by themselves, for the
figure around them is the caller's.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from viz.output.notebook import bundle

PIXELS = 2  # of the image for one of the page, so that letters stay sharp


class _Display:
    """Displays the figure of its Axes as a PNG, for matplotlib's SVG has style rules for all of the page around it."""

    def _displayed_axes(self) -> Sequence[Axes]:
        """The Axes that are shown, from top to bottom; all are on one figure."""
        raise NotImplementedError

    def _figure(self) -> Figure:
        figure = self._displayed_axes()[0].figure
        assert isinstance(figure, Figure)  # no part of one, as it was made here
        return figure

    def _repr_png_(self) -> bytes:
        figure, file = self._figure(), BytesIO()
        figure.savefig(file, format="png", dpi=PIXELS * figure.dpi)
        return file.getvalue()

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The image, with its width and, for a reader who does not see it, what it plots; the Axes as text."""
        axes, figure = self._displayed_axes(), self._figure()
        contents = bundle({"image/png": self._repr_png_, "text/plain": lambda: repr(self)}, include, exclude)
        names = [", ".join(ax.get_ylabel() for ax in axes), axes[-1].get_xlabel()]
        plotted = " over ".join([" ".join(name.split()) for name in names if name])
        look = {"width": round(figure.get_figwidth() * figure.dpi), "alt": plotted}
        return contents, {"image/png": look} if "image/png" in contents else {}


class Plot(Axes, _Display):
    """Axes on a figure of their own, that display it."""

    def _displayed_axes(self) -> Sequence[Axes]:
        return [self]


class Panels(list[Axes], _Display):
    """Axes that share a figure of their own, from top to bottom, that display it."""

    def _displayed_axes(self) -> Sequence[Axes]:
        return self
