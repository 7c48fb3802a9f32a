"""Checkpoints: drop the values of a part of the graph, and compute them again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.current import current_scope, grad_enabled
from tinygrad_lstm.engine.modes import enable_grad, no_grad
from tinygrad_lstm.engine.naming import collecting, holding
from tinygrad_lstm.engine.node import Edge, Node, counter, make_source
from tinygrad_lstm.engine.ops.indexing import add_at
from tinygrad_lstm.engine.ops.primitive import Array, primitive_multi
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.engine.recorded_rules import kept_as_tensors
from tinygrad_lstm.engine.scope import Scope
from tinygrad_lstm.engine.tensor import Tensor, from_array
from tinygrad_lstm.engine.through import join_outer_hook
from tinygrad_lstm.errors import DtypeError, GradError
from tinygrad_lstm.func.marks import Mark, fits, mark_of
from tinygrad_lstm.func.structures import map_values, rebuild, values_of

Key: TypeAlias = tuple[Node, int]  # of a value: its node, and which of the outputs


def checkpoint(f: Callable[..., Any], *args: Any) -> Any:
    """f(*args), of which only the inputs are kept: the backward pass runs f again for the rest (Chen et al. 2016).

    Values and gradients are those of the plain call, second derivatives too, also for tensors that f reads from
    elsewhere, as a module reads its parameters. The second run draws the same numbers from ``tg.generator()``, so that
    dropout drops the same elements. T steps in √T checkpoints of √T steps keep about 2√T steps at a time instead of T.

    f must do the same both times. Backward raises GradError where it does not, e.g. where f reads a loop's variable
    that has changed since, or draws from ``np.random``. Give f as arguments what changes from call to call: where f
    reads an earlier result from outside, the search for its inputs goes through the whole history of that result.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = checkpoint(lambda x: tg.exp(tg.tanh(x)).sum(), x)
    >>> [vertex.op for vertex in tg.graph_of(y).vertices]
    ['parameter', 'checkpoint']
    >>> tg.grad(y, x), tg.grad(tg.exp(tg.tanh(x)).sum(), x)
    ((tensor([0.8994..., 0.1852...]),), (tensor([0.8994..., 0.1852...]),))
    """
    if not callable(f):
        raise DtypeError(f"checkpoint(f, *args) takes a function as f, not a {type(f).__name__}")
    return run_checkpoint(f, args, None)


class Relay:
    """Checkpoints one after the other, each of which hands on to the next what it read, as weights and states.

    The cotangent of a tensor that all of them read then goes from the last to the first, and each adds its parts to it
    one by one. So the sums are made in the order of the plain run, and gradients are the same to the last bit.

    Where a segment read nothing but its arguments and the ``weights``, the next one alike is not recorded to see that.
    """

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self.handed_on: dict[Key | None, Tensor] = {}
        self.weights = [key for weight in weights if (key := key_of(weight)) is not None]
        self.known: set[Any] = set()  # the shapes of the arguments of such a segment

    def run(self, f: Callable[..., Any], *args: Any, own: int) -> Any:
        """``checkpoint(f, *args)``; the first ``own`` of the arguments are read in this segment only."""
        return run_checkpoint(f, args, self, own)

    def latest(self, x: Tensor) -> Tensor:
        """The same value as the last segment that read it handed it on: to be read after all of them."""
        return self.handed_on.get(key_of(x), x)

    def first_run(self, f: Callable[..., Any], args: tuple[Any, ...], start: int) -> FirstRun:
        """The first run of a segment, recorded where it must be."""
        given = {key: None for x in values_of(args) if (key := key_of(x)) is not None}
        shapes = tuple([x.shape if isinstance(x, Tensor) else None for x in values_of(args)])
        if shapes not in self.known:
            run = recorded_run(f, args, start)
            if None not in run.outputs and {*run.read} <= {*given, *self.weights}:
                self.known.add(shapes)
            return run
        with no_grad():
            result = f(*args)
        numbers: dict[int, int] = {}
        outputs = [numbers.setdefault(id(y), len(numbers)) for y in values_of(result)]
        return FirstRun(result, list(outputs), list(given | dict.fromkeys(self.weights)))


class FirstRun(NamedTuple):
    """What a segment returned, which output of the node each value is (None: none), and what it read from outside."""

    result: Any
    outputs: list[int | None]
    read: list[Key]


def recorded_run(f: Callable[..., Any], args: tuple[Any, ...], start: int) -> FirstRun:
    """f(*args), recorded, to see what it reads; the record dies with what it returned."""
    result = f(*args)
    values = values_of(result)
    numbers: dict[Key, int] = {}  # a value that is returned twice is one output
    outputs = [
        numbers.setdefault(key, len(numbers)) if (key := key_of(y)) is not None and key[0].number > start else None
        for y in values
    ]
    return FirstRun(result, outputs, find_outer_values([key[0] for key in numbers], start))


def run_checkpoint(f: Callable[..., Any], args: tuple[Any, ...], relay: Relay | None, own: int = 0) -> Any:
    """f(*args) as one node, which keeps the inputs only."""
    if not grad_enabled.get():
        return f(*args)
    random, start = generator().bit_generator.state, next(counter)
    result, outputs, read = relay.first_run(f, args, start) if relay is not None else recorded_run(f, args, start)
    if not read:
        return result
    values = values_of(result)
    made = [outputs.index(k) for k in range(len({*outputs} - {None}))]
    places: dict[Key | None, int] = {key: k for k, key in enumerate(read)}
    arrays = [ELSEWHERE] * len(read)

    def take_out(x: Any) -> Any:
        k = places.get(key_of(x))
        if k is None:
            return x
        arrays[k] = x.data
        return Blank(k)

    blanks = map_values(take_out, args)
    alone = {key_of(x) for x in values_of(args[:own])}
    relayed = [k for k, key in enumerate(read) if relay is not None and key not in alone]
    checked = len(made) if relay is None else 2  # of a chunk of steps the last ones depend on all others
    marks = [mark_of(values[k].data) for k in made[-checked:]]
    arrays_made = [values[k].data for k in made]
    around = current_scope.get(), holding.get()
    segment = Segment(f, blanks, read, len(values), made, relayed, arrays_made, marks, random, *around)
    xs = [from_array(array, make_source(*key)) for array, key in zip(arrays, read, strict=True)]
    if relay is not None:
        xs = [relay.handed_on.get(key, x) for key, x in zip(read, xs, strict=True)]
    ys = recomputed(xs, segment)
    if relay is not None:
        relay.handed_on |= zip([read[k] for k in relayed], ys[len(made) :], strict=True)
    return rebuild(result, [y if k is None else ys[k] for k, y in zip(outputs, values, strict=True)])


CHANGED = (
    "{} gave something else when backward ran it again. It must do the same both times: give it as arguments what "
    "changes (a loop's variable has moved on by then), and draw from tg.generator()"
)
ELSEWHERE = np.zeros(0)  # for the array of a tensor that f reads from outside


@dataclass(frozen=True)
class Blank:
    """Stands in the arguments for a tensor that the backward pass gives."""

    position: int


@dataclass
class Segment:
    """One call of ``checkpoint``: all that a second run needs."""

    f: Callable[..., Any]
    args: Any
    read: list[Key]  # what it depends on
    count: int  # how many values it returned
    made: list[int]  # which of them depend on that
    relayed: list[int]  # which of ``read`` it hands on
    values: list[Array]  # of those made, until the node has them
    marks: list[Mark]  # what is known of them later
    random: Any
    scope: Scope | None
    held: Any  # the gates of paths.pinned

    def __repr__(self) -> str:
        return getattr(self.f, "__name__", type(self.f).__name__)

    def rerun(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """The values once more, of these inputs, in the scope and with the random numbers of the first run."""
        bits = generator().bit_generator
        args = map_values(lambda x: xs[x.position] if isinstance(x, Blank) else x, self.args)
        now, outer, names, held = bits.state, current_scope.get(), collecting.get(), holding.get()
        try:
            bits.state = self.random
            current_scope.set(self.scope)
            collecting.set(None)
            holding.set(self.held)
            with enable_grad():
                values = values_of(self.f(*args))
        finally:
            bits.state = now
            current_scope.set(outer)
            collecting.set(names)
            holding.set(held)
        return [values[k] for k in self.made] if len(values) == self.count else []


def hand_over(xs: Sequence[Array], f: Segment) -> list[Array]:
    """The values of the first run, and what is handed on as it is."""
    values, f.values = f.values, []
    return [*values, *(xs[k] if xs[k] is not ELSEWHERE else stand_in(f.read[k]) for k in f.relayed)]


def stand_in(key: Key) -> Array:
    """An array of the shape of a tensor that f reads from outside: only its place in the graph is handed on."""
    node, index = key
    return np.broadcast_to(np.zeros((), node.dtypes[index]), node.shapes[index])


def pull_back(gs: Sequence[Any], xs: Sequence[Any], f: Segment) -> list[Any]:
    """Run f again, send the cotangents back through it, and collect them at what f read."""
    recorded = any(isinstance(part, Tensor) for part in (*gs, *xs))  # create_graph
    tensors = [x if isinstance(x, Tensor) else leaf(x) for x in xs]
    places: dict[Key | None, int] = {key: k for k, key in enumerate(f.read)}
    places |= {key_of(x): k for k, x in enumerate(tensors)}
    start = next(counter)
    values = f.rerun(tensors)
    if len(values) != len(f.made) or not is_same(values, f.marks, start):
        raise GradError(CHANGED.format(f))
    collected: list[Any] = [None] * len(xs)
    for k, g in zip(f.relayed, gs[len(f.made) :], strict=True):
        collected[k] = g
    owned: set[int] = set()

    def collect(edge: Edge, c: Any) -> Any:
        if edge.source.number > start:
            return c
        k = places.get((edge.source, edge.index))
        if k is None:
            raise GradError(CHANGED.format(f))
        if type(c) is not IndexedCotangent:
            collected[k] = c if collected[k] is None else collected[k] + c
            owned.discard(k)
        elif k in owned:
            add_at(collected[k], c.where, c.values)
        else:  # a new array, to which the next read of the same tensor is added in place
            collected[k] = edge.whole(c) if collected[k] is None else np.asarray(collected[k] + edge.whole(c))
            owned.add(k)
        return None  # the outer pass goes on from here

    roots, lift = [y.source for y in values], kept_as_tensors if recorded else None
    hook = join_outer_hook(collect)
    for _ in backpropagate(roots, gs[: len(f.made)], retain_graph=recorded, lift=lift, hook=hook, indexed=True):
        pass
    return collected


hand_over.__name__ = "checkpoint"  # as pictures and errors call it
hand_over.__qualname__ = "recomputed"  # where pickle finds it
recomputed = primitive_multi(hand_over)
recomputed.defvjp_all(pull_back, sequence=True)


def find_outer_values(nodes: Iterable[Node], start: int) -> list[Key]:
    """The values made before ``start`` that these nodes, made after it, depend on."""
    inside = list(dict.fromkeys(nodes))
    seen, read = set(inside), dict[Key, None]()  # a dict for its order
    for node in inside:  # which grows as we go
        for source in node.sources:
            if source is None or not source.node.requires_grad:
                continue
            if source.node.number <= start:
                read[source.node, source.index] = None
            elif source.node not in seen:
                seen.add(source.node)
                inside.append(source.node)
    return list(read)


def key_of(x: Any) -> Key | None:
    """The key of a tensor that needs a gradient."""
    return (x.source.node, x.source.index) if isinstance(x, Tensor) and x.requires_grad else None


def leaf(x: Array) -> Tensor:
    """A tensor on this array, without a history to walk through."""
    tensor = from_array(x, None)
    tensor.requires_grad = True
    return tensor


def is_same(values: Sequence[Any], marks: Sequence[Mark], start: int) -> bool:
    """Whether the second run computed, after ``start``, what the first one did, of whose last values there are marks.

    Not exactly, since products in many threads differ.
    """
    last = values[-len(marks) :] if marks else []
    return all((key := key_of(y)) is not None and key[0].number > start for y in values) and all(
        fits(mark_of(y), mark) for y, mark in zip(last, marks, strict=True)
    )
