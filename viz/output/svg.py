"""A scene as SVG: straight from the places, with no other program.

Every node is ``<g class="node">`` and every edge ``<g class="edge">`` with a stable id, their numbers as ``data-``
attributes; widths and colours are plain attributes, so that any program shows them. Under the theme ``auto`` a style
sheet gives each colour its counterpart where the reader's page is dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tinygrad_lstm.escaping import element_id, markup
from viz.layout.arrowheads import arrowhead, head_size, shortened
from viz.layout.geometry import Place, Rect, hatching, tip_of
from viz.scene.marks import Cluster, Edge, Node, Path, Row, Scene, Span
from viz.style.stroke import Stroke
from viz.style.text import FONT
from viz.style.text import number_of_points as _n
from viz.style.theme import looks_of, stylesheet

MARGIN = 20  # points around everything
LEAST = 0.4  # of its natural size; a page that is narrower than that scrolls


def svg_of(scene: Scene, title: str, description: str, width: float | None = None) -> str:
    """The scene as an SVG document that is as wide as the page lets it be, or so many pixels.

    >>> from viz.style.theme import THEMES
    >>> scene = Scene(THEMES["light"])
    >>> scene.add(Node("a", (0.0, 0.0), (40, 20)))
    >>> print(svg_of(scene, "one <box>", "A box.")[:62])
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 60" wi
    """
    paper = _paper(scene)
    draw = _Writer(scene, -paper.left, paper.top)
    size = f'viewBox="0 0 {_n(paper.width)} {_n(paper.height)}" {_shown(paper, width)}'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
            f'{looks_of(scene.theme)} font-family="{FONT}" font-size="12">',
            f"<title>{markup(title)}</title>",
            f"<desc>{markup(description)}</desc>",
            *([f"<style>{stylesheet()}</style>"] if scene.theme.adapts else []),
            *draw.ground(paper.width, paper.height),
            *(line for cluster in scene.clusters for line in draw.cluster(cluster)),
            *map(draw.path, scene.halos()),
            *(line for edge in scene.edges for line in draw.edge(edge)),
            *map(draw.path, scene.paths),
            *(line for node in scene.nodes.values() for line in draw.node(node)),
            "</svg>",
        ]
    )


def _shown(paper: Rect, width: float | None) -> str:
    """The attributes that say how large the document is shown; in a narrower page it keeps its proportions."""
    if width is not None:
        return f'width="{_n(width)}" style="height:auto" height="{_n(width * paper.height / paper.width)}"'
    return f'width="100%" style="max-width:{_n(paper.width)}pt;min-width:{_n(LEAST * paper.width)}pt;height:auto"'


def _paper(scene: Scene) -> Rect:
    return scene.extent().grown(MARGIN)


def size_of(scene: Scene) -> tuple[float, float]:
    """How wide and how high the document is."""
    paper = _paper(scene)
    return paper.width, paper.height


class _Writer:
    """Turns parts of the scene into elements; SVG's y runs downwards. Colours are our own, so only text is escaped."""

    def __init__(self, scene: Scene, right: float, down: float) -> None:
        self.theme, self._right, self._down = scene.theme, right, down

    def at(self, place: Place) -> Place:
        """A place of the scene in the coordinates of the document."""
        return place[0] + self._right, self._down - place[1]

    def through(self, points: Iterable[Place]) -> str:
        """Straight lines through these places."""
        return "M" + "L".join([_pair(self.at(point)) for point in points])

    def ground(self, width: float, height: float) -> Iterator[str]:
        """The paper."""
        yield f'<rect width="{_n(width)}" height="{_n(height)}" fill="{self.theme.paper}"/>'

    def cluster(self, cluster: Cluster) -> Iterator[str]:
        """A ground with its caption."""
        left, bottom, right, top = cluster.box
        x, y = self.at((left, top))
        wide, high = right - left, top - bottom
        yield f'<g class="frame" id="{element_id(cluster.id)}">{_title(cluster.tooltip)}'
        place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}"'
        yield f'<rect {place} rx="8" fill="{cluster.fill}" stroke="{cluster.line}" stroke-width="0.8"/>'
        if cluster.hatched:
            lines = "".join(f"M{_pair(a)}L{_pair(b)}" for a, b in hatching(x, y, wide, high))
            yield f'<path d="{lines}" fill="none" stroke="{self.theme.faint}" stroke-width="1"/>'
        if cluster.caption:
            yield self.text(cluster.caption, (x + cluster.indent, y + 16), "start")
        yield "</g>"

    def edge(self, edge: Edge) -> Iterator[str]:
        """A line with its arrowhead, whose tip is where the line ends."""
        stroke = edge.stroke
        points = edge.points[::-1] if stroke.backward else edge.points
        base = shortened(points, head_size(stroke.width)[0] if not stroke.open else 1)
        drawn = base[::-1] if stroke.backward else base
        yield f'<g class="edge" id="{element_id(edge.id)}"{_data({**stroke.data, **edge.data})}>{_title(edge.tooltip)}'
        yield f'<path fill="none" d="{self.through(drawn)}" {_line(stroke)}/>'
        corners = " ".join([_pair(self.at(corner)) for corner in arrowhead(points, stroke.width)])
        faint = f'-opacity="{stroke.opacity:g}"' if stroke.opacity < 1 else ""
        if stroke.open:
            yield f'<polyline points="{corners}" fill="none" stroke="{stroke.colour}"{faint and f" stroke{faint}"}/>'
        else:
            yield f'<polygon points="{corners}" fill="{stroke.colour}"{faint and f" fill{faint}"}/>'
        yield "</g>"

    def path(self, path: Path) -> str:
        """A line that is no edge."""
        look = f'd="{self.through(path.points)}" fill="none" {_line(path.stroke)}'
        if path.closed:
            faint = f' fill-opacity="{path.stroke.opacity:g}"' if path.stroke.opacity < 1 else ""
            look = f'd="{self.through(path.points)}Z" fill="{path.stroke.colour}"{faint}'
        return f'<g class="curve">{_title(path.tooltip)}<path {look}/></g>'

    def node(self, node: Node) -> Iterator[str]:
        """A shape with its text; a mere place for a line to begin at is not drawn."""
        if node.shape == "text" and not node.rows:
            return
        x, y = self.at(node.middle)
        faint = f' opacity="{node.opacity:g}"' if node.opacity < 1 else ""
        yield f'<g class="node" id="{element_id(node.id)}"{faint}{_data(node.data)}>{_title(node.tooltip)}'
        if node.shape != "text":
            look = f'fill="{node.fill or "none"}" stroke="{node.line or "none"}" stroke-width="{_n(node.width)}"'
            yield f"{outline(node, x, y)} {look}" + ' stroke-dasharray="4 3"' * node.dashed + "/>"
        sizes = [max(span.size for span in row) for row in node.rows]
        line = y - 0.61 * sum(sizes)
        for row, size in zip(node.rows, sizes, strict=True):
            start = x - node.size[0] / 2 + (0 if node.shape == "text" else 10) if node.left else x
            yield self.text(row, (start, line + 0.96 * size), "start" if node.left else "middle")
            line += 1.22 * size
        yield "</g>"

    def text(self, row: Row, baseline: Place, anchor: str) -> str:
        """A row of text from, or around, this place of the document."""
        where = f'x="{_n(baseline[0])}" y="{_n(baseline[1])}"' + ' text-anchor="middle"' * (anchor == "middle")
        runs = [(self._look(span), markup(span.text).replace("  ", " \u00a0")) for span in row]
        if len(runs) == 1:
            return f"<text {where} {runs[0][0]}>{runs[0][1]}</text>"
        return f"<text {where}>" + "".join(f"<tspan {look}>{words}</tspan>" for look, words in runs) + "</text>"

    def _look(self, span: Span) -> str:
        look = f'font-size="{_n(span.size)}" fill="{span.colour or self.theme.ink}"'
        return look + ' font-weight="bold"' * span.bold + ' font-style="italic"' * span.italic


def outline(node: Node, x: float, y: float) -> str:
    """The beginning of the element that draws a shape around this middle."""
    width, height = node.size
    left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if node.shape == "disc":
        return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(width / 2)}"'
    if node.shape in ("hexagon", "flag", "block"):
        cut = tip_of(width)
        corners: list[Place] = {
            "hexagon": [(left + cut, top), (right - cut, top), (right, y), (right - cut, bottom),
                        (left + cut, bottom), (left, y)],
            "flag": [(left, top), (right - cut, top), (right, y), (right - cut, bottom), (left, bottom)],
            "block": [(left, top + 4), (left + 4, top), (right, top), (right, bottom - 4), (right - 4, bottom),
                      (left, bottom)],
        }[node.shape]  # fmt: skip
        return f'<polygon points="{" ".join(map(_pair, corners))}"'
    radius = f' rx="{_n(min(9.0, height / 3))}"' if node.shape == "round" else ""
    return f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}"{radius}'


def _line(stroke: Stroke) -> str:
    """The attributes of a line."""
    look = f'stroke="{stroke.colour}" stroke-width="{stroke.width:.2f}"'
    look += f' stroke-dasharray="{stroke.dashes}"' if stroke.dashes else ""
    return look + (f' stroke-opacity="{stroke.opacity:g}"' if stroke.opacity < 1 else "")


def _title(tooltip: tuple[str, ...]) -> str:
    return f"<title>{chr(10).join(map(markup, tooltip))}</title>" if tooltip else ""


def _data(data: Mapping[str, str]) -> str:
    return "".join([f' data-{name}="{markup(value)}"' for name, value in data.items()])


def _pair(place: Place) -> str:
    return f"{place[0]:.1f},{place[1]:.1f}".replace(".0,", ",").removesuffix(".0")
