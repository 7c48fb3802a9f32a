"""Before lines are rolled: gates that stand side by side are computed by one call, and biases are added early.

``f, i, o, g = split(z, 4, axis=-1)`` becomes views of z; where f, i and o each go through ``sigmoid`` and stand side by
side, the three are one ``sigmoid``. ``(W x + U h) + b`` becomes ``(W x + b) + U h``, whose first part does not wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lstm.compiling.lines import ADD, ELEMENT, SLICE, Line
from tinygrad_lstm.compiling.recording import Outputs
from tinygrad_lstm.compiling.sums import base_name

AXIS = {", axis=": 1, ", axis=-": -1}  # before the number of an axis: its sign
CALLS = [("sigmoid(", ")"), ("np.tanh(", ")")]  # element by element


def merge(lines: Sequence[Line], outputs: Outputs) -> list[Line]:
    """The same program with fewer calls. Shape and dtype of values that these make are added to ``outputs``."""
    return _merged(list(_slices(_biases_first(lines, outputs), outputs)), outputs)


def _biases_first(lines: Sequence[Line], outputs: Outputs) -> list[Line]:
    """``v = a + c; w = v + b`` as ``v = a + b; w = v + c``, for an input b, where no other line reads v."""
    made = {line.target: k for k, line in enumerate(lines)}
    reads = Counter(name for line in lines for name in line.reads)
    changed = list(lines)
    for k, line in enumerate(lines):
        v = str(line.holes[0]) if line.pieces == ADD else ""
        if v not in made or line.holes[1] in made or reads[v] != 1 or changed[made[v]].pieces != ADD:
            continue
        a, c = changed[made[v]].holes
        if a in outputs and c in outputs and outputs[a][0] == outputs[c][0]:  # so that b fits a as it fits the sum
            changed[made[v]] = changed[made[v]]._replace(holes=(a, line.holes[1]))
            changed[k] = line._replace(holes=(v, c))
    return changed


def _slices(lines: Sequence[Line], outputs: Outputs) -> Iterator[Line]:
    """The lines, where the parts of a split along the last axis are slices of what was split."""
    ends: dict[str | int, tuple[str, int]] = {}  # of a split: of what, and where its next part begins
    for line in lines:
        sign = AXIS.get(line.pieces[-2]) if line.pieces[0] == "split(" else None
        if sign and sign * int(line.holes[-1]) in (-1, len(outputs[f"{line.target}_part0"][0]) - 1):
            ends[line.target] = str(line.holes[0]), 0
        elif line.pieces == ELEMENT and line.holes[0] in ends:
            whole, start = ends[line.holes[0]]
            stop = start + outputs[line.target][0][-1]
            ends[line.holes[0]] = whole, stop
            line = line._replace(pieces=SLICE, holes=(whole, start, stop))
        yield line


def _merged(lines: Sequence[Line], outputs: Outputs) -> list[Line]:
    """The lines, where the same call of slices that stand side by side is one call, of which they are slices."""
    slices = {line.target: line.holes for line in lines if line.pieces == SLICE}
    calls: dict[Any, list[tuple[Any, Any, int]]] = {}  # by what is sliced and the call: start, stop and line
    for number, line in enumerate(lines):
        if line.pieces in CALLS and line.holes[0] in slices:
            whole, start, stop = slices[str(line.holes[0])]
            calls.setdefault((whole, line.pieces), []).append((start, stop, number))
    changed: dict[int, list[Line]] = {}
    for (whole, (call, end)), members in calls.items():
        for run in _runs(sorted(members)):
            (first, *_), (*_, last, _), early = run[0], run[-1], min(number for *_, number in run)
            shared = "_".join([*(base_name(lines[number].target) for *_, number in run), str(early)])  # f_i_o_7
            shape, dtype = outputs[lines[early].target]
            outputs[shared] = (*shape[:-1], last - first), dtype
            for start, stop, number in run:
                changed[number] = [lines[number]._replace(pieces=SLICE, holes=(shared, start - first, stop - first))]
            made = lines[early]._replace(
                target=shared, pieces=(call, "[..., ", ":", f"]{end}"), holes=(whole, first, last)
            )
            changed[early].insert(0, made)
    return [new for number, line in enumerate(lines) for new in changed.get(number, [line])]


def _runs(members: list[tuple[Any, Any, int]]) -> Iterator[list[tuple[Any, Any, int]]]:
    """Of slices in order, those that stand side by side, at least two."""
    run = members[:1]
    for one in [*members[1:], (None, None, -1)]:
        if one[0] == run[-1][1]:
            run.append(one)
            continue
        if len(run) > 1:
            yield run
        run = [one]
