"""Templates made of other templates: with masks, as a strip of states, rolled up, with wider steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from viz.diagram.templates import Box, Template
from viz.layout.geometry import Place


def with_masks(template: Template, states: tuple[str, ...], room: float = 62) -> Template:
    """The template with a box before each of these states where a mask chooses between the new value and the old.

    The old value has a line of its own past the step, since a masked step does not change it.
    """
    boxes, routing = dict(template.boxes), dict(template.routing)
    for name in states:
        box = template.boxes[name]
        boxes[f"hold_{name}"] = Box(box.x, box.y, "op", "mask")
        boxes[name] = replace(box, x=box.x + room)
        lane = box.y + (36 if name == template.belt_state else -38)
        routing[f"{name}-", f"hold_{name}"] = ((-30, lane), (box.x, lane))
    asides = {name: (x + room, y) for name, (x, y) in template.asides.items()}
    return replace(template, boxes=boxes, routing=routing, pitch=template.pitch + room, asides=asides)


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


def rolled_template(template: Template, held: Iterable[str]) -> Template:
    """The template of one step that stands for all; of ``held`` states a mask holds some rows, at some steps only."""
    routing = dict(template.routing)
    for name in held:
        maker, box = template.boxes[template.made_in[name]], template.boxes[name]
        lane = box.y - 25
        routing[template.made_in[name], name] = ((maker.x + 20, lane), (box.x - 22, lane))
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
    )
