"""Reading DOT text back, as far as the tests of pictures need it: nodes, edges, their attributes and clusters."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

ATTRIBUTE = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|<.*?>(?= \w+=|$)|\S+)')
NODE = re.compile(r"^(\w+) \[(.*)\]$")
EDGE = re.compile(r"^(\w+)(?::\w+)* -> (\w+)(?::\w+)* \[(.*)\]$")


@dataclass
class Dot:
    nodes: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    edges: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    clusters: dict[str, list[str]] = field(default_factory=dict)  # node -> labels of its clusters, outermost first

    def __getitem__(self, name: str) -> dict[str, str]:
        return dict(self.nodes)[name]

    def edge(self, source: str, reader: str) -> dict[str, str]:
        (found,) = [look for a, b, look in self.edges if (a, b) == (source, reader)]
        return found

    def box(self, name: str) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of a pinned node, in points."""
        look = self[name]
        x, y = map(float, look["pos"].split(","))
        width, height = 72 * float(look["width"]), 72 * float(look["height"])
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in ATTRIBUTE.findall(text)}


def read(source: str) -> Dot:
    dot = Dot()
    open_clusters: list[str] = []
    for line in map(str.strip, source.splitlines()):
        if line.startswith("subgraph"):
            open_clusters.append("?")
        elif line == "}" and open_clusters:
            open_clusters.pop()
        elif edge := EDGE.match(line):
            dot.edges.append((edge[1], edge[2], attributes(edge[3])))
        elif (found := NODE.match(line)) and found[1] not in ("graph", "node", "edge"):
            dot.nodes.append((found[1], attributes(found[2])))
            dot.clusters[found[1]] = list(open_clusters)
        elif open_clusters and (label := attributes(line).get("label")) is not None:
            open_clusters[-1] = text_of({"label": label})
    return dot


def text_of(look: dict[str, str]) -> str:
    """A label without its markup, its lines apart by a line break; as it is, if it is plain."""
    label = look["label"]
    if not label.startswith("<") or not label.endswith(">"):
        return label
    lines = re.sub(r"<BR/>", "\n", label[1:-1])
    return html.unescape(re.sub(r"<[^>]*>", "", lines)).replace("\u00a0", " ").strip()
