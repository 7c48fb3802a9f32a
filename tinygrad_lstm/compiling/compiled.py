"""One compiled program: made of two recordings that agree, and run with the present values of its leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lstm.compiling.arguments import Arguments
from tinygrad_lstm.compiling.batching import batch
from tinygrad_lstm.compiling.lines import drop_second_names, read_lines
from tinygrad_lstm.compiling.merging import merge
from tinygrad_lstm.compiling.recording import Recording, record
from tinygrad_lstm.compiling.rolling import Item, drop_dead, roll
from tinygrad_lstm.compiling.sums import begin_at_zero
from tinygrad_lstm.compiling.surroundings import Surroundings
from tinygrad_lstm.compiling.writing import write
from tinygrad_lstm.engine.collector import collector_paused
from tinygrad_lstm.errors import GradError, UnsupportedError
from tinygrad_lstm.explain.texts import unmarked


class Compiled:
    """The program of f for arguments of these shapes; ``fixed`` are the arguments whose values it is made for."""

    @collector_paused
    def __init__(self, f: Callable[..., Any], given: Arguments) -> None:
        self.f, self.surroundings = f, Surroundings(f)
        self.recording = recording = self._record_twice(given)
        self.fixed = {
            name: np.array(array)
            for name, array in given.arrays.items()
            if array.dtype.kind == "b" or (array.dtype.kind in "iu" and name not in recording.read)
        }
        self.seen = {
            name: np.unique(array)
            for name, array in given.arrays.items()
            if array.dtype.kind != "f" and name not in self.fixed
        }
        # of the parameters that it was recorded with, until others have confirmed it
        self.versions: list[Any] | None = self._versions()
        self._write(given)

    def _record_twice(self, given: Arguments) -> Recording:
        """A recording that another one, of other numbers, has confirmed.

        The very first one may differ from all later ones in the order of its inputs: a tensor from outside gets its
        node when an op first reads it.
        """
        for _ in range(2):
            self.recording = record(self.f, given, given.arrays)
            others = {name: _other(array, name in self.recording.read) for name, array in given.arrays.items()}
            try:
                self._compare(record(self.f, given, others, other_draws=True, first=self.recording))
                break
            except UnsupportedError as error:
                reason = error
        else:
            raise reason
        return self.recording

    def _write(self, given: Arguments) -> None:
        """Write the program, rolled if the result is right, which is seen by running it; else line by line."""
        recording = self.recording
        inputs = {name: self._describe(name) for name in recording.names()}
        program = read_lines(recording)
        wanted = {
            name: recording.leaves[name] if name in recording.leaves else recording.arguments[name]
            for name in program.gradients
            if name in recording.leaves or recording.arguments.get(name) in given.tensors
        }
        self.wanted = wanted
        if not wanted:
            raise GradError("compile(f): the result depends on nothing that requires a gradient")
        program, lines = drop_second_names(program, begin_at_zero(program.lines))
        needed = [*program.loss.reads, *(program.gradients[name] for name in wanted)]
        for rolled in (True, False):
            items: list[Item] = [*lines]
            if rolled:
                items = batch(drop_dead(roll(merge(lines, recording.outputs)), needed), needed, recording.outputs)
            self.rolled = rolled
            self.source = write(program, drop_dead(items, needed), wanted, inputs, recording.outputs)
            self._code, self._of_thread = compile(self.source, "<compiled>", "exec"), threading.local()
            if self._agrees(given):
                return
        raise UnsupportedError("the program of this function does not give what the engine gives")

    def _describe(self, name: str) -> str:
        """What stands beside an input of the program."""
        recording = self.recording
        if name in recording.draws:
            return f"{recording.draws[name].array.shape}, drawn at random"
        if name in recording.literals:
            return f"{np.shape(recording.literals[name])}, a literal of the graph"
        shape = recording.shapes_of.get(name, "whole numbers").removesuffix(", leaf").removesuffix(", constant")
        kinds = {"parameter": recording.leaves, "constant": recording.constants, "argument": recording.arguments}
        return next((f"{shape}, {kind}" for kind, held in kinds.items() if name in held), shape)

    def _step(self, **values: Any) -> Any:
        """Run the program. Each thread has its own buffers."""
        if (step := getattr(self._of_thread, "step", None)) is None:
            namespace: dict[str, Any] = {}
            exec(self._code, namespace)  # our own text
            step = self._of_thread.step = namespace["step"]
        return step(**values)

    def _agrees(self, given: Arguments) -> bool:
        """Whether the program gives the loss and the gradients that the engine gave where f was recorded."""
        recording = self.recording
        values = recording.inputs() | {name: given.arrays[path] for name, path in recording.arguments.items()}
        values |= {name: draw.array for name, draw in recording.draws.items()}
        with np.errstate(all="ignore"):
            loss, found = self._step(**values)
        pairs = [(loss, recording.loss), *((found[name], recording.gradients[name]) for name in self.wanted)]
        return all(_is_close(np.asarray(mine), np.asarray(engines)) for mine, engines in pairs)

    def fits(self, given: Arguments) -> bool:
        """Whether the program is one of these arguments. Records f again where their values are new to it."""
        if self.surroundings != Surroundings(self.f):
            return False
        if not all(np.array_equal(given.arrays[name], array) for name, array in self.fixed.items()):
            return False
        leaves, constants = self.recording.leaves, self.recording.constants
        for kind, held in ((True, leaves), (False, constants)):
            for tensor in held.values():
                node = tensor._source.node
                same = node.shapes[0] == tensor._data.shape and node.dtypes[0] == tensor._data.dtype
                if node.requires_grad is not kind or not same:
                    return False
                if node.hooks:
                    raise UnsupportedError(f"a hook cannot be compiled: take it away from {node}")
        new = False
        for name, known in self.seen.items():
            now = np.setdiff1d(given.arrays[name], known)
            new = new or bool(now.size)
            self.seen[name] = np.union1d(known, now) if now.size else known
        if new or (self.versions is not None and self.versions != self._versions()):
            self._compare(record(self.f, given, given.arrays, first=self.recording))
            self.versions = None if self.versions != self._versions() else self.versions
        return True

    def _versions(self) -> list[Any]:
        return [(id(t._data), t._data.tobytes()) for t in self.recording.leaves.values()]

    def _compare(self, other: Recording) -> None:
        """Raise UnsupportedError unless another recording gave the same program, with the same numbers in it."""
        mine = self.recording
        same = mine.forward == other.forward and mine.shapes_of == other.shapes_of
        if not same and (line := _first_difference(mine, other)) is not None:
            raise UnsupportedError(f"what f computes depends on the values of its arguments or parameters: {line}")
        for name, array in mine.inputs().items():
            if name in mine.leaves:
                if mine.leaves[name]._source.node is not other.leaves[name]._source.node:
                    raise UnsupportedError(f"f makes a leaf of its own, {name}: make parameters outside of it")
            elif not np.array_equal(array, other.inputs()[name], equal_nan=array.dtype.kind == "f"):
                raise UnsupportedError(
                    f"f computes {name} {np.shape(array)} outside the graph, from the values of its arguments or "
                    "parameters, or at random: use ops on tensors, or give it as an argument"
                )

    def run(self, arrays: dict[str, Any]) -> tuple[Any, list[tuple[Any, Any]]]:
        """The loss, and the gradient of each leaf: of a parameter by its tensor, of an argument by its name."""
        recording = self.recording
        values = recording.inputs() | {name: arrays[path] for name, path in recording.arguments.items()}
        drawn = {draw: draw.function(*draw.arguments) for draw in recording.order}
        values |= {name: drawn[draw] for name, draw in recording.draws.items()}
        loss, found = self._step(**values)
        given = {id(value) for value in values.values()}
        gradients = []
        for name, leaf in self.wanted.items():
            g = np.asarray(found[name])
            fresh = g.base is None and id(g) not in given and g.flags.writeable
            given.add(id(g))
            gradients.append((leaf, g if fresh else np.array(g)))
        return loss, gradients


def _is_close(mine: Any, engines: Any) -> bool:
    """Whether two arrays are the same but for rounding, measured by the largest element."""
    if mine.shape != engines.shape or mine.dtype != engines.dtype:
        return False
    largest = np.abs(engines[np.isfinite(engines)]).max(initial=0.0).astype(float)
    tolerance = np.finfo(mine.dtype).eps ** 0.6
    return bool(np.allclose(mine, engines, rtol=tolerance, atol=tolerance * largest, equal_nan=True))


def _other(array: Any, is_data: bool) -> Any:
    """Other numbers of the same kind: nearer to 0, and none that is 0 already stays there; whole ones in another order.

    Whole numbers that decide what is computed stay, for the program is made for these.
    """
    rng = np.random.default_rng(0)
    if array.dtype.kind == "f":
        small = rng.uniform(0.001, 0.01, array.shape)
        return np.asarray(array * rng.uniform(0.5, 1.0, array.shape) + (array == 0) * small).astype(array.dtype)
    if array.dtype.kind not in "iu" or not is_data:
        return array
    other = rng.permutation(array.reshape(-1)).reshape(array.shape)
    return np.roll(array.reshape(-1), 1).reshape(array.shape) if np.array_equal(other, array) else other


def _first_difference(one: Recording, other: Recording) -> str | None:
    """Of two forward passes."""
    texts = [[*r.shapes_of.values(), *map(str, r.forward), unmarked(r.result[0])] for r in (one, other)]
    pairs = ((a, b) for a, b in zip(*texts, strict=False) if a != b)
    longer = "one of the two is longer" if len(texts[0]) != len(texts[1]) else None
    return next((f"{a!r}, then {b!r}" for a, b in pairs), longer)
