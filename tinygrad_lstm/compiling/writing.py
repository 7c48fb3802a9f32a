"""The text of a compiled program: a function of NumPy alone, which is what runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tinygrad_lstm.compiling.batching import OVER_TIME
from tinygrad_lstm.compiling.keeping import INTO, steps_into
from tinygrad_lstm.compiling.lines import ADD, ELEMENT, Line, Lines, beside, plain
from tinygrad_lstm.compiling.loops import LoopWriter
from tinygrad_lstm.compiling.places import Places
from tinygrad_lstm.compiling.recording import Outputs
from tinygrad_lstm.compiling.rolling import Item, Loop, last_reads, reads_of
from tinygrad_lstm.compiling.sums import ZERO


class Writer:
    """Writes items one after the other, and knows under which name each value is found."""

    def __init__(self, program: Lines, items: Sequence[Item], wanted: Sequence[str], outputs: Outputs) -> None:
        self.program, self.items, self.wanted, self.outputs = program, items, wanted, outputs
        self.returned = {program.gradients[leaf] for leaf in wanted}
        self.buffers: dict[str, str] = {}  # arrays over time, and how they are made
        self.places = Places(program.inputs)
        straight = [item.target for item in items if isinstance(item, Line)]
        known = re.findall(r"\w+", program.functions)
        self.taken = {*program.inputs, *(plain(name) for name in straight), *known, "np", "t", "step"}
        self.uses = Counter(name for item in items for name in reads_of(item))
        self.into = {name for name, (known, _) in INTO.items() if known in program.functions}
        self.held: dict[str, set[str]] = {}  # arrays over time, with the values that are found in them
        self.last = last_reads(items, [*program.loss.reads, *self.returned])
        self.now = 0  # the number of the item that is written
        self.scope = ""
        self.lists: dict[tuple[str, ...], str] = {}  # of values in a row, the list that was made of them

    def text(self, inputs: dict[str, str]) -> str:
        """The whole text: functions, the head with a word on each input, the body, and what it returns."""
        head = [f"    {name},  # {inputs[name]}" for name in self.program.inputs]
        body = [f"    {text}" if text else "" for text in self.body()]
        given = {leaf: self.places[self.program.gradients[leaf]] for leaf in self.wanted}
        returned = ", ".join(f"{leaf!r}: {text}" for leaf, text in given.items())
        last = f"    return {self.line(self.program.loss)}, {{{returned}}}"
        buffers = [f"{name} = {text}" for name, text in self.buffers.items()]
        above = ["\n".join(["# What each step keeps, used again at every call", *buffers])] if buffers else []
        main = "\n".join(["def step(", *head, "):", *body, last]) + "\n"
        return "\n\n\n".join([*_functions(self.program.functions, main), *above, main])

    def body(self) -> Iterator[str]:
        """The statements, with the scope above them where it changes."""
        for number, item in enumerate(self.items):
            self.now = number
            if isinstance(item, Loop):
                yield from self.under(re.sub(r"/t=\d+", "/t", item.body[0].scope))
                yield from LoopWriter(self, item, item.read_after(number, self.last)).text()
                continue
            if item.pieces == ELEMENT and isinstance(position := item.holes[1], int):
                name = self.places[str(item.holes[0])]
                self.places.put(name, {item.target: position})
                self.held.get(name, set()).add(item.target)
                continue
            if item.pieces == (ZERO,):
                self.places[item.target] = ZERO
                continue
            if (array := self.stacked(item)) is not None:
                self.places[item.target] = array
                self.held.get(array.partition("[")[0], set()).add(item.target)
                continue
            yield from self.under(item.scope)
            if item.target.endswith(OVER_TIME) and item.target in self.outputs:
                yield from (text + beside(item) for text in self.over_time(item))
            else:
                self.places[item.target] = plain(item.target)
                yield f"{plain(item.target)} = {self.line(item)}" + beside(item)

    def over_time(self, item: Line) -> Iterator[str]:
        """Statements that write what an item computes for all t into an array that is made once."""
        first, name = str(item.holes[0]), item.target
        if item.pieces == ADD and self.uses[first] == 1 and self.outputs.get(first) == self.outputs[name]:
            self.places[name] = name = self.places[first]  # in the place of what nothing else reads
        else:
            self.places[name] = name
            self.array(name, *self.outputs[name])
            if self.buffers[name] not in self.buffers:
                self.held[name] = set()
        self.held.get(name, set()).add(item.target)
        if item.pieces[0] == "_product(_rows(":
            x, W = (self.places[str(hole)] for hole in item.holes)
            yield f"np.dot(_rows({x}), {W}.T, _rows({name}))"
        else:
            text = self.line(item)
            statements = list(steps_into(text, name, self.into))
            yield from [f"# {name} = {text}"] * (len(statements) > 1)
            yield from statements

    def under(self, scope: str) -> Iterator[str]:
        """A comment with the scope, if it is another than before."""
        if scope != self.scope:
            self.scope = scope
            yield f"# {scope or 'outside'}"

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """An array that is made once; one of this kind whose values nothing reads any more serves again."""
        text = f"np.empty({shape}, {str(dtype)!r})"
        for other, values in self.held.items():
            if self.buffers[other] == text and all(self.last.get(value, -1) < self.now for value in values):
                del self.held[other]
                self.buffers[name] = other
                return
        self.buffers[name] = text

    # Texts ------------------------------------------------------------------------------------------------------------

    def free(self, name: str) -> str:
        """A name that is not in use."""
        free, k = name, 1
        while free in self.taken:
            k += 1
            free = f"{name}_{k}"
        self.taken.add(free)
        return free

    def stacked(self, line: Line) -> str | None:
        """The array in which the values that a line stacks are already; None where it must be made."""
        along_0 = line.pieces[-1:] == ("])",) or (line.pieces[-2:] == ("], ", ")") and line.holes[-1] == 0)
        if line.pieces[0] != "np.stack([" or not along_0 or line.target in self.returned:
            return None
        whole = self.places.spread(line.reads)
        is_array = whole.startswith("*") and ", " not in whole and whole[1:].partition("[")[0] in self.buffers
        return whole[1:] if is_array else None

    def line(self, line: Line) -> str:
        """The right side of a line outside of loops; many values in a row that are a list are the list."""
        text = line.pieces[0]
        run: list[str] = []
        for hole, piece in zip(line.holes, line.pieces[1:], strict=True):
            if isinstance(hole, int):
                text += ", ".join([self.places.spread(run), ""] if run else []) + f"{hole}{piece}"
                run = []
                continue
            run.append(hole)
            if piece != ", ":
                text += self.places.spread(run) + piece
                run = []
        text = re.sub(r"\[\*(\w+)\]", r"\1", text)
        summand = text.removeprefix(f"{ZERO} + ")
        return summand if "(" in summand else text  # a name alone would be the same array, and no new one


def _functions(text: str, main: str) -> list[str]:
    """The imports, constants and functions above a program that it needs, and those that these need."""
    imports, *blocks = [*text.split("\n\n\n"), *(into for _, into in INTO.values())]
    needed = set(re.findall(r"\w+", main)) | {"np"}
    kept = []
    for block in reversed([block.strip() for block in blocks]):  # each is there before its first use
        if re.split(r"\W", block.removeprefix("def "), maxsplit=1)[0] in needed:
            kept.append(block)
            needed.update(re.findall(r"\w+", block))
    return ["\n".join(line for line in imports.splitlines() if line.split()[-1] in needed), *kept[::-1]]


def write(
    program: Lines, items: Sequence[Item], wanted: Iterable[str], inputs: dict[str, str], outputs: Outputs
) -> str:
    """The source of a program, which computes outputs of these shapes and dtypes."""
    return Writer(program, items, list(wanted), outputs).text(inputs)
