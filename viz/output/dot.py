"""A scene as DOT text: to edit it with Graphviz, and for PNG and PDF.

``layout=nop2`` makes Graphviz keep every place, lines included, so it draws what the SVG shows. Quoting is the graphviz
package's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import graphviz

from tinygrad_lstm.escaping import element_id, markup, printable
from viz.layout.arrowheads import WIDE, shortened
from viz.layout.geometry import Place, hatching
from viz.scene.marks import Cluster, Edge, Node, Path, Row, Scene, width_of
from viz.style.stroke import Stroke
from viz.style.text import FONT, number_of_points
from viz.style.theme import Colour

MOST = 2000  # letters of a text; of more than 16 kB Graphviz says that its input is invalid
SHAPES = {
    "box": "box", "round": "box", "disc": "circle", "hexagon": "hexagon", "flag": "cds", "block": "box3d",
    "text": "plaintext",
}  # fmt: skip


def dot_of(scene: Scene) -> str:
    """The scene as DOT text.

    >>> from viz.style.theme import THEMES
    >>> scene = Scene(THEMES["light"])
    >>> scene.add(Node("a", (1.0, 2.0), (36, 18)))
    >>> print(dot_of(scene).splitlines()[-2].strip().split(" color")[0])
    a [label=""
    """
    dot, theme = graphviz.Digraph("graph"), scene.theme
    dot.attr("graph", bgcolor=theme.paper, fontname=FONT, fontsize="11", fontcolor=theme.quiet, pad="0.28")
    dot.attr("graph", layout="nop2", splines="line", outputorder="edgesfirst")
    dot.attr("node", fontname=FONT, fontsize="12", fontcolor=theme.ink, shape="box", style="filled", margin="0.09,0.04")
    dot.attr("edge", fontname=FONT, fontsize="10")
    for k, halo in enumerate(scene.halos()):
        _path(dot, f"halo_{k}", halo)
    clusters = {"": dot} | {cluster.id: _cluster(k, cluster, scene) for k, cluster in enumerate(scene.clusters)}
    for node in scene.nodes.values():
        clusters[node.cluster].node(element_id(node.id), **_node(node, scene))
    for cluster in reversed(scene.clusters):  # inner ones first: what is put in is put in as it is
        clusters[cluster.parent].subgraph(clusters[cluster.id])
    for edge in scene.edges:
        dot.edge(element_id(edge.source), element_id(edge.reader), **_edge(edge))
    paths = scene.paths + [path for cluster in scene.clusters for path in _hatch(cluster, theme.faint)]
    for k, path in enumerate(paths):
        _path(dot, f"curve_{k}", path)
    return str(dot.source)


def text(lines: Iterable[str]) -> str:
    r"""Lines of text that DOT takes as they are: none of their letters is read as markup, entity or escape.

    >>> print(text(["<a> & b", r"C:\new"]))
    <a> &amp; b\nC:\\new
    """
    whole = "\n".join(map(printable, lines))[:MOST]
    escaped = (str(graphviz.escape(line)).replace("&", "&amp;") for line in whole.split("\n"))
    return graphviz.nohtml("\\n".join(escaped))  # type: ignore[no-any-return]


def _cluster(number: int, cluster: Cluster, scene: Scene) -> graphviz.Digraph:
    drawn = graphviz.Digraph(f"cluster_{number}")
    left, _, _, top = cluster.box
    drawn.attr(
        style="rounded,filled", fillcolor=cluster.fill, color=cluster.line, penwidth="1.2", labelloc="t",
        labeljust="l", label=_markup([cluster.caption], scene) if cluster.caption else "",
        tooltip=text(cluster.tooltip), id=element_id(cluster.id), bb=",".join(map(number_of_points, cluster.box)),
    )  # fmt: skip
    if cluster.caption:
        wide = width_of(cluster.caption)
        drawn.attr(lp=f"{number_of_points(left + cluster.indent + wide / 2)},{number_of_points(top - 14)}")
    return drawn


def _node(node: Node, scene: Scene) -> dict[str, str]:
    is_so = {"rounded": node.shape == "round", "filled": bool(node.fill), "dashed": node.dashed}
    looks = [word for word, there in is_so.items() if there]
    label = {"label": _label(node, scene), "shape": SHAPES[node.shape], "id": element_id(node.id)}
    look = {"style": ",".join(looks), "penwidth": f"{node.width:g}", "color": node.line or scene.theme.ink}
    look |= {"fillcolor": node.fill or scene.theme.paper, "tooltip": text(node.tooltip)}
    if node.shape == "text":
        look = {"style": "", "tooltip": text(node.tooltip), "margin": "0"}
    elif not node.line:
        look["color"] = node.fill or "transparent"
    for name in ("color", "fillcolor") if node.opacity < 1 else ():
        if look.get(name, "transparent") != "transparent":
            look[name] += _alpha(node.opacity)
    width, height = (f"{points / 72:.3g}" for points in node.size)
    x, y = map(number_of_points, node.middle)
    return {**label, **look, "pos": f"{x},{y}", "width": width, "height": height, "fixedsize": "true"}


def _label(node: Node, scene: Scene) -> str:
    """Plain text where one look is enough, markup where there are several, or where the text begins at the left."""
    spans = [span for row in node.rows for span in row]
    if not spans:
        return ""
    if node.opacity < 1:
        faint = _alpha(node.opacity)
        faded = [tuple([replace(s, colour=(s.colour or scene.theme.ink) + faint) for s in row]) for row in node.rows]
        return _label(replace(node, rows=tuple(faded), opacity=1.0), scene)
    looks = {(span.size, span.colour, span.bold, span.italic) for span in spans}
    if looks == {(12, "", False, False)} and not node.left and all(len(row) == 1 for row in node.rows):
        return text(span.text for span in spans)
    markup = _markup(node.rows, scene)
    if not node.left:
        return markup
    inner = markup[1:-1]
    return (
        f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
        f'<TD ALIGN="LEFT" WIDTH="{node.size[0]:g}">{inner}</TD></TR></TABLE>>'
    )


def _markup(rows: Iterable[Row], scene: Scene) -> str:
    def run(span_text: str, size: float, colour: str, bold: bool, italic: bool) -> str:
        words = markup(span_text).replace(" ", "&#160;")
        words = f"<B>{words}</B>" if bold else words
        words = f"<I>{words}</I>" if italic else words
        return f'<FONT POINT-SIZE="{size:g}" COLOR="{colour or scene.theme.ink}">{words}</FONT>'

    lines = ("".join(run(s.text, s.size, s.colour, s.bold, s.italic) for s in row) for row in rows)
    return f"<{'<BR/>'.join(lines)}>"


def _edge(edge: Edge) -> dict[str, str]:
    stroke = edge.stroke
    arrow = "vee" if stroke.open else "normal"
    look = {"dir": "back", "arrowtail": arrow} if stroke.backward else {"dir": "forward", "arrowhead": arrow}
    head = 0.95 / math.sqrt(max(stroke.width, 1)) * min(1, WIDE / stroke.width) ** 2  # a head's line is as wide
    look |= {"id": element_id(edge.id), "edgetooltip": text(edge.tooltip), "arrowsize": f"{head:.2f}", **_line(stroke)}
    if route := stroke.data.get("route"):
        look["class"] = route
    return look | {"pos": _spline(edge)}


def _line(stroke: Stroke) -> dict[str, str]:
    faint = _alpha(stroke.opacity) if stroke.opacity < 1 else ""
    style = "dotted" if stroke.dotted else "dashed" if stroke.dashed else "solid"
    return {"color": stroke.colour + faint, "penwidth": f"{stroke.width:.2f}", "style": style}


def _alpha(opacity: float) -> str:
    """An opacity as the last two digits of a colour."""
    return f"{round(255 * opacity):02X}"


def _spline(edge: Edge) -> str:
    """The path of a line as DOT has it, the arrowhead's tip first: straight Bézier curves."""
    back = edge.stroke.backward
    points = edge.points[::-1] if back else edge.points
    line = shortened(points, 6)
    tip = ",".join(map(number_of_points, points[-1]))
    return f"{'s' if back else 'e'},{tip} " + _beziers(line[::-1] if back else line)


def _beziers(points: tuple[Place, ...]) -> str:
    corners = [points[0]]
    for start, stop in pairwise(points):
        corners += [start, stop, stop]
    return " ".join(",".join(map(number_of_points, corner)) for corner in corners)


def _hatch(cluster: Cluster, colour: Colour) -> list[Path]:
    if not cluster.hatched:
        return []
    left, bottom, right, top = cluster.box
    lines = hatching(left, bottom, right - left, top - bottom)
    return [Path(ends, Stroke(colour, 1)) for ends in lines]


def _path(dot: graphviz.Digraph, name: str, path: Path) -> None:
    """An edge between two points that are not seen; what is closed is an arrowhead, its tip the middle one of three."""
    spline, look = _beziers(path.points), {"dir": "none"}
    if path.closed:
        (x, y), tip, (u, v) = path.points
        base = (x + u) / 2, (y + v) / 2
        spline = f"e,{','.join(map(number_of_points, tip))} {_beziers((base, base))}"
        look = {"dir": "forward", "arrowhead": "normal", "arrowsize": f"{math.dist(base, tip) / 10:.2f}"}
    for end, (x, y) in (("a", path.points[0]), ("b", path.points[-1])):
        place = f"{number_of_points(x)},{number_of_points(y)}"
        dot.node(f"{name}{end}", "", pos=place, shape="point", style="invis", width="0.01", height="0.01")
    dot.edge(
        f"{name}a", f"{name}b", id=name, pos=spline, edgetooltip=text(path.tooltip), **_line(path.stroke), **look,
        **{"class": "curve"},
    )  # fmt: skip
