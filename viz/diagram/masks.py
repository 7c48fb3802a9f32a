"""A cell whose states a mask holds: its template, with room for the masks."""

from __future__ import annotations

from dataclasses import replace

from viz.diagram.templates import SIZES, Box, Template
from viz.layout.geometry import Place

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
