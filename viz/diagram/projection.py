"""Coarser chains: several nodes become one, and the links between them are merged.

A fold of steps, the strip of states and the rolled cell are each a projection of the chain that was found, and so are
chains whose steps are made wider. What is drawn and measured is the projected chain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from viz.diagram.cellgraph import LOSS, NEXT_LAYER, PARAMETERS, CellGraph, Link, NodeKey
from viz.diagram.folding import Run
from viz.diagram.templates import Template
from viz.diagram.view_templates import rolled_template, stretched_template, strip_template

PILL, ROOM = 96, 1.22  # a state's pill with two numbers: points, and how much wider a step is for it


def project(cells: CellGraph, of: Callable[[Link], tuple[NodeKey, NodeKey] | None], template: Template) -> CellGraph:
    """The chain with its lines between other parts: those with the same ends become one, None leaves a line out."""
    merged: dict[tuple[NodeKey, NodeKey], list[Link]] = {}
    for link in cells.links:
        ends = of(link)
        if ends is not None and ends[0] != ends[1]:
            merged.setdefault(ends, []).append(link)
    found = []
    for ends, links in merged.items():
        classes = dict.fromkeys(name for link in links for name in link.classes)
        found.append(Link(*ends, tuple(edge for link in links for edge in link.edges), tuple(classes)))
    return replace(cells, links=tuple(found), template=template)


def fold(cells: CellGraph, hidden: Sequence[Run]) -> CellGraph:
    """The chain with each run of steps as one part, "fold": only lines that lead into it or out of it are left.

    What leaves a run is one of its last states, as time runs in the chain, or goes to the loss.
    """
    inside = {t: run for run in hidden for t in range(run[0], run[1] + 1)}

    def ends(link: Link) -> tuple[NodeKey, NodeKey] | None:
        (source, t), (reader, u) = link.source, link.reader
        one, other = inside.get(t), inside.get(u)
        if other is None:
            return link.source, link.reader
        if one != other:
            return link.source, (f"fold_{source}", other[0])
        if source == PARAMETERS:
            return (PARAMETERS, other[0]), ("fold_weights", other[0])
        return (("fold_out", other[0]), (reader, other[0])) if reader in (LOSS, NEXT_LAYER) else None

    return project(cells, ends, cells.template)


def strip(cells: CellGraph) -> CellGraph:
    """The chain as a strip: of each step its states, and one box for all that makes them.

    What carries a state on, and what only reads it to make another, lies on the line between the two.
    """
    template = cells.template
    makers = {maker: state for state, maker in template.made_in.items()}
    output = cells.chain.cell.states[0]
    within: dict[str, list[str]] = {}
    for link in cells.links:
        if link.source[1] == link.reader[1] and link.reader[0] not in within.get(link.source[0], ()):
            within.setdefault(link.source[0], []).append(link.reader[0])
    leading = [maker for name, maker in template.made_in.items() if name != output]
    before: set[str] = set()  # the boxes that lead to other states than the output
    while leading:
        role = leading.pop()
        if role not in before:
            before.add(role)
            leading += [source for source, readers in within.items() if role in readers]
    after: set[str] = set()  # the boxes that the step's own states lead to, and no other state
    made = [*template.made_in, *(maker for name, maker in template.made_in.items() if f"hold_{name}" in template.boxes)]
    waiting = [reader for state in made for reader in within.get(state, ())]
    while waiting:
        role = waiting.pop()
        if role not in after and role not in before and role in template.boxes:
            after.add(role)
            waiting += within.get(role, ())

    belt: dict[str, str] = {}  # the boxes of belts that nothing else reads, with their states
    for role, name in template.on_belts.items():
        along = {*template.belts[name], f"hold_{name}", *after}
        if role.startswith("hold_") or along.issuperset(within.get(role, ())):
            belt[role] = name

    def part(role: str, t: int) -> NodeKey:
        if role in template.made_in or role not in template.boxes or role == "x":
            return role, t
        if role in belt:
            return belt[role], t
        if role in makers or role.startswith("hold_"):
            return makers.get(role, role.removeprefix("hold_")), t
        return (output, t) if role in after else ("cell", t)

    def ends(link: Link) -> tuple[NodeKey, NodeKey] | None:
        return None if link.source[0] == "x" or not link.edges else (part(*link.source), part(*link.reader))

    found = project(cells, ends, strip_template(template))
    parts: dict[NodeKey, tuple[int, ...]] = {}
    for key, vertices in cells.parts.items():
        parts[part(*key)] = tuple(sorted({*parts.get(part(*key), ()), *vertices}))
    return replace(found, parts=parts, cuts=tuple(dict.fromkeys(part(*cut) for cut in cells.cuts)))


def roll(cells: CellGraph) -> CellGraph:
    """The chain as it is written: one step whose states come back to it, each line for its like at all steps."""
    start = cells.start

    def at(part: NodeKey, other: NodeKey) -> NodeKey:
        role, t = part
        if role in (PARAMETERS, LOSS, NEXT_LAYER):
            return role, 1
        earlier = role in cells.template.made_in and other[0] not in (LOSS, NEXT_LAYER) and other[1] != t
        return role, 0 if earlier or t == start else 1

    def ends(link: Link) -> tuple[NodeKey, NodeKey]:
        return at(link.source, link.reader), at(link.reader, link.source)

    held = [name for name in cells.template.made_in if f"hold_{name}" in cells.template.boxes]
    return replace(project(cells, ends, rolled_template(cells.template, held)), rolled=True)


def stretch(cells: CellGraph, pitch: float) -> CellGraph:
    """The chain with a step as wide as this, so that those of two cells are below one another."""
    return replace(cells, template=stretched_template(cells.template, pitch))


def make_room(cells: CellGraph) -> CellGraph:
    """The chain with room for two numbers in the pill of a state."""
    wider = stretched_template(
        cells.template, cells.template.pitch * (ROOM if cells.template.pitch > 250 else ROOM + 0.14)
    )
    wide = {name: replace(box, wide=PILL) for name, box in wider.boxes.items() if box.look == "state"}
    return replace(cells, template=replace(wider, boxes={**wider.boxes, **wide}))
