"""Time steps of real cells, laid out: no line behind a node, none on another, and few crossings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_lstm as tg
from tests.support.layout_lint import counts, lint
from tests.support.plain import plain
from tinygrad_lstm import nn
from viz.layout.layered import Line, layered
from viz.layout.timeline import Item, timeline
from viz.style.fonts import width

CELLS: dict[str, tuple[Callable[[], Any], int]] = {  # and how often the lines of a step cross at most
    "LSTM": (lambda: nn.LSTM(3, 4), 0),
    "GRU": (lambda: nn.GRU(3, 4), 3),
    "SeparateLSTM": (lambda: nn.LSTM(3, 4, cell=nn.SeparateLSTMCell), 6),
    "PeepholeLSTM": (lambda: nn.LSTM(3, 4, cell=nn.PeepholeLSTMCell), 2),
    "CoupledLSTM": (lambda: nn.LSTM(3, 4, cell=nn.CoupledLSTMCell), 1),
    "LayerNormLSTM": (lambda: nn.LSTM(3, 4, cell=nn.LayerNormLSTMCell), 0),
    "MGU": (lambda: nn.GRU(3, 4, cell=nn.MGUCell), 5),
    "ResetBeforeGRU": (lambda: nn.GRU(3, 4, cell=nn.ResetBeforeGRUCell), 5),
}
STRAIGHT = 8.0  # how much a carried state pulls


def graph(make: Callable[[], Any], T: int) -> tg.Graph:
    tg.manual_seed(0)
    trajectory = make().unroll(tg.randn(T, 2, 3))
    return tg.graph_of((trajectory.steps[-1].h ** 2).sum())


def sizes(drawn: tg.Graph) -> dict[str, tuple[float, float]]:
    return {f"v{v.id}": (max(26.0, width(v.label or v.op or v.kind, 12) + 14), 26.0) for v in drawn.vertices}


@pytest.mark.parametrize("t", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_has_no_defect_and_few_crossings(cell: str, t: int) -> None:
    make, most = CELLS[cell]
    drawn = graph(make, 3)
    lines = [
        Line(f"v{edge.source}", f"v{edge.reader}", *((3.0, STRAIGHT) if edge.tag == "carry" else (1.5,)))
        for edge in drawn.edges
        if drawn.vertices[edge.reader].step == t and drawn.vertices[edge.source].kind != "parameter"
    ]
    names = {name for line in lines for name in (line.source, line.target)}
    boxes = {name: size for name, size in sizes(drawn).items() if name in names}
    placed = layered(boxes, lines)
    found = counts(lint(plain(placed.boxes, lines, placed.paths)))
    assert found.pop("crossing") == placed.crossings <= most
    assert not any(found.values()), found


@pytest.mark.parametrize("cell", CELLS)
def test_steps_along_time_have_no_defect(cell: str) -> None:
    """Parameters are in no block; what is before all steps is in block 0, what is after them in the last."""
    drawn = graph(CELLS[cell][0], 4)
    wide = sizes(drawn)
    items, blocks = {}, dict[int, int]()
    for vertex in drawn.vertices:
        before = [blocks[edge.source] for edge in drawn.edges if edge.reader == vertex.id and edge.source in blocks]
        if vertex.kind != "parameter":
            blocks[vertex.id] = vertex.step or (5 if max(before, default=0) else 0)
        row = {"c": 1, "h": -1}.get(vertex.label, 0)
        items[f"v{vertex.id}"] = Item(*wide[f"v{vertex.id}"], blocks.get(vertex.id), row)
    lines = [
        Line(f"v{edge.source}", f"v{edge.reader}", *((3.0, STRAIGHT) if edge.tag == "carry" else (1.5,)))
        for edge in drawn.edges
        if edge.source in blocks
    ]
    placed = timeline(items, lines, panels={f"t = {t}": [t] for t in range(1, 5)} | {"layer": range(1, 5)})
    found = counts(lint(plain(placed.boxes, lines, placed.paths, placed.panels)))
    found.pop("crossing")
    assert not any(found.values()), found
