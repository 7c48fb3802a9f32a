"""How large a picture gets in a file, and whether its words can be read there."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

from tinygrad_lstm.errors import ArgumentError
from viz.output.svg import size_of
from viz.scene.marks import Scene

UNITS = {"png": 2.0, "svg": 4 / 3, "pdf": 1.0}  # in a point of the scene, at its natural size
NAMES = {"png": "pixels", "svg": "pixels", "pdf": "points"}  # of the units
LARGEST = {"png": 32_700, "pdf": 14_400}  # a side, in units: what cairo takes, less a margin; what PDF allows a page
READABLE = 8  # pixels that letters are high at least


@dataclass(frozen=True)
class Size:
    """The size of a picture in a file of one format, in the units of ``width=``: pixels, or points of a PDF."""

    format: str
    wide: float
    high: float
    scale: float  # of the natural size

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the graph by which Graphviz's drawing has this size."""
        if self.format == "png":
            return {"dpi": f"{72 * UNITS['png'] * self.scale:.6g}"}
        size = {"size": f"{self.wide / 72:.6g},{self.high / 72:.6g}!"} if self.scale != 1 else {}
        return {"margin": "0", **size}  # by itself a page of a PDF has half an inch around the drawing


def size_in_file(scene: Scene, format: str, width: float | None = None, scale: float | None = None) -> Size:
    """The size that a scene gets in a file, ``width`` units wide or ``scale`` times as large as it is by itself.

    Warns where the format has no room for that, and takes the largest size that it has; and where the smallest words
    would be too small to read at the size that was asked for. Raises ArgumentError for sizes that are none.
    """
    natural = [side * UNITS[format] for side in size_of(scene)]
    asked = _asked(natural[0], width, scale)
    factor = min(asked, LARGEST.get(format, float("inf")) / max(natural))
    wide, high = (side * factor for side in natural)
    if factor < asked:
        units, allowed = NAMES[format], "32,767" if format == "png" else "14,400"
        full = " × ".join(f"{side * asked:,.0f}" for side in natural)
        _warn(
            f"this picture is {full} {units} large, and a {format.upper()} has at most {allowed} a side: it is saved "
            f"{wide:,.0f} × {high:,.0f} {units} large. An .svg has no such limit; fold= and depth= leave less to draw"
        )
    chosen = factor < asked or not width == scale is None
    if chosen and (words := describe_unreadable(scene, wide, format)):
        _warn(words)
    return Size(format, wide, high, factor)


def describe_unreadable(scene: Scene, width: float, format: str = "svg") -> str:
    """What is said of a picture whose smallest letters are too small to read at this width; '' where they are not."""
    pixels = smallest_text(scene) * width / size_of(scene)[0] * (4 / 3 if format == "pdf" else 1)
    if pixels >= READABLE:
        return ""
    return (
        f"{width:,.0f} {NAMES[format]} wide, the smallest letters of this picture are {pixels:.1f} pixels high and "
        f"cannot be read: {math.ceil(width * READABLE / pixels):,} wide they can, or with less to draw, by fold=, "
        'collapse=, depth=, view="strip" or "rolled"'
    )


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
