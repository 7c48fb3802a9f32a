"""One backward pass as a table that a class can follow: for each node its cotangent g, and what its inputs get.

To read a row: the node has received g; each input gets g · (the local derivative), and the source of that input adds it
to its other contributions. A scalar is shown as its number. An array is shown by its shape and its norm ‖·‖, and its
local derivative by the factor between the norms of contribution and g.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.arguments import LOSS, Kind, integer, takes
from tinygrad_lstm.engine.backward_events import backward_events
from tinygrad_lstm.engine.node import Edge, Node
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import GradError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.explain.formulas import local_derivative
from tinygrad_lstm.explain.values import contribution_norm, norm
from tinygrad_lstm.tables import Column, Table, Tabular, in_notebook

HEADS = ("#", "node", "in", "g, what came in", "local derivative", "handed on")
WHAT = Kind("a tensor of one number (x.trace() is a matrix's)", LOSS.take)
traced = takes(loss=WHAT, max_rows=integer(2).or_none())
NARROW = (4, 15, 11, 20, 25, 15)  # how far each column may shrink, for the table to be about 100 wide


class Amount(NamedTuple):
    """An array in a few words: shape, norm, and the numbers themselves if they are few."""

    shape: tuple[int, ...]
    norm: float
    values: Any  # nested lists, or None

    def __str__(self) -> str:
        if self.values is None:
            return f"{self.shape} ‖{self.norm:.3g}‖"
        return np.array2string(np.asarray(self.values), formatter={"float_kind": lambda x: f"{x:.4g}"}, separator=", ")


@dataclass(frozen=True)
class Part:
    """The contribution of a node to one of its inputs."""

    name: str  # of the input, in the op
    symbols: str  # the local derivative, as the op has it
    slope: float | None  # its number, between scalars; else ‖contribution‖ / ‖g‖
    contribution: Amount
    source: str  # the node that receives it


@dataclass(frozen=True)
class Row:
    """One node's turn."""

    number: int
    name: str
    op: str  # '' for a leaf
    scope: str
    step: int | None
    cotangent: Amount
    summed: tuple[Amount, ...]  # the contributions whose sum is the cotangent
    parts: tuple[Part, ...]


class Trace(Tabular):
    """The rows of one backward pass; as a string, the table. Neither frees the graph nor touches any ``grad``."""

    @traced
    def __init__(self, loss: Tensor, max_rows: int | None = 100) -> None:
        if not loss.requires_grad:
            raise GradError("trace() of a tensor that depends on nothing that requires a gradient")
        self.max_rows = max_rows
        self.rows, self.rules = _walk(loss)

    def __repr__(self) -> str:
        return f"Trace({len(self.rows)} rows)"

    def _tables(self) -> Iterator[Table]:
        """The whole table: a page has room for cells that ``print`` cuts."""
        columns = [Column("#"), *(Column(head, words=True) for head in HEADS[1:])]
        rows = [cells for row in self.rows for cells in _lines(row)]
        yield Table("", columns, rows, "\n".join([f"{op}: {doc}" for op, doc in self.rules.items()]))

    def __str__(self) -> str:
        rows, most = self.rows, self.max_rows
        left_out = 0 if most is None else max(0, len(rows) - most)
        half = (len(rows) - left_out) // 2
        above, below = (
            [cells for row in part for cells in _lines(row)] for part in (rows[:half], rows[half + left_out :])
        )
        widths = [max(map(len, column)) for column in zip(HEADS, *above, *below, strict=True)]
        for column in (2, 4, 5, 3, 1):
            too_wide = max(0, sum(widths) + 2 * len(widths) - 102)
            widths[column] = max(min(NARROW[column], widths[column]), widths[column] - too_wide)
        gap = [f"... {left_out} more rows (max_rows=None shows all) ..."] if left_out else []
        head = _align(HEADS, widths), _align(["-" * width for width in widths], widths)
        upper, lower = ([_align(cells, widths) for cells in part] for part in (above, below))
        legend = [_cut(f"{op}: {doc}", 100) for op, doc in self.rules.items()]
        return "\n".join([*head, *upper, *gap, *lower, "", *legend])


@traced
def trace(loss: Tensor, max_rows: int | None = 100) -> Trace:
    """Print one backward pass as a table, a row for each node in the order of its turn; returns it, with ``.rows``.

    A notebook shows what the last line of a cell gives, so there nothing is printed: elsewhere in a cell say
    ``print(tg.trace(z))``.

    Of a long graph the first and last rows are shown, ``max_rows`` in all; None shows every one. The graph stays, and
    no ``grad`` is touched.

    Raises GradError for a loss that needs no gradient or a freed graph; DtypeError for what is not one number.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> z = x * x + x
    >>> tg.label(x=x, z=z)
    >>> rows = trace(z).rows
    #  node           in  g, what came in  local derivative  handed on
    -  -------------  --  ---------------  ----------------  ---------
    1  z = add            1                ∂/∂a = 1          #2 += 1
                                           ∂/∂b = 1          x += 1
    2  #2 = multiply      1                ∂/∂a = b = 3      x += 3
                                           ∂/∂b = a = 3      x += 3
    3  x, a leaf          7 = 1 + 3 + 3
    <BLANKLINE>
    add: The sum a + b: it hands its cotangent to both, whole.
    multiply: The product a ⊙ b: where b is in (0, 1) it is a gate, which lets that share of a through.
    >>> rows[2].cotangent.norm
    7.0
    """
    table = Trace(loss, max_rows)
    if not in_notebook():
        print(table)
    return table


def _walk(loss: Tensor) -> tuple[tuple[Row, ...], dict[str, str]]:
    """The rows, and for each op the first line of its docstring."""
    turns: list[tuple[Node, Amount, list[tuple[Edge, Amount]]]] = []
    for node, g, contributions, _ in backward_events(loss, retain_graph=True, accumulate=False):
        turns.append((node, _amount(g), [(edge, _amount_of(edge, c)) for edge, c in contributions]))
    names = {node: _name(node, number) for number, (node, _, _) in enumerate(turns, start=1)}
    got: dict[Node, list[Amount]] = {}
    rows, rules = [], {}
    for number, (node, g, given) in enumerate(turns, start=1):
        parts = []
        for edge, c in given:
            got.setdefault(edge.source, []).append(c)
            slope = _ratio(c, g)
            parts.append(Part(edge.name, local_derivative(node, edge.position), slope, c, names.get(edge.source, "")))
        if node.op is not None:
            rules[node.op.name] = (node.op.__doc__ or "").strip().split("\n")[0]
        op, scope = node.op.name if node.op is not None else "", str(node.scope or "")
        rows.append(Row(number, names[node], op, scope, node.step, g, tuple(got.get(node, ())), tuple(parts)))
    return tuple(rows), rules


def _amount(g: Any) -> Amount:
    parts = [np.asarray(part) for part in (g if isinstance(g, list) else [g])]
    shape = parts[0].shape if len(parts) == 1 else (len(parts), *parts[0].shape)
    few = len(parts) == 1 and parts[0].size <= 3 and parts[0].ndim < 2
    return Amount(shape, math.hypot(*map(norm, parts)), parts[0].tolist() if few else None)


def _amount_of(edge: Edge, c: Any) -> Amount:
    """The amount of a contribution; that of a read ``x[t]`` without making an array as long as x."""
    shape = edge.source.shapes[edge.index]
    few = type(c) is not IndexedCotangent or math.prod(shape) <= 3
    return _amount(edge.whole(c)) if few else Amount(shape, contribution_norm(edge, c), None)


def _ratio(c: Amount, g: Amount) -> float | None:
    """∂y/∂x between scalars, with its sign; between arrays the ratio of the norms."""
    if c.shape == g.shape == () and g.values:
        return float(c.values / g.values)
    return c.norm / g.norm if g.norm else None


def _name(node: Node, number: int) -> str:
    """A node by its label and step, else by its row."""
    if not node.label:
        return f"#{number}"
    return node.label if node.step is None or node.op is None else f"{node.label}_{node.step}"


def _lines(row: Row) -> list[Sequence[str]]:
    """The cells of a row: a line for each input."""
    what = f"{row.name} = {row.op}" if row.op else f"{row.name}, a leaf"
    came = str(row.cotangent)
    if len(row.summed) > 1:
        terms = [f"{amount}" for amount in row.summed]
        is_short = row.cotangent.shape == () and len(terms) < 4
        came += f" = {' + '.join(terms)}".replace("+ -", "- ") if is_short else f" Σ of {len(terms)}"
    first, *more = [_part_cells(row, part) for part in row.parts] or [("", "")]
    return [(str(row.number), what, row.scope, came, *first), *(("", "", "", "", *cells) for cells in more)]


def _part_cells(row: Row, part: Part) -> tuple[str, str]:
    is_scalar = part.contribution.shape == row.cotangent.shape == ()
    number = "" if part.slope is None else f"{part.slope:.4g}" if is_scalar else f"×{part.slope:.3g}"
    symbols = _cut(part.symbols, (40 if is_scalar else 18) - len(part.name + number))
    known = [text for text in dict.fromkeys([symbols, number]) if text]
    handed = part.contribution if part.contribution.values is not None else f"‖{part.contribution.norm:.2g}‖"
    return f"∂/∂{part.name} = {(' = ' if is_scalar else ', ').join(known)}", f"{part.source} += {handed}"


def _cut(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_cut(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
