"""What does not wait for another step is done for all steps at once: before the loop, or after it.

Before: W x_t for all t is one product, and so are factors of the derivatives, such as f (1 - f), which depend on the
forward pass alone. For their sake a product is ordered: ``g * f * (1 - f)`` is ``g * (f * (1 - f))``, and
``g - g * (y * y)`` is ``g * (1 - y * y)``.

After: a gradient that each step adds to, and no step reads, is one product or one sum over all steps.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygrad_lstm.compiling.factors import HOLE, cut, does_wait, fold_products, ordered
from tinygrad_lstm.compiling.lines import ADD, ELEMENT, INPUT_PRODUCTS, Line, plain
from tinygrad_lstm.compiling.recording import Outputs
from tinygrad_lstm.compiling.rolling import Before, Count, Each, Here, Item, Loop, Read, last_reads
from tinygrad_lstm.compiling.sums import base_name

OVER_TIME = "_over_time"
PRODUCT = ("", " + _product(_rows(", ").T, _rows(", "))")  # dU = dU + dzᵀ h, the W rule of linear


def batch(items: Sequence[Item], wanted: Iterable[str], outputs: Outputs) -> list[Item]:
    """The items, with lines before and after each loop that do for all steps what the loop did step by step.

    Shape and dtype of arrays over time are added to ``outputs``.
    """
    batched: list[Item] = []
    names: set[str] = set()
    whole: dict[tuple[str, ...], str] = {}
    last = last_reads(items, wanted)
    for k, item in enumerate(items):
        if isinstance(item, Loop):
            batched += _Batch(item, item.read_after(k, last), outputs, names, whole).run()
        else:
            batched.append(item)
    return batched


@dataclass
class _Batch:
    loop: Loop
    needed: set[str]  # of what the loop makes, what is read after it
    outputs: Outputs
    names: set[str]  # of arrays over time, in the whole program
    whole: dict[tuple[str, ...], str]  # of values in a row, the array over time that lines before the loop made
    before: list[Item] = field(default_factory=list)
    after: list[Item] = field(default_factory=list)
    collected: dict[tuple[str, ...], str] = field(default_factory=dict)  # the same for arrays made after the loop
    known: dict[str, str] = field(default_factory=dict)  # by text, what is computed before the loop already

    def run(self) -> list[Item]:
        if (elements := self._elements()) is not None:
            return elements
        self.loop = loop = fold_products(self.loop, self.needed)
        kept: list[int] = []
        sunk = [q for q in range(len(loop.body)) if self._sink(q)]
        hoisted: set[int] = set()
        for q, reads in enumerate(loop.reads):
            if q in sunk:
                continue
            for k, read in enumerate(reads):
                if isinstance(read, Here) and read.line in hoisted:
                    reads[k] = Each(tuple(loop.made[read.line]))
            if self._hoist_product(q) or self._hoist_sum(q):
                hoisted.add(q)
            else:
                self._hoist_factors(q)
                kept.append(q)
        return [*self.before, *([loop.only(kept)] if kept else []), *self.after]

    def _elements(self) -> list[Item] | None:
        """Of a loop that only takes the steps out of an array, a line for each of them."""
        match self.loop.body, self.loop.reads:
            case [Line(pieces=pieces)], [[str(array), Count(0, 1)]] if pieces == ELEMENT:
                if (self._shape(array) or ())[:1] == (self.loop.count,):
                    self.whole[tuple(self.loop.made[0])] = array
                return [Line(value, ELEMENT, (array, k)) for k, value in enumerate(self.loop.made[0])]
        return None

    def _shape(self, value: str) -> tuple[int, ...] | None:
        kind = self.outputs.get(plain(value))
        return kind and kind[0]

    # Arrays over time -------------------------------------------------------------------------------------------------

    def _array(self, read: Here | Before | Each, after: bool = False) -> str:
        """The array of what is read at all steps, in the order of t, made before or after the loop if it is not yet."""
        if isinstance(read, Each):
            key = read.values
        else:
            key = tuple(self.loop.made[read.line])
            key = (read.first, *key[:-1]) if isinstance(read, Before) else key
        key = key[::-1] if self.loop.backward else key
        known = self.collected if after and key not in self.whole else self.whole
        if key not in known:
            known[key] = self._fresh(base_name(key[-1]))
            made = Line(known[key], ("np.stack([", *[", "] * (len(key) - 1), "])"), key)
            (self.after if after else self.before).append(made)
        return known[key]

    def _fresh(self, name: str) -> str:
        """A name for an array over time."""
        name += OVER_TIME
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name

    def _note(self, name: str, values: Sequence[str]) -> None:
        """Note shape and dtype of an array over time, computed from values of one shape and dtype."""
        kinds = {self.outputs.get(plain(value)) for value in values}
        if len(kinds) == 1 and (kind := kinds.pop()) is not None:
            self.outputs[name] = (self.loop.count, *kind[0]), kind[1]

    # After the loop ---------------------------------------------------------------------------------------------------

    def _sink(self, q: int) -> bool:
        """Whether the line is a sum over the steps that can wait until after the loop; if so it is written there."""
        line, (own, *reads) = self.loop.body[q], self.loop.reads[q] or [0]
        if not (isinstance(own, Before) and own.line == q and self.loop.uses()[q] == 1):
            return False
        pieces, axes = line.pieces, line.holes[2:]
        is_sum = pieces[:2] == ("", " + np.sum(") and pieces[2:3] == (", axis=(",) and pieces[-1] in (",))", "))")
        if is_sum and axes and all(isinstance(axis, int) for axis in axes):
            over = ", ".join(str(axis) for axis in (0, *(int(axis) + 1 for axis in axes)))
            pieces, reads = ("", " + np.sum(", f", axis=({over}))"), reads[:1]
        elif pieces != PRODUCT:
            return False
        parts = [read for read in reads if isinstance(read, Here | Before | Each)]
        if len(parts) == len(reads):
            holes = own.first, *[self._array(read, after=True) for read in parts]
            self.after.append(Line(self.loop.made[q][-1], pieces, holes, line.scope, line.place))
        return len(parts) == len(reads)

    # Before the loop --------------------------------------------------------------------------------------------------

    def _hoist_product(self, q: int) -> bool:
        """W x_t for all t, if it does not wait."""
        match self.loop.reads[q]:
            case [Each() as x, str(W)] if self.loop.body[q].pieces in INPUT_PRODUCTS:
                shape = (self.loop.count, *(self._shape(self.loop.made[q][0]) or ()))
                self._all_steps(q, ("_product(_rows(", "), ", f".T).reshape({shape})"), (self._array(x), W))
                return True
        return False

    def _hoist_sum(self, q: int) -> bool:
        """W x_t + b for all t."""
        match self.loop.reads[q]:
            case [Each() as z, str(b)] if self.loop.body[q].pieces == ADD:
                shapes = {self._shape(name) for name in (*z.values, self.loop.made[q][0])}
                (shape, *others), of_b = shapes, self._shape(b)
                if others or shape is None or of_b is None or len(of_b) > len(shape):
                    return False
                self._all_steps(q, ADD, (self._array(z), b))
                return True
        return False

    def _all_steps(self, q: int, pieces: tuple[str, ...], holes: tuple[str, ...]) -> None:
        """Write a line for all steps before the loop, and where the value of each step is in it."""
        line, made = self.loop.body[q], self.loop.made[q]
        name = self._fresh(plain(made[0]))
        self._note(name, made)
        made = made[::-1] if self.loop.backward else made
        self.before.append(Line(name, pieces, holes, line.scope, line.place))
        self.before += [Line(value, ELEMENT, (name, k)) for k, value in enumerate(made)]
        self.whole[tuple(made)] = name

    def _hoist_factors(self, q: int) -> None:
        """Take out of a line the parts of its expression that read nothing a step makes."""
        line, reads = self.loop.body[q], self.loop.reads[q]
        if not any(isinstance(read, Each) for read in reads) or not any(isinstance(r, Here | Before) for r in reads):
            return
        new_reads: list[Read] = list(reads)
        found = _TakeOut(self, new_reads).visit(ordered(line, reads))
        if len(new_reads) == len(reads):
            return
        pieces, holes = cut(ast.unparse(found))
        self.loop.body[q] = line._replace(pieces=pieces, holes=tuple([0 for _ in holes]))
        self.loop.reads[q] = [new_reads[k] for k in holes]

    def take(self, tree: ast.expr, reads: list[Read]) -> ast.expr | None:
        """An expression of values from before the loop, computed for all t; None where shapes do not allow it."""
        pieces, holes = cut(ast.unparse(tree))
        each = {k: read for k in holes if isinstance(read := reads[k], Each)}
        values = [value for read in each.values() for value in read.values]
        shapes = {self._shape(value) for value in values}
        others = [read for k in holes if not isinstance(read := reads[k], Each | int)]
        scalars = all(isinstance(read, str) and self._shape(read) == () for read in others)
        if sum(k in each for k in holes) < 2 or len(shapes) != 1 or None in shapes or not scalars:
            return None
        arrays: tuple[Any, ...] = tuple([self._array(each[k]) if k in each else reads[k] for k in holes])
        text = Line("", pieces, ()).fill([str(one) for one in arrays])  # a whole number stays one in the line
        if text not in self.known:
            of = dict.fromkeys(base_name(read.values[0]) for read in each.values())
            self.known[text] = self._fresh(f"slope_{'_'.join(of)}")
            self.before.append(Line(self.known[text], pieces, arrays))
            self._note(self.known[text], values)
        reads += [self.known[text], self.loop.t]
        return ast.Subscript(ast.Name(f"{HOLE}{len(reads) - 2}"), ast.Name(f"{HOLE}{len(reads) - 1}"))


class _TakeOut(ast.NodeTransformer):
    """Replaces the largest parts that do not wait by what is computed for all t."""

    def __init__(self, of: _Batch, reads: list[Read]) -> None:
        self.of, self.reads = of, reads
        self.waits = {f"{HOLE}{k}" for k, read in enumerate(reads) if isinstance(read, Here | Before)}

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if not does_wait(node, self.waits) and (taken := self.of.take(node, self.reads)) is not None:
            return taken
        visited = self.generic_visit(node)
        assert isinstance(visited, ast.expr)
        return visited
