"""A template for a cell that has none: every operation of its step a box, columns by the longest way to it.

What carries a state on lies on a belt above the others, as in the cells that have a template of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tinygrad_lstm.graph import Vertex
from viz.names import SYMBOLS
from viz.places import HEIGHT, Spot, places
from viz.scene import width_of_text
from viz.templates import Box, Look, Template

LANE = 9  # points between two lines that pass by


def own_template(
    vertices: Mapping[str, Vertex], reads: Mapping[str, Sequence[str]], made_in: Mapping[str, str],
    carrying: Collection[str], carried: Sequence[str],
) -> Template:  # fmt: skip
    """A template of a step's operations.

    ``vertices`` by role in the order of computation; ``reads`` of each, roles and names of what the step begins with;
    ``made_in`` the role that makes each state; ``carrying`` the roles that read a state to carry it on; ``carried``
    the states for which there are such.
    """
    labels = {role: _label(vertex) for role, vertex in vertices.items()}
    widths = {
        role: max(30.0, width_of_text(max(label.split("\n"), key=len), 11) + 12) for role, label in labels.items()
    }
    spots = {"x": Spot(32, (0, 0))} | {role: Spot(width, (0, 0)) for role, width in widths.items()}
    lines = [(source, role) for role, sources in reads.items() for source in sources if source in spots]
    found = places(spots, lines).middles
    bottom, top = min(y for _, y in found.values()), max(y for _, y in found.values())
    left = min(x - spots[role].width / 2 for role, (x, _) in found.items()) - 28
    columns = {role: k for k, x in enumerate(sorted({x for x, _ in found.values()})) for role, at in found.items() if at[0] == x}  # fmt: skip
    on_belt = [*carrying, made_in[next(iter(carried))]] if carried else []
    far = [line for line in lines if columns[line[1]] - columns[line[0]] > 1 and not {*line} & {*on_belt}]
    back = [
        (state, role)
        for role, sources in reads.items()
        for state in sources
        if state in made_in and role not in on_belt
    ]
    base = 60.0 + LANE * len(far)
    at = {role: (x - left, y - bottom + base) for role, (x, y) in found.items()}
    roof = top - bottom + base + HEIGHT
    belt_y = roof + LANE * len(back) + 30
    ways = {
        line: ((at[line[0]][0], base - 24 - LANE * k), (at[line[1]][0], base - 24 - LANE * k))
        for k, line in enumerate(far)
    }
    ways |= {(f"{state}-", role): ((-34, roof + LANE * k), (at[role][0], roof + LANE * k)) for k, (state, role) in enumerate(back)}  # fmt: skip
    belt_state = next(iter([*carried, *made_in]))
    right = max(x + spots[role].width / 2 for role, (x, _) in at.items()) + 76
    boxes = {"x": Box(*at["x"], "input")}
    for role, vertex in vertices.items():
        x, y = at[role]
        look: Look = "op" if role in on_belt else "cell"
        boxes[role] = Box(x, belt_y if role in on_belt else y, look, labels[role], vertex.op, wide=widths[role])
    others = [name for name in made_in if name != belt_state or not carried]
    for k, name in enumerate(others):
        boxes[name] = Box(right, base + 64 * k, "state")
    if carried:
        boxes[belt_state] = Box(right, belt_y, "state")
    return Template(
        pitch=right + 50, top=(belt_y if carried else max(roof + LANE * len(back), boxes[others[-1]].y)) + 86, bottom=-26, boxes=boxes, made_in=dict(made_in),
        belt=(*on_belt, belt_state) if carried else (), belt_state=belt_state,
        carried="carried from step to step", gated="through everything else of the step",
        ways=ways, asides={name: (boxes[name].x, boxes[name].y - 42) for name in made_in},
    )  # fmt: skip


def _label(vertex: Vertex) -> str:
    """The name of a value, if it has one, and what computes it."""
    symbol = SYMBOLS.get(vertex.op, vertex.op)
    return f"{vertex.label}\n{symbol}" if vertex.label else symbol
