"""Checkpoints: drop the values of a part of the graph, and compute them again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.current import current_scope, grad_enabled
from tinygrad_lstm.engine.handle import plain
from tinygrad_lstm.engine.modes import enable_grad
from tinygrad_lstm.engine.naming import collecting
from tinygrad_lstm.engine.node import Edge, Node, counter, make_source
from tinygrad_lstm.engine.ops.indexing import add_at
from tinygrad_lstm.engine.ops.primitive import Array, primitive_multi
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.engine.recorded_rules import kept_as_tensors
from tinygrad_lstm.engine.scope import Scope
from tinygrad_lstm.engine.tensor import Tensor, from_array
from tinygrad_lstm.engine.through import join_outer_hook
from tinygrad_lstm.errors import DtypeError, GradError
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
    if not grad_enabled.get():
        return f(*args)
    random, start = generator().bit_generator.state, next(counter)
    result = f(*args)  # recorded, to see what it reads; the record dies as we return
    values = values_of(result)
    made = [k for k, y in enumerate(values) if (key := key_of(y)) is not None and key[0].number > start]
    read = find_outer_values([values[k].source.node for k in made], start)
    if not read:
        return result
    places: dict[Key | None, int] = {key: k for k, key in enumerate(read)}
    arrays = [ELSEWHERE] * len(read)

    def take_out(x: Any) -> Any:
        k = places.get(key_of(x))
        if k is None:
            return x
        arrays[k] = x.data
        return Blank(k)

    blanks = map_values(take_out, args)
    segment = Segment(f, blanks, read, made, [values[k].data for k in made], random, current_scope.get())
    xs = [from_array(array, make_source(*key)) for array, key in zip(arrays, read, strict=True)]
    for k, y in zip(made, recomputed(xs, segment), strict=True):
        values[k] = y
    return rebuild(result, values)


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
    made: list[int]  # which of the returned values do so
    values: list[Array]  # of these
    random: Any
    scope: Scope | None

    def __repr__(self) -> str:
        return getattr(self.f, "__name__", type(self.f).__name__)

    def rerun(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """The values once more, of these inputs, in the scope and with the random numbers of the first run."""
        bits = generator().bit_generator
        args = map_values(lambda x: xs[x.position] if isinstance(x, Blank) else x, self.args)
        now, outer, names = bits.state, current_scope.get(), collecting.get()
        try:
            bits.state = self.random
            current_scope.set(self.scope)
            collecting.set(None)
            with enable_grad():
                values = values_of(self.f(*args))
        finally:
            bits.state = now
            current_scope.set(outer)
            collecting.set(names)
        return [values[k] for k in self.made if k < len(values)]


def hand_over(xs: Sequence[Array], f: Segment) -> list[Array]:
    """The values of the first run; the node owns them from now on."""
    values, f.values = f.values, []
    return values


def pull_back(gs: Sequence[Any], xs: Sequence[Any], y: Sequence[Any], f: Segment) -> list[Any]:
    """Run f again, send the cotangents back through it, and collect them at what f read."""
    recorded = any(isinstance(part, Tensor) for part in (*gs, *xs))  # create_graph
    tensors = [x if isinstance(x, Tensor) else leaf(x) for x in xs]
    places: dict[Key | None, int] = {key: k for k, key in enumerate(f.read)}
    places |= {key_of(x): k for k, x in enumerate(tensors)}
    start = next(counter)
    values = f.rerun(tensors)
    if not is_same(values, y):
        raise GradError(CHANGED.format(f))
    collected: list[Any] = [None] * len(xs)
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
    for _ in backpropagate(roots, gs, retain_graph=recorded, lift=lift, hook=hook, indexed=True):
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


def is_same(values: Sequence[Any], first: Sequence[Any]) -> bool:
    """Whether the second run gave the first one's values; not exactly, since products in many threads differ."""
    return len(values) == len(first) and all(
        key_of(a) is not None
        and a.shape == b.shape
        and np.allclose(plain(a), plain(b), rtol=1e-3, atol=1e-5, equal_nan=True)
        for a, b in zip(values, first, strict=True)
    )
