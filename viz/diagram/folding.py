"""Folding of long runs: which steps are drawn, and which become one box, "... 46 steps".

Only steps that compute the same are folded together; what differs is drawn. Coarser pictures, the strip of states and
the rolled cell, are made the same way: several parts become one, and the lines between them are merged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from tinygrad_lstm.errors import ArgumentError
from viz.diagram.cellgraph import ABOVE, OUTSIDE, WEIGHTS, Line, Part, Unrolled
from viz.diagram.templates import Box, Template
from viz.geometry import Place

Fold: TypeAlias = Literal["auto"] | Collection[int] | None
Run: TypeAlias = tuple[int, int]  # the first and the last of the steps that are folded together

LONGEST = 12  # more steps side by side are too small to read
ENDS = 2  # steps that are always drawn, at each end
FALL = 10.0  # a step across which the gradient falls by more is drawn


def runs(structure: Mapping[int, object], fold: Fold, norms: Sequence[Mapping[int, float]] = ()) -> list[Run]:
    """The runs of steps to fold: all but the first and last two, those asked for, and those where a norm falls tenfold.

    "auto" folds only what is longer than 12 steps, None nothing. Raises ArgumentError for what is no step.

    >>> runs(dict.fromkeys(range(1, 51), "same"), "auto")
    [(3, 48)]
    >>> runs(dict.fromkeys(range(1, 51), "same"), [20])
    [(3, 19), (21, 48)]
    """
    T = len(structure)
    if fold is None or (fold == "auto" and T <= LONGEST):
        return []
    asked = set() if fold == "auto" else _steps_to_draw(fold, T)
    shown = asked | {*range(1, ENDS + 1), *range(T - ENDS + 1, T + 1)}
    for sizes in norms if fold == "auto" else ():
        falls = [t for t in range(2, T + 1) if _falls(sizes.get(t - 1), sizes.get(t))]
        shown |= set(falls) if len(falls) + len(shown) <= LONGEST else set()  # one that vanishes falls everywhere
    found: list[Run] = []
    for t in sorted(structure):
        if t in shown:
            continue
        if found and found[-1][1] == t - 1 and structure[t] == structure[t - 1]:
            found[-1] = found[-1][0], t
        else:
            found.append((t, t))
    return [run for run in found if run[0] < run[1]]


def describe_runs(hidden: Sequence[Run]) -> str:
    """What was folded, and why; nothing of nothing.

    >>> describe_runs([(3, 48)])
    'Folded, since they compute the same: t = 3 to 48.'
    """
    steps = ", ".join(f"t = {first} to {last}" for first, last in hidden)
    why = "they compute" if len(hidden) == 1 else "each computes"
    return f"Folded, since {why} the same: {steps}." if hidden else ""


def _steps_to_draw(fold: object, T: int) -> set[int]:
    """The steps that a caller wants to see."""
    if isinstance(fold, str) or not isinstance(fold, Collection):
        raise ArgumentError(f'fold is "auto", None, or the steps to draw, not {fold!r}')
    wrong = [t for t in fold if not isinstance(t, int) or not 1 <= t <= T]
    if wrong:
        raise ArgumentError(f"fold names the steps to draw, 1 to {T}, not {', '.join(map(repr, wrong))}")
    return set(fold)


def _falls(one: float | None, other: float | None) -> bool:
    return bool(one and other) and not 1 / FALL <= (one or 0) / (other or 1) <= FALL


def merge_lines(unrolled: Unrolled, of: Callable[[Line], tuple[Part, Part] | None], template: Template) -> Unrolled:
    """The chain with its lines between other parts: those with the same ends become one, None leaves a line out."""
    merged: dict[tuple[Part, Part], list[Line]] = {}
    for line in unrolled.lines:
        ends = of(line)
        if ends is not None and ends[0] != ends[1]:
            merged.setdefault(ends, []).append(line)
    found = []
    for ends, lines in merged.items():
        classes = dict.fromkeys(name for line in lines for name in line.classes)
        found.append(Line(*ends, tuple(edge for line in lines for edge in line.edges), tuple(classes)))
    return replace(unrolled, lines=tuple(found), template=template)


def fold_steps(unrolled: Unrolled, hidden: Sequence[Run]) -> Unrolled:
    """The chain with each run of steps as one part, "fold": only lines that lead into it or out of it are left.

    What leaves a run is one of its last states, as time runs in the chain, or goes to the loss.
    """
    inside = {t: run for run in hidden for t in range(run[0], run[1] + 1)}

    def ends(line: Line) -> tuple[Part, Part] | None:
        (source, t), (reader, u) = line.source, line.reader
        one, other = inside.get(t), inside.get(u)
        if other is None:
            return line.source, line.reader
        if one != other:
            return line.source, (f"fold_{source}", other[0])
        if source == WEIGHTS:
            return (WEIGHTS, other[0]), ("fold_weights", other[0])
        return (("fold_out", other[0]), (reader, other[0])) if reader in (OUTSIDE, ABOVE) else None

    return merge_lines(unrolled, ends, unrolled.template)


def strip(unrolled: Unrolled) -> Unrolled:
    """The chain as a strip: of each step its states, and one box for all that makes them.

    What carries a state on, and what only reads it to make another, lies on the line between the two.
    """
    template = unrolled.template
    makers = {maker: state for state, maker in template.made_in.items()}
    output = unrolled.chain.cell.states[0]
    within: dict[str, list[str]] = {}
    for line in unrolled.lines:
        if line.source[1] == line.reader[1] and line.reader[0] not in within.get(line.source[0], ()):
            within.setdefault(line.source[0], []).append(line.reader[0])
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

    there = {*template.belt, *after, f"hold_{template.belt_state}"}
    belt = {role for role in template.belt if there.issuperset(within.get(role, ()))}  # what nothing else reads

    def part(role: str, t: int) -> Part:
        if role in template.made_in or role not in template.boxes or role == "x":
            return role, t
        if role in belt or role == f"hold_{template.belt_state}":
            return template.belt_state, t
        if role in makers or role.startswith("hold_"):
            return makers.get(role, role.removeprefix("hold_")), t
        return (output, t) if role in after else ("cell", t)

    def ends(line: Line) -> tuple[Part, Part] | None:
        return None if line.source[0] == "x" or not line.edges else (part(*line.source), part(*line.reader))

    found = merge_lines(unrolled, ends, strip_template(template))
    return replace(found, cuts=tuple(dict.fromkeys(part(*cut) for cut in unrolled.cuts)))


def strip_template(template: Template) -> Template:
    """Of each step two pills, one above the other, and between them a box."""
    names = [template.belt_state, *(name for name in template.made_in if name != template.belt_state)]
    heights = {name: 250.0 if not k else 132.0 - 72 * k for k, name in enumerate(names)}
    boxes = {"cell": Box(49, 155 if len(names) > 1 else 130, "cell", "gates" if template.belt else "U", wide=52)}
    boxes |= {name: Box(49, y, "state", wide=62) for name, y in heights.items()}
    routing: dict[tuple[str, str], tuple[Place, ...]] = {
        (one, other): ((90, heights[one] - 10), (90, heights[other] + 10))
        for one in names for other in names if one != other
    }  # fmt: skip
    gates = boxes["cell"].y
    for k, (name, y) in enumerate(heights.items()):  # beside the line that comes the other way
        side = 1 if y > gates else -1
        routing[name, "cell"] = (65, y - 26 * side), (65, gates + 26 * side)
        if k > 1:
            routing["cell", name] = (96, gates - 14), (96, y)
    routing |= {("weights", "cell"): ((11, gates),), ("weights", names[0]): ((96, heights[names[0]] - 16),)}
    return replace(
        template, pitch=118, top=312, bottom=4 - 72 * (len(names) - 2) if len(names) > 1 else 96, boxes=boxes,
        made_in={name: name for name in names},
        belt=(template.belt_state,) if template.belt else (), derivative="",
        routing=routing, asides={name: (73 if y < gates else 27, y - 36) for name, y in heights.items()},
    )  # fmt: skip


def roll_up(unrolled: Unrolled) -> Unrolled:
    """The chain as it is written: one step whose states come back to it, each line for its like at all steps."""
    start = unrolled.start

    def at(part: Part, other: Part) -> Part:
        role, t = part
        if role in (WEIGHTS, OUTSIDE, ABOVE):
            return role, 1
        earlier = role in unrolled.template.made_in and other[0] not in (OUTSIDE, ABOVE) and other[1] != t
        return role, 0 if earlier or t == start else 1

    def ends(line: Line) -> tuple[Part, Part]:
        return at(line.source, line.reader), at(line.reader, line.source)

    template = unrolled.template
    routing = dict(template.routing)
    for name in {name for name, _ in unrolled.states() if f"hold_{name}" in template.boxes}:
        maker, box = template.boxes[template.made_in[name]], template.boxes[name]  # the steps that no mask holds
        lane = box.y - 25
        routing[template.made_in[name], name] = ((maker.x + 20, lane), (box.x - 22, lane))
    return replace(merge_lines(unrolled, ends, replace(template, routing=routing)), rolled=True)
