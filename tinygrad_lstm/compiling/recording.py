"""A recording: f runs once on the engine, and what it did becomes a program, with where each of its inputs comes from.

The inputs of the program are leaves (arguments and parameters), constants that f made, draws, and arrays that f was
given and handed on to an op as they are, such as the numbers of words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lstm.compiling.arguments import Arguments, find_view
from tinygrad_lstm.compiling.watching import Draw, Watch, watching
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.current import current_hook
from tinygrad_lstm.engine.kept import arrays_in
from tinygrad_lstm.engine.modes import enable_grad
from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.node import Node
from tinygrad_lstm.engine.tensor import Tensor, from_array, seed
from tinygrad_lstm.errors import DtypeError, GradError, UnsupportedError
from tinygrad_lstm.explain.prelude import Prelude, atom
from tinygrad_lstm.explain.texts import mark, unmarked
from tinygrad_lstm.explain.writer import Statement, Writer

Kind = tuple[tuple[int, ...], Any]
Outputs = dict[str, Kind]  # by name, shape and dtype


@dataclass
class Recording:
    """What f did with some arguments."""

    forward: list[Statement]
    backward: list[Statement]
    prelude: Prelude  # the functions that these call
    result: tuple[str, dict[str, str]]  # the text of the loss, and the names of the leaves' gradients
    shapes_of: dict[str, str]  # of leaves and constants: shape, dtype and kind
    loss: Any
    gradients: dict[str, Any]  # of every leaf, as the engine computes them
    arguments: dict[str, str]  # the program's inputs that are arguments: of which the argument's name
    leaves: dict[str, Any]  # other leaves: their tensors
    constants: dict[str, Any]  # tensors without gradient
    literals: dict[str, Any]  # arrays
    draws: dict[str, Draw]
    order: list[Draw]  # every draw, in the order in which f made them
    read: set[str]  # the arguments that the program reads
    outputs: Outputs  # of values and their gradients

    def names(self) -> list[str]:
        """All inputs of the program."""
        return list(dict.fromkeys([*self.shapes_of, *self.literals, *self.arguments, *self.draws]))

    def inputs(self) -> dict[str, Any]:
        """The values that the program was recorded with, but for arguments."""
        held = {**self.leaves, **self.constants}
        return {name: tensor._data for name, tensor in held.items()} | self.literals


class _Recorder(Writer):
    """Writes the program of a loss; arrays that come from arguments and draws keep the names of these."""

    def __init__(self, loss: Tensor, watch: Watch, given: dict[str, Any]) -> None:
        super().__init__(loss)
        self.watch, self.arrays = watch, {name: array for name, array in given.items() if array.dtype.kind in "iu"}
        self.views: dict[str, Any] = {}
        self.drawn: dict[Draw, str] = {}
        self.read: set[str] = set()
        self.taken |= given.keys()

    def output(self, node: Node, index: int) -> str:
        text = super().output(node, index)
        return text if text.endswith("\0") else mark(f"{self.names[node]}_part{index}")

    def forward(self, node: Node) -> None:
        """Each of several outputs is a value of its own."""
        super().forward(node)
        if (name := mark(self.names[node])) != self.output(node, 0):
            for k in range(len(node.shapes)):
                self.write(node, (unmarked(self.output(node, k)),), f"{name}[{k}]")

    def literal(self, node: Node, name: str, value: Any) -> str:
        if isinstance(value, tuple | list | dict | slice) and (
            arrays := [one for one in arrays_in(value) if isinstance(one, np.ndarray)]
        ):
            if isinstance(value, tuple) and all(isinstance(x, np.ndarray) or atom(x) is not None for x in value):
                parts = [self.literal(node, name, part) for part in value]
                return f"({', '.join(parts)},)"
            for array in arrays:
                self._refuse_views(array)
        if not isinstance(value, np.ndarray):
            return super().literal(node, name, value)
        _, original = self.watch.originals.get(id(value), (value, value))
        for path, base in self.arrays.items():
            if np.shares_memory(original, base):
                key = find_view(original, base)
                if key is None:
                    raise UnsupportedError(f"compile() cannot write how {name} of {node} looks into {path}")
                self.read.add(path)
                return f"{mark(path)}{_index_text(key)}"
        for k, draw in enumerate(self.watch.draws):
            if np.shares_memory(original, draw.array):
                key = find_view(original, draw.array)
                if key is None:
                    raise UnsupportedError(f"compile() cannot write how {name} of {node} looks into a random draw")
                drawn = self.drawn[draw] = self.drawn.get(draw) or self.free(f"drawn_{k + 1}")
                return f"{mark(drawn)}{_index_text(key)}"
        return super().literal(node, name, value)

    def _refuse_views(self, array: Any) -> None:
        for base in [*self.arrays.values(), *[draw.array for draw in self.watch.draws]]:
            if np.shares_memory(array, base):
                raise UnsupportedError("compile() cannot write an option that holds a part of an argument")


def _index_text(key: tuple[Any, ...]) -> str:
    parts = [str(k) if isinstance(k, int) else f"{k.start or ''}:{'' if k.stop is None else k.stop}" for k in key]
    return f"[{', '.join(parts)}]" if parts else ""


def record(
    f: Callable[..., Any], given: Arguments, arrays: dict[str, Any], other_draws: bool = False,
    first: Recording | None = None,
) -> Recording:  # fmt: skip
    """Run f on these arrays, and write down what it did; with ``other_draws``, by other random numbers.

    To be compared with a ``first`` recording, it has the forward pass alone, which is what f decides.

    Raises UnsupportedError for what a program cannot hold, and GradError for a result that needs no gradient.
    """
    if current_hook.get() is not None:
        raise UnsupportedError("a compiled function has no edges to watch: call the function plainly inside through()")
    copies = {name: np.array(array, np.intp if array.dtype.kind in "iu" else None) for name, array in arrays.items()}
    leaves = {name: Tensor(array, requires_grad=True) for name, array in copies.items() if array.dtype.kind == "f"}
    for name, tensor in leaves.items():
        label(**{name: tensor})
    others = {name: array for name, array in copies.items() if name not in leaves}
    bits = generator().bit_generator
    before = bits.state
    as_tensors = {name: from_array(array, None) for name, array in others.items() if name in given.wrapped}
    watch = Watch()
    try:
        if other_draws:
            generator().random(7)
        began = str(bits.state)
        with enable_grad(), watching(watch):
            loss = given.call(f, {**others, **as_tensors, **leaves})
        if str(bits.state) != began and not watch.draws:
            raise UnsupportedError("compile() cannot draw the random numbers of this function anew at each call")
        return _describe(_loss(loss), watch, leaves, others, first)
    finally:
        bits.state = before  # the program will draw these numbers
        watch.close()


def _loss(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor):
        raise DtypeError(f"compile(f): f returns a loss, a Tensor of one number, not {type(loss).__name__}")
    if not loss.requires_grad:
        raise GradError("compile(f): the result depends on nothing that requires a gradient")
    return loss


def _describe(
    loss: Tensor, watch: Watch, leaves: dict[str, Tensor], others: dict[str, Any], first: Recording | None
) -> Recording:
    for tensor in leaves.values():
        watch.handles[tensor.source.node] = tensor
    writer = _Recorder(loss, watch, others)
    writer.prelude = first.prelude if first else writer.prelude  # its texts are known already
    for node in writer.order:
        if node.params.get("detached"):
            raise UnsupportedError(
                f"compile() cannot follow detach(), by which {node} was made: give it as an argument"
            )
        if node.op is not None and node.retains_grad:
            raise UnsupportedError(f"a compiled function has no {node} whose grad it could retain")
    seed(loss, None, False)  # an error for what is no single number
    writer.forwards()
    forward = list(writer.statements)
    gradients = {} if first else writer.backward()
    if indirect := [draw for draw in watch.draws if draw not in writer.drawn]:
        raise UnsupportedError(
            f"compile() draws anew what an op is given as it is drawn; what {indirect[0].function.__name__} drew is not"
        )
    mine = {tensor.source.node: name for name, tensor in leaves.items()}
    found: dict[str, Any] = {}
    arguments: dict[str, str] = {}
    constants: dict[str, Any] = {}
    for node in writer.order:
        if node.op is None and node in mine:
            arguments[writer.names[node]] = mine[node]
        elif node.op is None:
            held = found if node.requires_grad and node not in watch.raised else constants
            held[writer.names[node]] = watch.handles[node]
    arguments |= {path: path for path in writer.read}
    text = writer.output(loss.source.node, loss.source.index)
    return Recording(
        forward, writer.statements[len(forward) :], writer.prelude, (text, gradients), writer.inputs, loss.data,
        writer.gradients, arguments, found, constants, writer.given,
        {name: draw for draw, name in writer.drawn.items()}, watch.draws, set(arguments.values()),
        {} if first else _outputs(writer),
    )  # fmt: skip


def _outputs(writer: Writer) -> Outputs:
    """Shape and dtype of values and gradients by name; of an op of several outputs, for each output."""
    found: Outputs = {}
    for node in writer.order:
        for k, kind in enumerate(zip(node.shapes, node.dtypes, strict=True)):
            found[unmarked(writer.output(node, k))] = found[writer.cotangent(node, k)] = kind
    return found
