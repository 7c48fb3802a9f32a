"""Before lines are rolled: gates that stand side by side are computed by one call, and biases are added early.

``f, i, o, g = split(z, 4, axis=-1)`` becomes views of z; where f, i and o each go through ``sigmoid`` and stand side by
side, the three are one ``sigmoid``. ``(W x + U h) + b`` becomes ``(W x + b) + U h``, whose first part does not wait.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tinygrad_lstm.compiling.lines import ADD, SLICE, Line, Shapes
from tinygrad_lstm.compiling.recording import Outputs

SPLIT = re.compile(r"split\(.*, axis=(-?\d+)\)")
CALLS = [("sigmoid(", "[", "])"), ("np.tanh(", "[", "])")]  # element by element, of one part of a split


def merge(lines: Sequence[Line], outputs: Outputs) -> list[Line]:
    """The same program with fewer calls. Shape and dtype of values that these make are added to ``outputs``."""
    shapes = {name: shape for name, (shape, _) in outputs.items()}
    return list(_merged(_biases_first(lines, shapes), shapes, outputs))


def _biases_first(lines: Sequence[Line], shapes: Shapes) -> list[Line]:
    """``v = a + c; w = v + b`` as ``v = a + b; w = v + c``, for an input b, where no other line reads v."""
    made = {line.target: k for k, line in enumerate(lines)}
    reads = Counter(name for line in lines for name in line.reads)
    changed = list(lines)
    for k, line in enumerate(lines):
        v = str(line.holes[0]) if line.pieces == ADD else ""
        if v not in made or line.holes[1] in made or reads[v] != 1 or changed[made[v]].pieces != ADD:
            continue
        a, c = changed[made[v]].holes
        if shapes.get(str(a)) == shapes.get(str(c)) is not None:  # so that b fits a as it fits the sum
            changed[made[v]] = changed[made[v]]._replace(holes=(a, line.holes[1]))
            changed[k] = line._replace(holes=(v, c))
    return changed


def _merged(lines: Sequence[Line], shapes: Shapes, outputs: Outputs) -> Iterator[Line]:
    parts: dict[str, tuple[str, list[int]]] = {}  # of a split along the last axis: of what, and where each part begins
    calls: dict[int, tuple[str, int, int]] = {}  # of a line: the call that it shares, and its place there
    for line in lines:
        found = SPLIT.fullmatch(line.fill([str(hole) for hole in line.holes]))
        if found and int(found[1]) in (-1, len(shapes.get(f"{line.target}[0]", ())) - 1):
            widths: list[int] = []
            while (shape := shapes.get(f"{line.target}[{len(widths)}]")) is not None:
                widths.append(shape[-1])
            parts[line.target] = str(line.holes[0]), [sum(widths[:k]) for k in range(len(widths) + 1)]
    groups: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for number, line in enumerate(lines):
        if line.pieces in CALLS and line.holes[0] in parts:
            groups.setdefault((str(line.holes[0]), CALLS.index(line.pieces)), []).append((int(line.holes[1]), number))
    first: dict[int, list[Line]] = {}
    for (name, kind), members in groups.items():
        for run in _runs(sorted(members)):
            whole, bounds = parts[name]
            start, stop = bounds[run[0][0]], bounds[run[-1][0] + 1]
            early = min(number for _, number in run)
            shared = f"{name}_{'st'[kind]}{run[0][0]}"
            pieces = (f"{CALLS[kind][0]}", "[..., ", ":", "])")
            made = lines[early]._replace(target=shared, pieces=pieces, holes=(whole, start, stop))
            first.setdefault(early, []).append(made)
            shape, dtype = outputs[f"{name}[{run[0][0]}]"]
            outputs[shared] = (*shape[:-1], stop - start), dtype
            for k, number in run:
                calls[number] = shared, bounds[k] - start, bounds[k + 1] - start
    for number, line in enumerate(lines):
        yield from first.get(number, [])
        yield line._replace(pieces=SLICE, holes=calls[number]) if number in calls else _slices(line, parts)


def _runs(members: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Of parts in order, those that stand side by side, at least two."""
    run = members[:1]
    for one, other in pairwise(members):
        if other[0] != one[0] + 1:
            if len(run) > 1:
                yield run
            run = []
        run.append(other)
    if len(run) > 1:
        yield run


def _slices(line: Line, parts: dict[str, tuple[str, list[int]]]) -> Line:
    """A line that reads parts of splits, with views of what was split instead."""
    pieces, holes = list(line.pieces), list(line.holes)
    k = 0
    while k + 1 < len(holes):
        hole, index = holes[k], holes[k + 1]
        if isinstance(hole, str) and hole in parts and isinstance(index, int) and pieces[k + 1] == "[":
            whole, bounds = parts[hole]
            holes[k : k + 2] = [whole, bounds[index], bounds[index + 1]]
            pieces[k + 1 : k + 2] = ["[..., ", ":"]
            k += 1
        k += 2 if isinstance(hole, str) and hole in parts else 1
    return line._replace(pieces=tuple(pieces), holes=tuple(holes))
