"""How large a picture gets in a file, and whether its words can be read there."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from tinygrad_lstm.errors import ArgumentError
from viz.output.svg import size_of
from viz.scene.marks import Scene

PNG_DPI = 144
LARGEST = {"png": 32_700, "pdf": 14_400}  # a side, in units: what cairo takes, less a margin; what PDF allows a page
READABLE = 6  # pixels that a letter is high at least


@dataclass(frozen=True)
class Size:
    """The size of a picture in a file of one format: in units, which are pixels of a PNG and points of all others."""

    format: str
    wide: float
    high: float
    scale: float  # of the natural size

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the graph by which Graphviz's drawing has this size."""
        if self.format == "png":
            return {"dpi": f"{PNG_DPI * self.scale:.6g}"}
        size = {"size": f"{self.wide / 72:.6g},{self.high / 72:.6g}!"} if self.scale != 1 else {}
        return {"margin": "0", **size}  # by itself a page of a PDF has half an inch around the drawing


def size_in_file(scene: Scene, format: str, width: float | None = None, scale: float | None = None) -> Size:
    """The size that a scene gets in a file, ``width`` units wide or ``scale`` times as large as it is by itself.

    Warns where the format has no room for that, and takes the largest size that it has; and where the smallest words
    would be too small to read at the size that was asked for. Raises ArgumentError for sizes that are none.
    """
    points = size_of(scene)
    by_itself = PNG_DPI / 72 if format == "png" else 1.0  # units in a point
    asked = _asked(points[0] * by_itself, width, scale)
    most = LARGEST.get(format, float("inf")) / (max(points) * by_itself)
    factor = min(asked, most)
    wide, high = (side * by_itself * factor for side in points)
    if factor < asked:
        units, allowed = ("pixels", "32,767") if format == "png" else ("points", "14,400")
        full = " × ".join(f"{side * by_itself * asked:,.0f}" for side in points)
        _warn(
            f"this picture is {full} {units} large, and a {format.upper()} has at most {allowed} a side: it is saved "
            f"{wide:,.0f} × {high:,.0f} {units} large. An .svg has no such limit; fold= and depth= leave less to draw"
        )
    smallest = smallest_text(scene)
    pixels = smallest * factor * (by_itself if format == "png" else 4 / 3)
    if pixels < READABLE and (factor < asked or not width == scale is None):
        least = wide * READABLE / pixels
        _warn(
            f"saved {wide:,.0f} {'pixels' if format == 'png' else 'points'} wide, its smallest letters are "
            f"{pixels:.1f} pixels high and cannot be read: {least:,.0f} wide they can, or draw less of it, by fold=, "
            'depth= or view="strip"'
        )
    return Size(format, wide, high, factor)


def smallest_text(scene: Scene) -> float:
    """The size of the smallest letters of a scene, in points."""
    rows = [row for node in scene.nodes.values() for row in node.rows] + [one.caption for one in scene.clusters]
    return min((span.size for row in rows for span in row if span.text.strip()), default=float("inf"))


def _asked(natural: float, width: float | None, scale: float | None) -> float:
    """The scale that a caller asks for."""
    if width is not None and scale is not None:
        raise ArgumentError(f"width={width} and scale={scale} both say how large the picture is; give one of them")
    name, value = ("width", width) if width is not None else ("scale", 1.0 if scale is None else scale)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise ArgumentError(f"{name} is a number above 0, not {value!r}")
    return value / natural if name == "width" else float(value)


def _warn(words: str) -> None:
    warnings.warn(words, stacklevel=4)  # at the call of Picture.save
