"""Placements as plain SVGs, for the lint: boxes, lines with arrowheads at an end, panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from viz.layout.arrowheads import arrowhead, head_size, shortened
from viz.layout.geometry import Path, Point, Rect
from viz.layout.layered import Line


def plain(
    boxes: Mapping[str, Rect], lines: Sequence[Line], paths: Sequence[Path],
    panels: Mapping[str, Rect] | None = None, heads: Literal["source", "target"] = "target",
) -> str:  # fmt: skip
    """An SVG of boxes without text; y runs downwards, so the drawing is turned."""
    parts = [group("frame", name, rect(box)) for name, box in (panels or {}).items()]
    for k, (line, path) in enumerate(zip(lines, paths, strict=True)):
        way = path if heads == "target" else path[::-1]
        corners = " ".join(pair(corner) for corner in arrowhead(way, line.width))
        stroke = f'<path d="{d(shortened(way, head_size(line.width)[0]))}" stroke-width="{line.width}"/>'
        parts.append(group("edge", f"{line.source}-{line.target}-{k}", f'{stroke}<polygon points="{corners}"/>'))
    parts += [group("node", name, rect(box)) for name, box in boxes.items() if box.height]
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'


def group(kind: str, name: str, inside: str) -> str:
    return f'<g class="{kind}" id="{name}">{inside}</g>'


def rect(box: Rect) -> str:
    return f'<rect x="{box.left:.2f}" y="{-box.top:.2f}" width="{box.width:.2f}" height="{box.height:.2f}"/>'


def pair(point: Point) -> str:
    return f"{point.x:.2f},{-point.y:.2f}"


def d(path: Path) -> str:
    return "M" + "L".join(map(pair, path))
