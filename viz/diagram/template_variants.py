"""Templates made of other templates: with masks, as a strip of states, rolled up, with wider steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from viz.diagram.templates import SIZES, Box, Template
from viz.layout.geometry import Place

STRIP = 122.0  # points from step to step of a strip
MASK = 66  # points that a mask moves a state aside


def with_masks(template: Template, states: tuple[str, ...]) -> Template:
    """The template with a box before each of these states where a mask chooses between the new value and the old.

    The box is where the state was, whose column moves aside. The old value has a line of its own past the step, since a
    masked step does not change it.
    """
    found = template
    for name in sorted(states, key=lambda name: template.boxes[name].x):
        if not any(f"hold_{other}" in found.boxes and found.boxes[other].x == found.boxes[name].x for other in states):
            found = _moved_aside(found, found.boxes[name].x, MASK)  # states in one column move together
        state = found.boxes[name]
        x, y = state.x - MASK, state.y
        before = x - template.pitch + state.size[0] / 2  # the right side of the state before
        if name == template.belt_state:
            lane: tuple[Place, ...] = ((12, y + 14), (12, y + 42), (x, y + 42))
        else:
            lane = ((before - 14, y - 34), (x, y - 34))
        maker = found.boxes[template.made_in[name]]
        found = replace(
            found,
            boxes={**found.boxes, f"hold_{name}": Box(x, y, "op", "mask")},
            routing={**found.routing, (f"{name}-", f"hold_{name}"): lane},
            asides={**found.asides, template.made_in[name]: (maker.x + 28, maker.y - 36)},
        )
    return found


def _moved_aside(template: Template, beyond: float, by: float) -> Template:
    """The template whose boxes from here on are so far to the right."""
    edge = beyond - SIZES["state"][0] / 2

    def moved(place: Place) -> Place:
        return (place[0] + by, place[1]) if place[0] >= edge else place

    return replace(
        template,
        pitch=template.pitch + by,
        boxes={role: replace(box, x=box.x + by) if box.x >= beyond else box for role, box in template.boxes.items()},
        routing={ends: tuple(map(moved, bends)) for ends, bends in template.routing.items()},
        asides={role: moved(place) for role, place in template.asides.items()},
    )


def strip_template(template: Template) -> Template:
    """Of each step two pills, one above the other, and between them a box.

    A line from pill to pill runs beside the box. Those from the weights have the channel at the left; lines from the
    step before come up, or down, between the panels and in above those from the weights, so none of them cross. That of
    a single state comes down beside the box, and straight across.
    """
    names = template.states
    heights = {name: 250.0 if not k else 144.0 - 84 * k for k, name in enumerate(names)}
    gates = 155.0 if len(names) > 1 else 130.0
    boxes = {"cell": Box(52, gates, "cell", "gates" if template.belts else "U", wide=38)}
    boxes |= {name: Box(59, y, "state", wide=66) for name, y in heights.items()}
    routing: dict[tuple[str, str], tuple[Place, ...]] = {}
    for k, one in enumerate(names):
        for m, other in enumerate(names):
            near, side = abs(k - m) == 1, 1 if k < m else -1
            bends = [(82 if near else 101, heights[one] - 26 * side), (82 if near else 101, heights[other] + 26 * side)]
            routing[one, other] = tuple((x, y if near else y + (14, -14)[place] * side)
                                        for place, (x, y) in enumerate(bends))  # fmt: skip
    for k, (name, y) in enumerate(heights.items()):
        side = 1 if y > gates else -1
        before = -10.0 + 8 * max(k - 1, 0)  # between the panels, where a line to the layer above has room as well
        routing[name, "cell"] = (64, y - 26 * side), (64, gates + 26 * side)
        routing[f"{name}-", "cell"] = (before, y - 10), (before, gates + (20, 6)[k > 0])
        if len(names) == 1:  # from below the pill: beside it are the belt, and lines to the layers above
            routing[f"{name}-", "cell"] = ((80.0 - STRIP, gates + 20),)
        if k > 1:  # on a lane of its own
            routing["cell", name] = (111, gates - 14), (111, y)
    routing |= {("weights", "cell"): ((19, gates - 12),), ("weights", names[0]): ((13, heights[names[0]] - 12),)}
    free = {name: 82 if y < gates and name == names[-1] else 34 for name, y in heights.items()}  # of lines below it
    return replace(
        template, pitch=STRIP + 10 * (len(names) > 2), top=312,
        bottom=-8 - 84 * (len(names) - 2) if len(names) > 1 else 76, boxes=boxes,
        made_in={name: name for name in names}, belts={name: (name,) for name in template.belts}, derivative="",
        routing=routing, starts={}, asides={name: (free[name], y - 48) for name, y in heights.items()},
    )  # fmt: skip


def rolled_template(template: Template, held: Iterable[str]) -> Template:
    """The template of one step that stands for all; of ``held`` states a mask holds some rows, at some steps only."""
    routing = dict(template.routing)
    for name in held:
        maker, box = template.boxes[template.made_in[name]], template.boxes[name]
        if maker.y == box.y:
            routing[template.made_in[name], name] = ((maker.x + 20, box.y + 27), (box.x - 22, box.y + 27))
    return replace(template, routing=routing)


def stretched_template(template: Template, pitch: float) -> Template:
    """The template with a step as wide as this."""
    by = pitch / template.pitch
    if by == 1:
        return template
    return replace(
        template,
        pitch=pitch,
        boxes={role: replace(box, x=by * box.x) for role, box in template.boxes.items()},
        caption=(by * template.caption[0], template.caption[1]),
        asides={role: (by * x, y) for role, (x, y) in template.asides.items()},
        routing={ends: tuple((by * x, y) for x, y in corners) for ends, corners in template.routing.items()},
        starts={ends: tuple((by * x, y) for x, y in corners) for ends, corners in template.starts.items()},
    )
