"""A template for a cell that has none: every operation of its step a box, columns by the longest way to it.

What carries a state on lies on a belt above the others, as in the cells that have a template of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tinygrad_lstm.graph import Vertex
from viz.names import SYMBOLS, brief
from viz.places import HEIGHT, Spot, places
from viz.scene import Place, width_of_text
from viz.templates import Box, Template

HIGH, LANE, APART = 34, 9, 84  # points: of a box, between two lines that pass by, between two states


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
    wide = {role: max(30.0, width_of_text(max(text.split("\n"), key=len), 11) + 12) for role, text in labels.items()}
    spots = {"x": Spot(32, (0, 0))} | {role: Spot(width, (0, 0)) for role, width in wide.items()}
    lines = [(source, role) for role, sources in reads.items() for source in sources if source in spots]
    found = places(spots, lines)
    belt_state = next(iter([*carried, *made_in]))
    on_belt = [*carrying, made_in[belt_state]] if carried else []
    columns = sorted({x for x, _ in found.middles.values()})
    column = {role: columns.index(x) for role, (x, _) in found.middles.items()}
    past = [line for line in lines if column[line[1]] - column[line[0]] > 1 and not {*line} & {*on_belt}]
    back = [(name, role) for role, names in reads.items() for name in names if name in made_in and role not in on_belt]
    floor = 60.0 + LANE * len(past)
    lowest = min(y for _, y in found.middles.values())
    at = {role: (x - min(found.lefts.values()) + 28, y - lowest + floor) for role, (x, y) in found.middles.items()}
    roof = found.top - lowest + floor + HEIGHT
    right = max(x + spots[role].width / 2 for role, (x, _) in at.items()) + 76
    others = [name for name in made_in if name != belt_state or not carried]
    heights = {name: floor + APART * k for k, name in enumerate(others)}
    heights.setdefault(belt_state, max(roof + LANE * len(back) + 30, floor + APART * len(others)))
    boxes = {"x": Box(*at["x"], "input")}
    for role, vertex in vertices.items():
        if role in on_belt:
            boxes[role] = Box(at[role][0], heights[belt_state], "op", labels[role].split("\n")[-1], vertex.op)
        else:
            boxes[role] = Box(*at[role], "cell", labels[role], vertex.op, wide=wide[role], high=HIGH)
    boxes |= {name: Box(right, y, "state") for name, y in heights.items()}
    return Template(
        pitch=right + 50, top=max(roof + LANE * len(back), *heights.values()) + 86, bottom=-26, boxes=boxes,
        made_in=dict(made_in), belt=(*on_belt, belt_state) if carried else (), belt_state=belt_state,
        carried="carried from step to step", gated="through everything else of the step",
        ways=_passing(past, back, at, floor - 24, roof) | _beside(at, wide),
        asides={name: (right, y - 42) for name, y in heights.items()},
    )  # fmt: skip


def _beside(at: Mapping[str, Place], wide: Mapping[str, float]) -> dict[tuple[str, str], tuple[Place, ...]]:
    """The ways from the weights to operations that stand above others: beside these."""
    above = [role for role in wide if any(x == at[role][0] and y < at[role][1] for x, y in at.values())]
    return {("weights", role): ((at[role][0] - wide[role] / 2 - 8, at[role][1]),) for role in above}


def _passing(
    past: Sequence[tuple[str, str]], back: Sequence[tuple[str, str]], at: Mapping[str, Place], floor: float, roof: float
) -> dict[tuple[str, str], tuple[Place, ...]]:
    """The ways of lines that pass operations, below all of them; and of those from a previous state, above."""
    ways: dict[tuple[str, str], tuple[Place, ...]] = {}
    for k, (source, role) in enumerate(past):
        y = floor - LANE * k
        ways[source, role] = ((at[source][0], y), (at[role][0], y))
    for k, (state, role) in enumerate(back):
        y = roof + LANE * k
        ways[f"{state}-", role] = ((-34, y), (at[role][0], y))
    return ways


def _label(vertex: Vertex) -> str:
    """The name of a value, if it has one, and what computes it."""
    symbol = SYMBOLS.get(vertex.op, vertex.op)
    return f"{brief(vertex.label, 16)}\n{symbol}" if vertex.label else symbol
