"""Tooltips of the cell view: values, shapes, and the lines of the cell's source that computed them."""

from __future__ import annotations

import linecache
from pathlib import Path

import numpy as np

from viz.diagram.cellgraph import ABOVE, OUTSIDE, WEIGHTS, Line, Part, Unrolled
from viz.diagram.names import brief
from viz.style.text import letter, number, subscript


def index(unrolled: Unrolled, t: int) -> str:
    """A time step as an index; of a rolled cell t, and t − 1 for the step before."""
    if unrolled.rolled:
        return "ₜ" if t == 1 else "ₜ₊₁" if unrolled.chain.reverse else "ₜ₋₁"
    return subscript(t)


def sign(unrolled: Unrolled, name: str, t: int) -> str:
    """A value as the equations write it, e.g. C₂."""
    return f"{brief(letter(name, unrolled.template.is_lstm), 24)}{index(unrolled, t)}"


def describe_part(unrolled: Unrolled, role: str, t: int) -> tuple[str, ...]:
    """The tooltip of a part of a step: mean and range of its values, and the source that computed it."""
    lines = []
    step = unrolled.step(t) if not unrolled.rolled else None
    if step is not None and role in step.named:
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
    return tuple(lines or [sign(unrolled, role, t)])


def describe_line(unrolled: Unrolled, line: Line, size: str, most: int = 8) -> tuple[str, ...]:
    """The tooltip of a line: its ends, what went along it, and the inputs in the graph that it stands for."""
    source, reader = in_words(unrolled, line.source), in_words(unrolled, line.reader)
    ends = f"from {reader} to {source}: {size}" if size else f"{source} to {reader}"
    vertices = unrolled.graph.vertices
    reads = list(dict.fromkeys(f"{vertices[edge.reader].op}.{edge.name} {edge.shape}" for edge in line.edges))
    return (ends, *reads[:most], *(["..."] if len(reads) > most else []))


def in_words(unrolled: Unrolled, part: Part) -> str:
    """A part of the picture by its name."""
    role, t = part
    if role in (OUTSIDE, ABOVE):
        return "the loss" if role == OUTSIDE else "the next layer"
    if role == WEIGHTS:
        return ", ".join(unrolled.parameters.values())
    if role.startswith("fold_"):
        return f"the steps from t = {t}"
    return words_of(unrolled, role, t) or sign(unrolled, role, t)


def words_of(unrolled: Unrolled, role: str, t: int) -> str:
    """What a box of the template says, as it is in this graph: with the operation's own name, and b only if it is read.

    The template's tanh may be a relu, and a cell may have no bias.
    """
    words = unrolled.template.boxes[role].text if role in unrolled.template.boxes else role
    if words == "tanh":
        words = unrolled.graph.vertices[unrolled.parts[role, t][-1]].op if (role, t) in unrolled.parts else words
    if not any(name.startswith("b") for name in unrolled.parameters.values()):
        words = words.replace(" + bₙ", "").replace(" + b", "")
    return words.replace("{t}", index(unrolled, t)).replace("{p}", index(unrolled, unrolled.previous(t)))
