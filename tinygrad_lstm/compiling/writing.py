"""The text of a compiled program: a function of NumPy alone, which is what runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tinygrad_lstm.compiling.batching import OVER_TIME, PLACE
from tinygrad_lstm.compiling.lines import Line, Lines, plain
from tinygrad_lstm.compiling.lives import assign_names
from tinygrad_lstm.compiling.recording import Outputs
from tinygrad_lstm.compiling.rolling import Before, Count, Each, Here, Item, Loop, Read
from tinygrad_lstm.compiling.sums import base_name

Place = tuple[str, int | None]  # where a value is found: under a name, or at a position in a list of that name


class Writer:
    """Writes items one after the other, and knows under which name each value is found."""

    def __init__(self, program: Lines, items: Sequence[Item], wanted: Sequence[str], outputs: Outputs) -> None:
        self.program, self.items, self.wanted, self.outputs = program, items, wanted, outputs
        self.buffers: dict[str, str] = {}
        self.places: dict[str, Place] = {name: (name, None) for name in program.inputs}
        straight = [item.target for item in items if isinstance(item, Line)]
        known = re.findall(r"\w+", program.functions)
        self.taken = {*program.inputs, *(plain(name) for name in straight), *known, "np", "t", "step"}
        self.scope = ""
        self.lists: dict[tuple[str, ...], str] = {}  # of values in a row, the list that was made of them

    def text(self, inputs: dict[str, str]) -> str:
        """The whole text: functions, the head with a word on each input, the body, and what it returns."""
        head = [f"    {name},  # {inputs[name]}" for name in self.program.inputs]
        body = [f"    {text}" if text else "" for text in self.body()]
        given = {leaf: self.found(self.program.gradients[leaf]) for leaf in self.wanted}
        returned = ", ".join(f"{leaf!r}: {text}" for leaf, text in given.items())
        last = f"    return {self.line(self.program.loss)}, {{{returned}}}"
        buffers = [f"{name} = {text}" for name, text in self.buffers.items()]
        above = ["\n".join(["# What each step keeps, used again at every call", *buffers])] if buffers else []
        main = "\n".join(["def step(", *head, "):", *body, last]) + "\n"
        return "\n\n\n".join([*_functions(self.program.functions, main), *above, main])

    def body(self) -> Iterator[str]:
        """The statements, with the scope above them where it changes."""
        for k, item in enumerate(self.items):
            if isinstance(item, Loop):
                yield from self.loop(item, self.read_after(k))
                continue
            if item.pieces == PLACE:
                array, position = item.holes
                self.places[item.target] = self.places[str(array)][0], int(position)
                continue
            yield from self.under(item.scope)
            self.places[item.target] = plain(item.target), None
            yield f"{plain(item.target)} = {self.line(item)}" + _place(item)

    def under(self, scope: str) -> Iterator[str]:
        """A comment with the scope, if it is another than before."""
        if scope != self.scope:
            self.scope = scope
            yield f"# {scope or 'outside'}"

    def read_after(self, k: int) -> set[str]:
        """The values that are read after an item."""
        read = {*self.program.loss.reads, *(self.program.gradients[leaf] for leaf in self.wanted)}
        for item in self.items[k + 1 :]:
            read.update(item.reads if isinstance(item, Line) else item.outer_reads())
        return read

    # Loops ------------------------------------------------------------------------------------------------------------

    def loop(self, loop: Loop, after: set[str]) -> Iterator[str]:
        """Lists for what is read later, the first values, and one step."""
        later = {q for q, made in enumerate(loop.made) if not after.isdisjoint(made)}
        last = {q for q in later if after.isdisjoint(loop.made[q][:-1])}
        names = assign_names(loop, last, self.free)
        lists = {q: self.free(f"{base_name(loop.made[q][0])}_at") for q in sorted(later - last)}
        yield from self.under(_without_step(loop.body[0].scope))
        for q, name in lists.items():
            if (array := self.buffer(loop, q)) is None:
                yield f"{name} = []"
            else:
                self.buffers[name] = array
        starts = {names[read.line]: self.found(read.first) for reads in loop.reads for read in reads
                  if isinstance(read, Before)}  # fmt: skip
        for name, first in starts.items():
            yield f"{name} = {first}"
        texts: list[list[str]] = []
        for reads in loop.reads:
            row = []
            for read in reads:
                if isinstance(read, Each) and (defined := self.list_of(loop, read)) is not None:
                    yield defined
                row.append(self.read(loop, read, names))
            texts.append(row)
        steps = f"range({loop.count})"
        yield f"for t in {f'reversed({steps})' if loop.backward else steps}:"
        for q, (line, row) in enumerate(zip(loop.body, texts, strict=True)):
            yield f"    {names[q]} = {line.fill(row)}{_place(line)}"
            if q in lists:
                kept = lists[q]
                yield f"    {kept}[t] = {names[q]}" if kept in self.buffers else f"    {kept}.append({names[q]})"
        for q, made in enumerate(loop.made):
            if q in lists:
                in_order = made[::-1] if loop.backward and lists[q] in self.buffers else made
                self.places |= {name: (lists[q], k) for k, name in enumerate(in_order)}
            else:
                self.places[made[-1]] = names[q], None

    def buffer(self, loop: Loop, q: int) -> str | None:
        """The array that holds what a line makes at all steps, if all of these are of one shape and dtype."""
        kinds = {self.outputs.get(plain(value)) for value in loop.made[q]}
        if len(kinds) > 1 or (kind := kinds.pop()) is None:
            return None
        shape, dtype = kind
        return f"np.empty({(loop.count, *shape)}, {str(dtype)!r})"

    def read(self, loop: Loop, read: Read, names: list[str]) -> str:
        """The text of a read in a loop."""
        if isinstance(read, Here | Before):
            return names[read.line]
        if isinstance(read, Count):
            return _affine(loop, read.first, read.slope)
        if isinstance(read, Each):
            return self.at_each(loop, read) or f"{self.lists[read.values]}[t]"
        return self.found(read) if isinstance(read, str) else str(read)

    def at_each(self, loop: Loop, read: Each) -> str | None:
        """One element of a list after the other."""
        places = [self.places[value] for value in read.values]
        positions = [k for name, k in places if k is not None and name == places[0][0]]
        slopes = {b - a for a, b in pairwise(positions)}
        if len(positions) != len(places) or len(slopes) != 1:
            return None
        return f"{places[0][0]}[{_affine(loop, positions[0], slopes.pop())}]"

    def list_of(self, loop: Loop, read: Each) -> str | None:
        """A new list of the values in the order of t, where they are not in one list already."""
        if read.values in self.lists or self.at_each(loop, read) is not None:
            return None
        name = self.lists[read.values] = self.free(f"{base_name(read.values[-1])}_each")
        values = read.values[::-1] if loop.backward else read.values
        return f"{name} = [{self.spread(values)}]"

    # Texts ------------------------------------------------------------------------------------------------------------

    def free(self, name: str) -> str:
        """A name that is not in use."""
        free, k = name, 1
        while free in self.taken:
            k += 1
            free = f"{name}_{k}"
        self.taken.add(free)
        return free

    def found(self, value: str) -> str:
        """The text of a value."""
        name, position = self.places[value]
        return name if position is None else f"{name}[{position}]"

    def line(self, line: Line) -> str:
        """The right side of a line outside of loops; many values in a row that are a list are the list.

        An array over time that is a buffer already is not copied: no gradient that is returned is one.
        """
        if line.target.endswith(OVER_TIME) and line.pieces[0] == "np.stack([":
            whole = self.spread(line.reads).removeprefix("*")
            if whole in self.buffers:
                return whole
        text = line.pieces[0]
        run: list[str] = []
        for hole, piece in zip(line.holes, line.pieces[1:], strict=True):
            if isinstance(hole, int):
                text += ", ".join([self.spread(run), ""] if run else []) + f"{hole}{piece}"
                run = []
                continue
            run.append(hole)
            if piece != ", ":
                text += self.spread(run) + piece
                run = []
        return re.sub(r"\[\*(\w+)\]", r"\1", text)

    def spread(self, values: Sequence[str]) -> str:
        """The values one after the other: ``h, *h_at[:49]``."""
        texts: list[str] = []
        k = 0
        while k < len(values):
            name, first = self.places[values[k]]
            end = k + 1
            slope = 0
            while first is not None and end < len(values) and (next_ := self.places[values[end]])[0] == name:
                step = (next_[1] or 0) - (self.places[values[end - 1]][1] or 0)
                if step not in (1, -1) or slope not in (0, step):
                    break
                slope, end = step, end + 1
            if end - k > 2 and first is not None:
                texts.append(f"*{name}{self._part(name, first, end - k, slope)}")
                k = end
            else:
                texts.append(self.found(values[k]))
                k += 1
        return ", ".join(texts)

    def _part(self, name: str, first: int, count: int, slope: int) -> str:
        length = sum(place[0] == name for place in self.places.values())
        if slope > 0:
            start, stop = first or "", "" if first + count == length else first + count
            return f"[{start}:{stop}]" if (start, stop) != ("", "") else ""
        start, stop = "" if first == length - 1 else first, "" if first == count - 1 else first - count
        return f"[{start}:{stop}:-1]"


def _functions(text: str, main: str) -> list[str]:
    """The imports, constants and functions above a program that it needs, and those that these need."""
    imports, *blocks = text.split("\n\n\n")
    needed = set(re.findall(r"\w+", main)) | {"np"}
    kept = []
    for block in reversed([block.strip() for block in blocks]):  # each is there before its first use
        if re.split(r"\W", block.removeprefix("def "), maxsplit=1)[0] in needed:
            kept.append(block)
            needed.update(re.findall(r"\w+", block))
    return ["\n".join(line for line in imports.splitlines() if line.split()[-1] in needed), *kept[::-1]]


def _affine(loop: Loop, first: int, slope: int) -> str:
    """``first + slope * r`` at step r, by t, which goes the other way in a loop that runs backward."""
    if loop.backward:
        first, slope = first + slope * (loop.count - 1), -slope
    times = {1: "t", -1: "-t"}.get(slope, f"{slope} * t")
    if not first:
        return times
    return f"{first} - t" if slope == -1 else f"{times} {'+' if first > 0 else '-'} {abs(first)}"


def _place(line: Line) -> str:
    return f"  # {line.place}" if line.place else ""


def _without_step(scope: str) -> str:
    return re.sub(r"/t=\d+", "/t", scope)


def write(
    program: Lines, items: Sequence[Item], wanted: Iterable[str], inputs: dict[str, str], outputs: Outputs
) -> str:
    """The source of a program, which computes outputs of these shapes and dtypes."""
    return Writer(program, items, list(wanted), outputs).text(inputs)
