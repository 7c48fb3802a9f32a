"""The text of a loop over t: what it starts from, and the lines of one step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from tinygrad_lstm.compiling.keeping import keep, written_into
from tinygrad_lstm.compiling.lines import beside
from tinygrad_lstm.compiling.lives import assign_names
from tinygrad_lstm.compiling.places import Places
from tinygrad_lstm.compiling.recording import Outputs
from tinygrad_lstm.compiling.rolling import Before, Count, Each, Here, Loop, Read
from tinygrad_lstm.compiling.sums import base_name


class Around(Protocol):
    """The program around a loop."""

    places: Places
    outputs: Outputs  # shape and dtype of values
    buffers: dict[str, str]  # arrays that are made once, and how
    into: set[str]  # functions that can write into an array
    lists: dict[tuple[str, ...], str]  # of values in a row, the list that was made of them

    def free(self, name: str) -> str:
        """A name that is not in use."""

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """Make an array once."""


class LoopWriter:
    """Writes one loop; ``after`` are the values that are read after it."""

    def __init__(self, around: Around, loop: Loop, after: set[str]) -> None:
        self.around, self.loop = around, loop
        later = {q for q, made in enumerate(loop.made) if not after.isdisjoint(made)}
        last = {q for q in later if after.isdisjoint(loop.made[q][:-1])}
        self.every = later - last  # lines of which the values of all steps are read later
        self.names = assign_names(loop, last, around.free)
        self.kept = keep(loop, self.every, self.names, around.outputs)
        stored = sorted({*self.every, *self.kept.arrays, *self.kept.parts})
        self.arrays = {q: around.free(f"{base_name(loop.made[q][0])}_at") for q in stored}  # or lists

    def text(self) -> Iterator[str]:
        """The statements before the loop, the loop, and where its values are found then."""
        yield from self.before()
        rows: list[list[str]] = []
        for reads in self.loop.reads:
            row = []
            for read in reads:
                if isinstance(read, Each) and (made := self.list_of(read)) is not None:
                    yield made
                row.append(self.read(read))
            rows.append(row)
        steps = f"range({self.loop.count})"
        yield f"for t in {f'reversed({steps})' if self.loop.backward else steps}:"
        begun: set[int] = set()  # concatenations
        for q, row in enumerate(rows):
            if q in self.kept.parts and (whole := self.kept.parts[q][0]) not in begun:
                begun.add(whole)
                yield f"    {self.names[whole]} = {self.at(whole)}{beside(self.loop.body[whole])}"
            if q not in begun:
                yield from (f"    {text}" for text in self.step(q, row))
        self.place()

    def before(self) -> Iterator[str]:
        """Arrays over time are made once; at each call they get what the first step starts from."""
        loop, kept, arrays, around = self.loop, self.kept, self.arrays, self.around
        for q, (shape, dtype) in kept.arrays.items():
            around.array(arrays[q], (loop.count + (q in kept.starts), *shape), dtype)
            if q in kept.starts:
                yield f"{arrays[q]}[{loop.count if loop.backward else 0}] = {around.places[kept.starts[q]]}"
        for q, (whole, start, stop) in {**kept.views, **kept.parts}.items():
            around.buffers[arrays[q]] = f"{arrays[whole]}[..., {start}:{stop}]"
        yield from (f"{name} = []" for name in arrays.values() if name not in around.buffers)
        firsts = {self.names[read.line]: around.places[read.first] for reads in loop.reads for read in reads
                  if isinstance(read, Before)}  # fmt: skip
        yield from (f"{name} = {first}" for name, first in firsts.items())

    def step(self, q: int, row: list[str]) -> Iterator[str]:
        """The statements of one line of a step: its value goes where it is kept."""
        line, name = self.loop.body[q], self.names[q]
        if q in self.kept.parts or q in self.kept.arrays:
            kind = self.kept.arrays.get(q)
            called = written_into(line, row, self.at(q), self.around.into) if kind is None or kind[0] else None
            text = called or f"{self.at(q)} = {line.fill(row)}"
            yield (text if q in self.kept.parts else f"{name} = {text}") + beside(line)
        elif q in self.kept.views:
            yield f"{name} = {self.at(q)}{beside(line)}"
        else:
            yield f"{name} = {line.fill(row)}{beside(line)}"
            if q in self.arrays:
                yield f"{self.arrays[q]}.append({name})"

    def at(self, q: int) -> str:
        """The place in an array over time that belongs to a step."""
        whole = {**self.kept.views, **self.kept.parts}.get(q, (q,))[0]
        return f"{self.arrays[q]}[t{' + 1' * (whole in self.kept.starts and not self.loop.backward)}]"

    def place(self) -> None:
        """Note where the values of the loop are found after it."""
        loop, kept, places = self.loop, self.kept, self.around.places
        for q, made in enumerate(loop.made):
            if q in self.arrays:
                is_array = self.arrays[q] in self.around.buffers
                whole = kept.views.get(q, (q,))[0]
                ahead = whole in kept.starts and not loop.backward
                in_order = made[::-1] if loop.backward and is_array else made
                length = loop.count + (whole in kept.starts)
                places.put(self.arrays[q], {name: k + ahead for k, name in enumerate(in_order)}, length)
                if q in kept.starts:
                    places.put(self.arrays[q], {kept.starts[q]: 0 if ahead else loop.count})
            if q not in self.every:
                places[made[-1]] = self.names[q]

    def read(self, read: Read) -> str:
        """The text of a read in the loop."""
        if isinstance(read, Here | Before):
            return self.names[read.line]
        if isinstance(read, Count):
            return self.affine(read.first, read.slope)
        if isinstance(read, Each):
            row = self.around.places.row(read.values)
            return f"{row[0]}[{self.affine(*row[1:])}]" if row else f"{self.around.lists[read.values]}[t]"
        return self.around.places[read] if isinstance(read, str) else str(read)

    def list_of(self, read: Each) -> str | None:
        """A new list of values in the order of t, where they are not in one list or array already."""
        if read.values in self.around.lists or self.around.places.row(read.values) is not None:
            return None
        name = self.around.lists[read.values] = self.around.free(f"{base_name(read.values[-1])}_each")
        return f"{name} = [{self.around.places.spread(read.values[:: -1 if self.loop.backward else 1])}]"

    def affine(self, first: int, slope: int) -> str:
        """``first + slope * r`` at step r, by t, which goes the other way in a loop that runs backward."""
        if self.loop.backward:
            first, slope = first + slope * (self.loop.count - 1), -slope
        times = {1: "t", -1: "-t"}.get(slope, f"{slope} * t")
        if not first:
            return times
        return f"{first} - t" if slope == -1 else f"{times} {'+' if first > 0 else '-'} {abs(first)}"
