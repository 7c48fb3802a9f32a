"""A scene as DOT text: to edit it with Graphviz, and for PNG and PDF.

Where nodes have their places, ``layout=nop2`` makes Graphviz keep them, lines included; where they have none, its own
layout finds them, helped by ``newrank``. Quoting is the graphviz package's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import graphviz

from tinygrad_lstm.escaping import element_id, markup, printable
from viz.geometry import Place, hatching, shorten
from viz.output.svg import LABEL
from viz.scene.marks import Curve, Edge, Frame, Node, Row, Scene
from viz.style.scales import THICKEST
from viz.style.text import FONT, number_of_points, width_of_text

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
    if scene.pinned:
        dot.attr("graph", layout="nop2", splines="line", outputorder="edgesfirst")
    else:
        dot.attr("graph", rankdir="LR", newrank="true", nodesep="0.18", ranksep="0.34")
        if scene.caption:
            dot.attr("graph", label=text(scene.caption), labelloc="b", labeljust="l")
    dot.attr("node", fontname=FONT, fontsize="12", fontcolor=theme.ink, shape="box", style="filled", margin="0.09,0.04")
    dot.attr("edge", fontname=FONT, fontsize="10")
    for k, halo in enumerate(scene.halos()):
        _curve(dot, f"halo_{k}", halo)
    clusters = {"": dot} | {frame.id: _cluster(k, frame, scene) for k, frame in enumerate(scene.frames)}
    for node in scene.nodes.values():
        clusters[node.frame].node(element_id(node.id), **_node(node, scene))
    for frame in reversed(scene.frames):  # inner ones first: what is put in is put in as it is
        clusters[frame.parent].subgraph(clusters[frame.id])
    for edge in scene.edges:
        dot.edge(element_id(edge.source), element_id(edge.reader), **_edge(edge, theme.quiet))
    curves = scene.curves + [curve for frame in scene.frames for curve in _hatch(frame)]
    for k, curve in enumerate(curves):
        _curve(dot, f"curve_{k}", curve)
    return str(dot.source)


def text(lines: Iterable[str]) -> str:
    r"""Lines of text that DOT takes as they are: none of their letters is read as markup, entity or escape.

    >>> print(text(["<a> & b", r"C:\new"]))
    <a> &amp; b\nC:\\new
    """
    whole = "\n".join(map(printable, lines))[:MOST]
    escaped = (str(graphviz.escape(line)).replace("&", "&amp;") for line in whole.split("\n"))
    return graphviz.nohtml("\\n".join(escaped))  # type: ignore[no-any-return]


def _cluster(number: int, frame: Frame, scene: Scene) -> graphviz.Digraph:
    cluster = graphviz.Digraph(f"cluster_{number}")
    cluster.attr(
        style="rounded,filled", fillcolor=frame.fill, color=frame.line, penwidth="1.2", labelloc="t",
        labeljust="l", label=_markup([frame.caption], scene) if frame.caption else "", tooltip=text(frame.tooltip),
        id=element_id(frame.id),
    )  # fmt: skip
    if frame.box:
        left, _, _, top = frame.box
        cluster.attr(bb=",".join(map(number_of_points, frame.box)))
        if frame.caption:
            wide = sum(0.55 * span.size * len(span.text) for span in frame.caption)
            cluster.attr(lp=f"{number_of_points(left + 14 + wide / 2)},{number_of_points(top - 14)}")
    return cluster


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
    width, height = (f"{points / 72:.3g}" for points in node.size)
    if node.middle is None:
        fixed = {"fixedsize": "true"} if node.shape == "disc" else {}
        return {**label, **look, "width": width, "height": height, **fixed}
    x, y = map(number_of_points, node.middle)
    return {**label, **look, "pos": f"{x},{y}", "width": width, "height": height, "fixedsize": "true"}


def _label(node: Node, scene: Scene) -> str:
    """Plain text where one look is enough, markup where there are several, or where the text begins at the left."""
    spans = [span for row in node.rows for span in row]
    if not spans:
        return ""
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


def _edge(edge: Edge, quiet: str) -> dict[str, str]:
    arrow = "vee" if edge.open else "normal"
    look = {"dir": "back", "arrowtail": arrow} if edge.head == "source" else {"dir": "forward", "arrowhead": arrow}
    look |= {
        "id": element_id(edge.id),
        "color": edge.colour,
        "penwidth": f"{edge.width:.2f}",
        "edgetooltip": text(edge.tooltip),
    }
    head = 0.95 / math.sqrt(max(edge.width, 1)) * min(1, THICKEST / edge.width) ** 2  # a head's line is as wide
    look |= {"arrowsize": f"{head:.2f}", "style": "dashed" if edge.dashed else "solid"}
    if route := edge.data.get("route"):
        look["class"] = route
    if edge.label:
        look |= {"label": text([edge.label]), "fontsize": f"{LABEL}", "fontcolor": quiet}
    if not edge.corners:
        return look | dict(edge.layout)
    x, y = edge.corners[0]
    middle = x + 3 + width_of_text(edge.label, LABEL) / 2, y + 7
    where = {"lp": ",".join(map(number_of_points, middle))} if edge.label else {}
    return look | {"pos": _spline(edge)} | where


def _spline(edge: Edge) -> str:
    """The path of a line as DOT has it, the arrowhead's tip first: straight Bézier curves."""
    back = edge.head == "source"
    points = edge.corners[::-1] if back else edge.corners
    line = shorten(points, 6)
    tip = ",".join(map(number_of_points, points[-1]))
    return f"{'s' if back else 'e'},{tip} " + _beziers(line[::-1] if back else line)


def _beziers(points: tuple[Place, ...]) -> str:
    corners = [points[0]]
    for start, stop in pairwise(points):
        corners += [start, stop, stop]
    return " ".join(",".join(map(number_of_points, corner)) for corner in corners)


def _hatch(frame: Frame) -> list[Curve]:
    if not frame.hatched or not frame.box:
        return []
    left, bottom, right, top = frame.box
    return [Curve((start, stop), frame.line, 1) for start, stop in hatching(left, bottom, right - left, top - bottom)]


def _curve(dot: graphviz.Digraph, name: str, curve: Curve) -> None:
    """An edge between two points that are not seen; what is closed is an arrowhead, its tip the middle one of three."""
    spline, look = _beziers(curve.points), {"dir": "none"}
    if curve.closed:
        (x, y), tip, (u, v) = curve.points
        base = (x + u) / 2, (y + v) / 2
        spline = f"e,{','.join(map(number_of_points, tip))} {_beziers((base, base))}"
        look = {"dir": "forward", "arrowhead": "normal", "arrowsize": f"{math.dist(base, tip) / 10:.2f}"}
    for end, (x, y) in (("a", curve.points[0]), ("b", curve.points[-1])):
        place = f"{number_of_points(x)},{number_of_points(y)}"
        dot.node(f"{name}{end}", "", pos=place, shape="point", style="invis", width="0.01", height="0.01")
    dot.edge(
        f"{name}a", f"{name}b", color=curve.colour, penwidth=f"{curve.width:.2f}", id=name, pos=spline,
        style="dashed" if curve.dashed else "solid", edgetooltip=text(curve.tooltip), **look, **{"class": "curve"},
    )  # fmt: skip
