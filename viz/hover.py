"""What hovering over the cell view tells: values, shapes, and the lines of the cell's source that computed them."""

from __future__ import annotations

import linecache
from pathlib import Path

import numpy as np

from viz.names import text
from viz.roles import OUTSIDE, WEIGHTS, Line, Part, Unrolled
from viz.style import letter, number, subscript


def sign(unrolled: Unrolled, name: str, t: int) -> str:
    """A value as the equations write it, e.g. C₂."""
    return f"{letter(name, unrolled.template.cell == 'LSTM')}{subscript(t)}"


def told_part(unrolled: Unrolled, role: str, t: int) -> str:
    """A part of a step: what its values are like, and the source that computed it."""
    lines = []
    step = unrolled.chain.steps[t - 1] if t else unrolled.chain.initial
    if role in step.named:
        tensor = step.named[role]
        with np.errstate(all="ignore"):  # of values that are not finite
            values = tensor.data.mean(), tensor.data.min(), tensor.data.max()
        mean, low, high = (number(float(value)) for value in values)
        lines.append(f"{sign(unrolled, role, t)} {tensor.shape} {tensor.dtype}: mean {mean}, {low} to {high}")
    source: dict[str, str] = {}  # each line of it once
    for vertex in unrolled.parts.get((unrolled.template.made_in.get(role, role), t), ()):
        place = unrolled.graph.vertices[vertex].place
        code = linecache.getline(place.file, place.line).split("#")[0].strip()
        source[f"{Path(place.file).name}:{place.line}"] = code
    lines += [f"{where}  {code}" for where, code in source.items()]
    return text(*lines or [sign(unrolled, role, t)])


def told_line(unrolled: Unrolled, line: Line, size: float | None) -> str:
    """A line: between which parts, how much gradient, and the inputs in the graph that it stands for."""
    source, target = _in_words(unrolled, line.source), _in_words(unrolled, line.target)
    way = f"{source} to {target}" if size is None else f"from {target} to {source}: ‖∇‖ {number(size)}"
    reads = [f"{unrolled.graph.vertices[edge.target].op}.{edge.name} {edge.shape}" for edge in line.edges]
    return text(way, *reads)


def _in_words(unrolled: Unrolled, part: Part) -> str:
    role, t = part
    if role in (OUTSIDE, WEIGHTS):
        return "the loss" if role == OUTSIDE else ", ".join(unrolled.parameters.values())
    return words_of(unrolled, role, t) or sign(unrolled, role, t)


def words_of(unrolled: Unrolled, role: str, t: int) -> str:
    """What a box of the template says, as it is in this graph: with the operation's own name, and b only if it is read.

    The template's tanh may be a relu, and a cell may have no bias.
    """
    words = unrolled.template.boxes[role].text
    if words == "tanh":
        words = unrolled.graph.vertices[unrolled.parts[role, t][-1]].op if (role, t) in unrolled.parts else words
    reads = {edge.source for line in unrolled.lines if line.target == (role, t) for edge in line.edges}
    if not any(unrolled.parameters.get(source, "").startswith("b") for source in reads):
        words = words.replace(" + b", "")
    return words.format(t=subscript(t), p=subscript(t - 1))
