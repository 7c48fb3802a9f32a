"""The page itself: the figure, the tape beside it, and the script that plays it, in one file that asks for no other.

The tape is JSON in a data block that no browser runs; names enter the page as text only. The page's own policy
forbids it to load anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm.escaping import element_id, markup, printable, script_json
from tinygrad_lstm.explain.trace import Amount
from viz.diagram.cellgraph import EdgeKey
from viz.diagram.names import INFIX
from viz.measure.backward import Event
from viz.output.picture import Picture
from viz.output.svg import size_of
from viz.playback.laws import Laws
from viz.playback.sentences import names_of, one_line, sentences
from viz.playback.tape import FEW, BackwardStep, Contribution, Tape
from viz.scene.marks import Scene
from viz.style.text import number_of_points
from viz.style.theme import THEMES, colour_rules, shades

NOT_FINITE = {"nan": '"NaN"', "inf": '"inf"', "-inf": '"−inf"'}
MANY = 1000  # vertices; of more of them the page has only the norms of arrays, so that it stays small


@dataclass(frozen=True)
class Figure:
    """A picture of a graph, in the light theme's colours, and the ids of the elements that stand for its parts.

    An element of an edge may have its route as ``data-route``: carry, crossing or weight. What the picture says of the
    gradient of a vertex is an element of that vertex, so that it need not be seen before its turn.
    """

    picture: Picture
    graph: tg.Graph
    nodes: Mapping[int, Sequence[str]]  # vertex -> the elements that stand for it; a vertex may be in none
    edges: Mapping[EdgeKey, Sequence[str]]
    what: str = ""  # what is drawn, in a few words
    routes: tuple[str, ...] = ()  # what carry and crossing are called, where there are two
    known: Mapping[int, Any] = field(default_factory=dict)  # values of vertices that are at hand
    events: Sequence[Event] | None = None  # of the backward pass that the picture shows


def page(figure: Figure, tape: Tape) -> str:
    """The HTML of a player."""
    names = names_of(tape.graph)
    forward, backward = sentences(tape, names)
    source, legend = files("viz.playback"), _legend_of(figure.picture.scene)
    bare = replace(figure.picture, scene=figure.picture.scene.without_header())
    wide, high = map(number_of_points, size_of(bare.scene))
    return Template(source.joinpath("page.html").read_text("utf-8")).substitute(
        wide=wide, high=high, title=markup(one_line(figure.picture.title)),
        title_forward=markup(one_line(f"How the values are made: {figure.what}")),
        style=colours() + source.joinpath("player.css").read_text("utf-8"),
        script=source.joinpath("player.js").read_text("utf-8"),
        svg=bare.svg, legend=legend.svg if legend.scene.nodes else "", tape=encode(figure, tape, names),
        forward=_list(forward, "&amp;pass=forward"), backward=_list(backward),
        forward_steps=len(forward), backward_steps=len(backward),
    )  # fmt: skip


def _legend_of(scene: Scene) -> Picture:
    """The legend of a scene as a picture of its own: the page has it elsewhere."""
    names, lines = scene.header
    nodes = {name: node for name, node in scene.nodes.items() if name in names and name.startswith("legend_")}
    return Picture(Scene(scene.theme, nodes, paths=[*lines]), "Legend", "What the lines are")


def _list(sentences: Iterable[str], state: str = "") -> str:
    """Every step as a link to the state after it."""
    return "\n".join(
        f'<li><a href="#k={k}{state}">{markup(said)}</a></li>' for k, said in enumerate(sentences, start=1)
    )


def colours() -> str:
    """Every colour of the light theme as it is in the reader's own: for the page as variables, for the figure as rules.

    >>> colours().splitlines()[0]
    ':root { --paper: light-dark(#FFFFFF, #111827); --ink: light-dark(#1F2933, #E5EAF0); ...
    """
    light, dark = shades(THEMES["light"]), shades(THEMES["dark"])
    pairs = {name: f"light-dark({colour}, {dark[name]})" for name, colour in light.items()}
    return f":root {{ {'; '.join(f'--{name}: {pair}' for name, pair in pairs.items())} }}\n{colour_rules('.drawn')}\n"


def encode(figure: Figure, tape: Tape, names: list[str]) -> str:
    """The tape as JSON that may stand between script tags: texts once each, in a table, and numbers to four digits."""
    texts: dict[str, int] = {}
    amounts: dict[int, str] = {}  # by the identity of one: a sum after a contribution is that before the next
    most = FEW if len(tape.graph.vertices) <= MANY else 1
    laws = Laws(tape, names)

    def text(word: str) -> int:
        return texts.setdefault(word, len(texts))

    def amount(given: Amount | None) -> str:
        if given is None:
            return "0"
        written = amounts.get(id(given))
        if written is None:
            values = given.values if isinstance(given.values, list) else [] if given.values is None else [given.values]
            numbers = map(_number, [given.norm, *(values if len(values) <= most else [])])
            written = amounts[id(given)] = f"[{shape(given.shape)},{','.join(numbers)}]"
        return written

    @cache
    def shape(sizes: tuple[int, ...]) -> int:
        return text(" × ".join(map(str, sizes)))

    @cache  # each edge is read forward and backward
    def element(reader: int, position: int) -> int:
        return text(" ".join(map(element_id, figure.edges.get((reader, position), ()))))

    def encode_part(turn: BackwardStep, part: Contribution) -> str:
        sums = (part.before, part.after) if part.before is not None else (None, None)  # the first is its own sum
        slope = part.slope if math.prod(part.contribution.shape) <= most else None
        return _array([
            text(part.name), part.source, text(laws.name(part.source, part.index)), element(turn.vertex, part.position),
            *map(text, laws.of(turn, part)), part.nth, part.of, *map(amount, (part.contribution, slope, *sums)),
        ])  # fmt: skip

    vertices = [
        _array([text(names[v.id]), text(v.op), text(one_line("/".join(v.module))), v.step or 0, len(v.shapes),
                *(text(element_id(name)) for name in figure.nodes.get(v.id, []))])
        for v in tape.graph.vertices
    ]  # fmt: skip
    forward = [
        _array([made.vertex, amount(made.value),
                _array([_array([text(e.name), e.source, element(e.reader, e.position)]) for e in made.reads])])
        for made in tape.forward
    ]  # fmt: skip
    backward = [
        _array([turn.vertex, amount(turn.cotangent), _array([encode_part(turn, part) for part in turn.contributions])])
        for turn in tape.backward
    ]
    ops = sorted({vertex.op for vertex in tape.graph.vertices})
    said = {printable(op): printable((tg.Primitive.by_name[op].__doc__ or "").strip().split("\n")[0])
            for op in ops if op in tg.Primitive.by_name}  # fmt: skip
    words = {"texts": [*map(printable, texts)], "ops": said, "routes": figure.routes, "signs": INFIX}
    lists = {"vertices": vertices, "forward": forward, "backward": backward}
    return ",".join([script_json(words)[:-1], *(f'"{name}":{_array(rows)}' for name, rows in lists.items())]) + "}"


def _array(parts: Iterable[object]) -> str:
    """A JSON array of numbers and of what is JSON already: thousands of these are many times as fast as json.dumps."""
    return f"[{','.join(map(str, parts))}]"


def _number(x: float) -> str:
    """A number as JSON has it; what is not finite as a word."""
    digits = f"{x:.4g}"
    return NOT_FINITE.get(digits, digits)
