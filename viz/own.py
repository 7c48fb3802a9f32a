"""A template for a cell that has none: every operation of its step a box, columns by the longest path to it.

What carries a state on lies on a belt above the others, as in the cells that have a template of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tinygrad_lstm.graph import Vertex
from viz.names import SYMBOLS, brief
from viz.places import Spot, places
from viz.routing import LANE, Routing
from viz.scene import Box as Outline
from viz.scene import Place, around, width_of_text
from viz.templates import SIZES, Box, Look, Template

HIGH, STRETCH, GAP = 34, 1.3, 36  # points: a box's height; how much higher rows are than in a graph; room beside boxes
APART = 84  # points between two states, one above the other
Reads = Mapping[str, Sequence[str]]


def own_template(
    vertices: Mapping[str, Vertex], reads: Reads, made_in: Mapping[str, str], carrying: Sequence[str], belt_state: str
) -> Template:
    """A template of a step's operations.

    ``vertices`` by role in the order of computation; ``reads`` of each: roles, x, and previous states as ``"c-"``;
    ``made_in`` the role that makes each state; ``carrying`` the roles that carry ``belt_state`` on, if any do.
    """
    on_belt = _between(carrying[0], made_in[belt_state], reads) if carrying else []
    maker = {role: name for name, role in made_in.items()}
    reads = {role: [maker.get(name, name) for name in names] for role, names in reads.items()}  # from the pills
    inner = [belt_state] if on_belt else []  # the states that stand where they are made, the others at the right
    labels = {role: _label(vertex) for role, vertex in vertices.items()}
    sizes = {"x": SIZES["input"]} | {role: (_wide(label), float(HIGH)) for role, label in labels.items()}
    sizes |= dict.fromkeys(on_belt, SIZES["op"]) | dict.fromkeys(made_in, SIZES["state"])
    spots = {"x": Spot(sizes["x"][0] + GAP, (0, 0))}
    for role in vertices:
        for name in (role, *(name for name in inner if made_in[name] == role)):
            spots[name] = Spot(sizes[name][0] + GAP, (0, 0))
    lines = [(source, role) for role, names in reads.items() for source in names if source in spots]
    found = places(spots, [*lines, *((made_in[name], name) for name in inner)])
    left, lowest = min(found.lefts.values()), min(y for _, y in found.middles.values())
    at = {name: (x - left + 24, STRETCH * (y - lowest)) for name, (x, y) in found.middles.items()}
    right = max(x + spots[name].width / 2 for name, (x, _) in at.items()) + 56
    outer = [name for name in made_in if name not in inner]
    at |= {name: (right, APART * float(k)) for k, name in enumerate(outer)}
    above = {*on_belt, belt_state} if on_belt else set()
    roof = max(y for name, (_, y) in at.items() if name not in above) + HIGH
    lanes = sum(name.endswith("-") or role in above for role, names in reads.items() for name in names)
    at |= {name: (at[name][0], roof + LANE * lanes + 54) for name in above}
    routing = Routing({name: _outline(place, *sizes[name]) for name, place in at.items()}, roof)
    _connect_all(routing, reads, made_in, above, belt_state)
    shift = max(60.0, 16.0 - routing.lowest)
    boxes = {}
    for name, (x, y) in at.items():
        look: Look = "input" if name == "x" else "state" if name in made_in else "op" if name in above else "cell"
        text = labels.get(name, "").split("\n")[-1] if look == "op" else labels.get(name, "")
        wide, high = sizes[name] if look == "cell" else (0.0, 0.0)
        note = vertices[name].op if name in vertices else ""
        boxes[name] = Box(x, y + shift, look, text, note, wide=wide, high=high)
    _, _, _, top = around(
        [*routing.boxes.values(), *((*place, *place) for corners in routing.corners.values() for place in corners)]
    )
    return Template(
        pitch=max(x for x, _ in at.values()) + 50 + (0 if outer else 34), top=top + shift + 64, bottom=-26, boxes=boxes,
        made_in=dict(made_in), belt=(*on_belt, belt_state) if on_belt else (), belt_state=belt_state,
        carry="only scaled", crossing_path="through all else of a step",
        routing={ends: tuple((x, y + shift) for x, y in corners) for ends, corners in routing.corners.items()},
        asides={name: (at[name][0], at[name][1] + shift - 42) for name in made_in},
    )  # fmt: skip


def _between(first: str, last: str, reads: Reads) -> list[str]:
    """The roles on the shortest path from one to another; of two that have none, both."""
    paths, seen = [[last]], {last}
    for path in paths:  # which grows
        if path[0] == first:
            return path
        before = [name for name in reads.get(path[0], ()) if name in reads and name not in seen]
        paths += [[name, *path] for name in dict.fromkeys(before)]
        seen.update(before)
    return [first, last]


def _connect_all(
    routing: Routing, reads: Reads, made_in: Mapping[str, str], above: Collection[str], belt_state: str
) -> None:
    """Route every line that there may be."""
    for name, role in made_in.items():
        if name not in above:
            routing.connect(role, name)
    for role, names in reads.items():
        routing.connect_to_weights(role)
        for name in dict.fromkeys(names):
            if name in routing.boxes:
                if role not in above:
                    routing.connect(name, role)
                elif name not in above:
                    routing.connect_to_belt(name, role)
            elif name.endswith("-") and (role not in above or name != f"{belt_state}-"):
                on_belt = bool(above) and name == f"{belt_state}-"
                routing.connect_to_previous(name.removesuffix("-"), role, on_belt)


def _outline(middle: Place, width: float, height: float) -> Outline:
    (x, y) = middle
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _wide(label: str) -> float:
    """How wide a box with this label is."""
    return max(30.0, width_of_text(max(label.split("\n"), key=len), 11) + 12)


def _label(vertex: Vertex) -> str:
    """The name of a value, if it has one, and what computes it."""
    symbol = SYMBOLS.get(vertex.op, vertex.op)
    return f"{brief(vertex.label, 16)}\n{symbol}" if vertex.label else symbol
