"""The text of a compiled program: a function of NumPy alone, which is what runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tinygrad_lstm.compiling.batching import PLACE
from tinygrad_lstm.compiling.keeping import Kept, keep, written_into
from tinygrad_lstm.compiling.lines import Line, Lines, plain
from tinygrad_lstm.compiling.lives import assign_names
from tinygrad_lstm.compiling.places import Places
from tinygrad_lstm.compiling.recording import Outputs
from tinygrad_lstm.compiling.rolling import Before, Count, Each, Here, Item, Loop, Read
from tinygrad_lstm.compiling.sums import base_name


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
        for k, item in enumerate(self.items):
            if isinstance(item, Loop):
                yield from self.loop(item, self.read_after(k))
                continue
            if item.pieces == PLACE:
                array, position = item.holes
                self.places.put(self.places[str(array)], {item.target: int(position)})
                continue
            if (stacked := self.array(item)) is not None:
                self.places[item.target] = stacked
                continue
            yield from self.under(item.scope)
            self.places[item.target] = plain(item.target)
            yield f"{plain(item.target)} = {self.line(item)}" + _place(item)

    def under(self, scope: str) -> Iterator[str]:
        """A comment with the scope, if it is another than before."""
        if scope != self.scope:
            self.scope = scope
            yield f"# {scope or 'outside'}"

    def read_after(self, k: int) -> set[str]:
        """The values that are read after an item."""
        read = {*self.program.loss.reads, *self.returned}
        for item in self.items[k + 1 :]:
            read.update(item.reads if isinstance(item, Line) else item.outer_reads())
        return read

    # Loops ------------------------------------------------------------------------------------------------------------

    def loop(self, loop: Loop, after: set[str]) -> Iterator[str]:
        """Lists for what is read later, the first values, and one step."""
        later = {q for q, made in enumerate(loop.made) if not after.isdisjoint(made)}
        last = {q for q in later if after.isdisjoint(loop.made[q][:-1])}
        names = assign_names(loop, last, self.free)
        kept = keep(loop, later - last, names, self.outputs)
        lists = {q: self.free(f"{base_name(loop.made[q][0])}_at") for q in sorted({*kept.arrays, *(later - last)})}
        yield from self.under(_without_step(loop.body[0].scope))
        yield from self.arrays(loop, kept, lists)
        starts = {names[read.line]: self.places[read.first] for reads in loop.reads for read in reads
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
        wholes: set[int] = set()  # concatenations that are begun
        for q, row in enumerate(texts):
            if q in kept.parts and (whole := kept.parts[q][0]) not in wholes:
                wholes.add(whole)
                yield f"    {names[whole]} = {self.at(loop, kept, lists, whole)}{_place(loop.body[whole])}"
            if q not in wholes:
                yield from (f"    {text}" for text in self.step_line(loop, kept, lists, names, q, row))
        for q, made in enumerate(loop.made):
            if q in lists:
                ahead = q in kept.starts and not loop.backward
                in_order = made[::-1] if loop.backward and lists[q] in self.buffers else made
                self.places.put(lists[q], {name: k + ahead for k, name in enumerate(in_order)})
                if q in kept.starts:
                    self.places.put(lists[q], {kept.starts[q]: 0 if ahead else loop.count})
            if q not in later - last:
                self.places[made[-1]] = names[q]

    def arrays(self, loop: Loop, kept: Kept, lists: dict[int, str]) -> Iterator[str]:
        """Arrays over time, which are made once, and what must be done at each call."""
        for q, (shape, dtype) in kept.arrays.items():
            shape = (loop.count + (q in kept.starts), *shape)
            self.buffers[lists[q]] = f"np.empty({shape}, {str(dtype)!r})"
            if q in kept.starts:
                yield f"{lists[q]}[{loop.count if loop.backward else 0}] = {self.places[kept.starts[q]]}"
        for q, (whole, start, stop) in kept.views.items():
            self.buffers[lists[q]] = f"{lists[whole]}[..., {start}:{stop}]"
        yield from (f"{name} = []" for name in lists.values() if name not in self.buffers)

    def step_line(
        self, loop: Loop, kept: Kept, lists: dict[int, str], names: list[str], q: int, row: list[str]
    ) -> Iterator[str]:
        """The statements of one line of a step: its value goes where it is kept."""
        line, name, beside = loop.body[q], names[q], _place(loop.body[q])
        text = self.of_matrices(loop, q).fill(row)
        if q in kept.parts:
            whole, start, stop = kept.parts[q]
            place = f"{names[whole]}[..., {start}:{stop}]"
            yield (written_into(line, row, place) or f"{place} = {text}") + beside
        elif q in kept.arrays:
            place = self.at(loop, kept, lists, q)
            called = written_into(line, row, place)
            yield f"{name} = {called or text}{beside}"
            if called is None:
                yield f"{place} = {name}"
        else:
            yield f"{name} = {text}{beside}"
            if q in lists and q not in kept.views:
                yield f"{lists[q]}.append({name})"

    def at(self, loop: Loop, kept: Kept, lists: dict[int, str], q: int) -> str:
        """The place in an array over time that belongs to a step."""
        return f"{lists[q]}[t{' + 1' * (q in kept.starts and not loop.backward)}]"

    def of_matrices(self, loop: Loop, q: int) -> Line:
        """A line of the body, which does not ask whether what it multiplies are matrices where that is known."""
        line, pieces = loop.body[q], [*loop.body[q].pieces]
        for k, read in enumerate(loop.reads[q]):
            if pieces[k].endswith("_product(") and pieces[k + 1] == ", " and isinstance(read, Here | Before):
                kind = self.outputs.get(plain(loop.made[read.line][0]))
                if kind is not None and len(kind[0]) == 2:
                    pieces[k : k + 2] = [pieces[k].removesuffix("_product("), ".dot("]
        return line._replace(pieces=tuple(pieces))

    def read(self, loop: Loop, read: Read, names: list[str]) -> str:
        """The text of a read in a loop."""
        if isinstance(read, Here | Before):
            return names[read.line]
        if isinstance(read, Count):
            return _affine(loop, read.first, read.slope)
        if isinstance(read, Each):
            return self.at_each(loop, read) or f"{self.lists[read.values]}[t]"
        return self.places[read] if isinstance(read, str) else str(read)

    def at_each(self, loop: Loop, read: Each) -> str | None:
        """One element of a list or an array after the other."""
        row = self.places.row(read.values)
        return None if row is None else f"{row[0]}[{_affine(loop, *row[1:])}]"

    def list_of(self, loop: Loop, read: Each) -> str | None:
        """A new list of the values in the order of t, where they are not in one list already."""
        if read.values in self.lists or self.at_each(loop, read) is not None:
            return None
        name = self.lists[read.values] = self.free(f"{base_name(read.values[-1])}_each")
        values = read.values[::-1] if loop.backward else read.values
        return f"{name} = [{self.places.spread(values)}]"

    # Texts ------------------------------------------------------------------------------------------------------------

    def free(self, name: str) -> str:
        """A name that is not in use."""
        free, k = name, 1
        while free in self.taken:
            k += 1
            free = f"{name}_{k}"
        self.taken.add(free)
        return free

    def array(self, line: Line) -> str | None:
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
        return re.sub(r"\[\*(\w+)\]", r"\1", text)


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
