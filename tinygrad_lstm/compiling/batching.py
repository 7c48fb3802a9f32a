"""What does not wait for another step is done for all steps at once: before the loop, or after it.

Before: W x_t for all t is one product, and so are factors of the derivatives, such as f (1 - f), which depend on the
forward pass alone. For their sake a product is ordered: ``g * f * (1 - f)`` is ``g * (f * (1 - f))``, and
``g - g * (y * y)`` is ``g * (1 - y * y)``.

After: a gradient that each step adds to, and no step reads, is one product or one sum over all steps.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tinygrad_lstm.compiling.factors import HOLE, cut, does_wait, fold_products, ordered
from tinygrad_lstm.compiling.lines import ADD, ELEMENT, Line, Shapes, plain
from tinygrad_lstm.compiling.recording import Outputs
from tinygrad_lstm.compiling.rolling import Before, Count, Each, Here, Item, Loop, Read, needed_after
from tinygrad_lstm.compiling.sums import base_name

OVER_TIME = "_over_time"
PRODUCT = ("", " + _product(_rows(", ").T, _rows(", "))")  # dU = dU + dzᵀ h, the W rule of linear
INPUT_PRODUCT = ("_product(", ", ", ".T)")  # W x_t


def batch(items: Sequence[Item], wanted: Iterable[str], outputs: Outputs) -> list[Item]:
    """The items, with lines before and after each loop that do for all steps what the loop did step by step.

    Shape and dtype of arrays over time are added to ``outputs``.
    """
    shapes = {name: shape for name, (shape, _) in outputs.items()}
    batched: list[Item] = []
    names: set[str] = set()
    whole: dict[tuple[str, ...], str] = {}
    needed = needed_after(items, wanted)
    for k, item in enumerate(items):
        if isinstance(item, Loop):
            batched += _Batch(item, needed[k], shapes, outputs, names, whole).run()
        else:
            batched.append(item)
    return batched


@dataclass
class _Batch:
    loop: Loop
    needed: set[str]  # of what the loop makes, what is read after it
    shapes: Shapes
    outputs: Outputs
    names: set[str]  # of arrays over time, in the whole program
    whole: dict[tuple[str, ...], str]  # of values in a row, the array over time that earlier lines made
    before: list[Item] = field(default_factory=list)
    after: list[Item] = field(default_factory=list)
    collected: dict[tuple[str, ...], str] = field(default_factory=dict)  # the same for arrays made after the loop
    known: dict[str, str] = field(default_factory=dict)  # by text, what is computed before the loop already

    def run(self) -> list[Item]:
        if (elements := self._elements()) is not None:
            return elements
        self.loop = fold_products(self.loop, self.needed)
        sunk = [q for q in range(len(self.loop.body)) if self._sink(q)]
        hoisted: dict[int, str] = {}  # by line
        for q in range(len(self.loop.body)):
            if q in sunk:
                continue
            self.loop.reads[q] = [self._after_hoisting(read, hoisted) for read in self.loop.reads[q]]
            if (name := self._hoist_product(q) or self._hoist_sum(q)) is not None:
                hoisted[q] = name
            else:
                self._hoist_factors(q)
        kept = [q for q in range(len(self.loop.body)) if q not in sunk and q not in hoisted]
        return [*self.before, *([self.loop.only(kept)] if kept else []), *self.after]

    def _elements(self) -> list[Item] | None:
        """Of a loop that only takes the steps out of an array, a line for each of them."""
        match self.loop.body, self.loop.reads:
            case [Line(pieces=pieces)], [[str(array), Count(0, 1)]] if pieces == ELEMENT:
                if self.shapes.get(array, ())[:1] == (self.loop.count,):
                    self.whole[tuple(self.loop.made[0])] = array
                return [Line(value, ELEMENT, (array, k)) for k, value in enumerate(self.loop.made[0])]
        return None

    # After the loop ---------------------------------------------------------------------------------------------------

    def _sink(self, q: int) -> bool:
        """Whether the line is a sum over the steps that can wait until after the loop; if so it is written there."""
        line, reads = self.loop.body[q], self.loop.reads[q]
        own = reads[0] if reads else None
        if not (isinstance(own, Before) and own.line == q and sum(self._uses(q)) == 1):
            return False
        axes = line.holes[2:]
        is_sum = line.pieces[:2] == ("", " + np.sum(") and line.pieces[2:3] == (", axis=(",)
        pieces: tuple[str, ...]
        if line.pieces == PRODUCT:
            wholes, pieces = [self._made_whole(reads[1]), self._made_whole(reads[2])], PRODUCT
        elif is_sum and axes and all(isinstance(axis, int) for axis in axes) and line.pieces[-1] in (",))", "))"):
            over = ", ".join(str(axis) for axis in (0, *(int(axis) + 1 for axis in axes)))
            wholes, pieces = [self._made_whole(reads[1])], ("", " + np.sum(", f", axis=({over}))")
        else:
            return False
        if None in wholes:
            return False
        holes = (own.first, *[whole for whole in wholes if whole is not None])
        self.after.append(Line(self.loop.made[q][-1], pieces, holes, line.scope, line.place))
        return True

    def _made_whole(self, read: Read) -> str | None:
        """The array over time, after the loop, of what is read at all steps."""
        values = self._values(read)
        known = self.whole if values and tuple(values) in self.whole else self.collected
        return None if values is None else _stack(values, known, self.after, self._fresh)

    def _uses(self, q: int) -> Iterator[bool]:
        for reads in self.loop.reads:
            for read in reads:
                yield isinstance(read, Here | Before) and read.line == q

    def _values(self, read: Read) -> list[str] | None:
        """What is read at all steps, in the order of t."""
        values: Sequence[str]
        if isinstance(read, Here):
            values = self.loop.made[read.line]
        elif isinstance(read, Before):
            values = [read.first, *self.loop.made[read.line][:-1]]
        elif isinstance(read, Each):
            values = read.values
        else:
            return None
        return [*values[::-1]] if self.loop.backward else [*values]

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

    # Before the loop --------------------------------------------------------------------------------------------------

    def _after_hoisting(self, read: Read, hoisted: dict[int, str]) -> Read:
        if isinstance(read, Here) and read.line in hoisted:
            return Each(tuple(self.loop.made[read.line]))
        return read

    def _hoist_product(self, q: int) -> str | None:
        """W x_t for all t, if it does not wait."""
        line, reads = self.loop.body[q], self.loop.reads[q]
        if line.pieces != INPUT_PRODUCT or not (isinstance(reads[0], Each) and isinstance(reads[1], str)):
            return None
        shape = (self.loop.count, *self.shapes[plain(self.loop.made[q][0])])
        pieces = ("_product(_rows(", "), ", f".T).reshape({shape})")
        return self._all_steps(q, pieces, (self._stacked(reads[0]), reads[1]))

    def _hoist_sum(self, q: int) -> str | None:
        """W x_t + b for all t."""
        reads = self.loop.reads[q]
        if self.loop.body[q].pieces != ADD or not (isinstance(reads[0], Each) and isinstance(reads[1], str)):
            return None
        shapes = [self.shapes.get(plain(name)) for name in (*reads[0].values, self.loop.made[q][0])]
        if (
            len(set(shapes)) != 1
            or shapes[0] is None
            or len(self.shapes.get(reads[1], "too many axes")) > len(shapes[0])
        ):
            return None
        return self._all_steps(q, ADD, (self._stacked(reads[0]), reads[1]))

    def _all_steps(self, q: int, pieces: tuple[str, ...], holes: tuple[str, ...]) -> str:
        """Write before the loop what a line makes at all steps."""
        line, name = self.loop.body[q], self._fresh(plain(self.loop.made[q][0]))
        self._note(name, self.loop.made[q])
        self.before.append(Line(name, pieces, holes, line.scope, line.place))
        made = self.loop.made[q][::-1] if self.loop.backward else self.loop.made[q]
        self.before += [Line(value, ELEMENT, (name, k)) for k, value in enumerate(made)]
        self.whole[tuple(made)] = name
        return name

    def _stacked(self, read: Each) -> str:
        """The array over time of values in a row, in the order of t."""
        values = self._values(read)
        assert values is not None
        return _stack(values, self.whole, self.before, self._fresh)

    def _hoist_factors(self, q: int) -> None:
        """Take out of a line the parts of its expression that read nothing a step makes."""
        line, reads = self.loop.body[q], self.loop.reads[q]
        if not any(isinstance(read, Each) for read in reads) or not any(isinstance(r, Here | Before) for r in reads):
            return
        new_reads: list[Read] = list(reads)
        found = _TakeOut(self, new_reads).visit(ordered(line, reads))
        if len(new_reads) == len(reads):
            return
        text = ast.unparse(found)
        pieces, holes = cut(text)
        self.loop.body[q] = Line(line.target, pieces, tuple(0 for _ in holes), line.scope, line.place)
        self.loop.reads[q] = [new_reads[k] for k in holes]

    def take(self, tree: ast.expr, reads: list[Read]) -> ast.expr | None:
        """An expression of values from before the loop, computed for all t; None where shapes do not allow it."""
        inside = [
            int(n.id.removeprefix(HOLE)) for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id.startswith(HOLE)
        ]
        each = [k for k in inside if isinstance(reads[k], Each)]
        shapes = {self.shapes.get(plain(value)) for k in each for value in reads[k].values}  # type: ignore[union-attr]  # Each
        fixed = [self.shapes.get(str(reads[k])) for k in inside if isinstance(reads[k], str)]
        if len(each) < 2 or len(shapes) != 1 or None in shapes or any(shape != () for shape in fixed):
            return None
        if any(isinstance(reads[k], Count) for k in inside):
            return None
        names = {f"{HOLE}{k}": self._stacked(reads[k]) if k in each else str(reads[k]) for k in inside}  # type: ignore[arg-type]  # Each
        pieces, holes = cut(ast.unparse(tree))
        values = tuple(names[f"{HOLE}{k}"] for k in holes)
        text = "".join(piece + value for piece, value in zip(pieces, [*values, ""], strict=True))
        if text not in self.known:
            of = dict.fromkeys(base_name(reads[k].values[0]) for k in each)  # type: ignore[union-attr]  # Each
            self.known[text] = self._fresh(f"slope_{'_'.join(of)}")
            self.before.append(Line(self.known[text], pieces, values))
            self._note(self.known[text], [value for k in each for value in reads[k].values])  # type: ignore[union-attr]  # Each
        reads += [self.known[text], self.loop.t]
        return ast.Subscript(ast.Name(f"{HOLE}{len(reads) - 2}"), ast.Name(f"{HOLE}{len(reads) - 1}"))


def _stack(
    values: Sequence[str], known: dict[tuple[str, ...], str], lines: list[Item], fresh: Callable[[str], str]
) -> str:
    """The array over time of values in a row, in the order of t, made by one more line if it is not known."""
    key = tuple(values)
    if key not in known:
        known[key] = fresh(base_name(key[-1]))
        lines.append(Line(known[key], ("np.stack([", *[", "] * (len(key) - 1), "])"), key))
    return known[key]


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
