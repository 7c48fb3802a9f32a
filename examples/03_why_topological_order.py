"""
Why backward needs an order
===========================

The same graph walked twice, once handing on too early::

    a = 3·x,  b = a·a,  L = a + b          ∂L/∂a = 1 + 2a,  ∂L/∂x = 3 (1 + 2a)

L reads a twice, directly and through b, so a gets parts of its gradient at different times. A walk that goes on from a
as soon as the first part is there sends x too little: the rest comes too late. (To go on again with all
that is there sends x too much. To hand on each part by itself is right, but it walks every path, and n such diamonds in
a row have 3ⁿ of them.) In a topological order a value comes after everything that reads it: it waits until its gradient
is whole, and goes on once. The newest value first is such an order, for what reads a value was made after it.
"""

from typing import NamedTuple

import viz
from tinygrad_lstm.micro import Value
from viz.scene.marks import Cluster, Edge, Node, Scene, Span
from viz.style.stroke import Stroke
from viz.style.theme import theme_of

from command_line import options

out, _ = options(__doc__)

# %%
# Four values, and the truth to compare with.
x = Value(2.0)
a = 3 * x
b = a * a
L = a + b
formulas = {x: "x", a: "a = 3·x", b: "b = a·a", L: "L = a + b"}
L.backward()


# %%
# A walk: in its turn, each value hands on what it has.
class Part(NamedTuple):
    """What a value hands to one of those it was made from."""

    taker: Value
    amount: float
    late: bool  # its receiver has had its turn


class Turn(NamedTuple):
    """A value's turn: the gradient that it has by then, and what it makes of it."""

    value: Value
    gradient: float
    parts: list[Part]


def depth_first() -> list[Value]:
    """Every value as soon as it is met, and then what it was made from."""
    order: list[Value] = []
    waiting = [L]
    while waiting:
        value = waiting.pop()
        if value in formulas and value not in order:  # the number 3 is a value too, but its gradient is not needed
            order.append(value)
            waiting += [source for source, _ in reversed(value.sources)]
    return order


def newest_first() -> list[Value]:
    """A topological order."""
    return sorted(formulas, key=lambda value: value.number, reverse=True)


def walk(order: list[Value]) -> list[Turn]:
    """Backward in this order: in its turn, each value hands on what it has."""
    arrived = {L: 1.0}
    turns: list[Turn] = []
    for value in order:
        gradient, gone = arrived[value], [turn.value for turn in turns]
        parts = [Part(taker, gradient * slope, taker in gone) for taker, slope in value.sources if taker in formulas]
        for part in parts:
            arrived[part.taker] = arrived.get(part.taker, 0.0) + part.amount
        turns.append(Turn(value, gradient, parts))
    return turns


def name(value: Value) -> str:
    """The letter before the equals sign."""
    return formulas[value][0]


def describe(turns: list[Turn]) -> str:
    """A walk as a table."""
    lines = ["turn  value  its gradient  hands on"]
    for number, (value, gradient, parts) in enumerate(turns, start=1):
        whole = "" if gradient == value.grad else f", not {value.grad:g}"
        given = ", ".join(f"{part.amount:g} to {name(part.taker)}{' (too late)' * part.late}" for part in parts)
        lines.append(f"{number:>4}  {name(value):<5}  {f'{gradient:g}{whole}':<12}  {given or '-'}")
    return "\n".join(lines)


# %%
# A row for each walk.
PLACES = {"x": (0, 0), "a": (240, 0), "b": (530, 95), "L": (820, 0)}
SIZE, ROW = (176, 58), 255  # points: a box, and from one walk to the next


def draw(walks: dict[str, list[Turn]]) -> viz.Picture:
    """A row for each walk: gradients go from right to left. What is wrong is orange, what comes too late is dashed."""
    theme = theme_of("auto")
    right, wrong = theme.crossing, theme.carry
    scene = Scene(theme)
    for key, (title, turns) in enumerate(walks.items()):
        below = -ROW * key
        frame = (-110, below - 50, 930, below + 170)
        scene.add(Cluster(f"walk_{key}", frame, theme.panel, theme.frame, (Span(title, 15, bold=True),)))
        for number, (value, gradient, _) in enumerate(turns, start=1):
            hue, said = (right, "") if gradient == value.grad else (wrong, f", not {value.grad:g}")
            x, y = PLACES[name(value)]
            words = (
                (Span(f"{formulas[value]} = {value.data:g}", 13),),
                (Span(f"∂L/∂{name(value)} = {gradient:g}{said}", 13, theme.text_of(hue), bold=True),),
                (Span(f"turn {number}", 11, theme.quiet),),
            )
            scene.add(Node(f"{name(value)}{key}", (x, y + below), SIZE, words, "round", hue, theme.paper, 2))
        for value, gradient, parts in turns:
            for number, part in enumerate(parts):
                hue = wrong if part.late or gradient != value.grad else right
                taker, giver = f"{name(part.taker)}{key}", f"{name(value)}{key}"
                (x, y), (u, v) = PLACES[name(part.taker)], PLACES[name(value)]
                aside = 30 * number - 15 if value is b else 0  # b = a·a reads a twice
                middle = (x + u) / 2, (y + v) / 2 + below + aside
                points = scene.nodes[taker].towards(middle), middle, scene.nodes[giver].towards(middle)
                edge = f"{taker}-{giver}-{number}"
                scene.add(Edge(edge, taker, giver, points, Stroke(hue, 2, dashed=part.late, backward=True)))
                row = (Span(f"{part.amount:g}{', too late' * part.late}", 13, theme.text_of(hue)),)
                over = middle[1] + (13 if aside >= 0 else -13)
                scene.add(Node(f"{edge} amount", (middle[0], over), (60, 16), (row,), "text"))
    description = "\n\n".join(f"{title}\n\n{describe(turns)}" for title, turns in walks.items())
    return viz.Picture(scene, "Why backward goes in topological order", description)


# %%
# Both walks: what is wrong is orange, what comes too late is dashed.
picture = draw(
    {
        "Depth first: a goes on before all parts of its gradient are there": walk(depth_first()),
        "In topological order, the newest value first": walk(newest_first()),
    }
)
print(f"{', '.join(formulas.values())} at x = {x.data:g}\n\n{picture}\n")
assert x.grad == 3 * (1 + 2 * a.data)  # by hand
out.save(picture, "why_topological_order.svg")
picture
