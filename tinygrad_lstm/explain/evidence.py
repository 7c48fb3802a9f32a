"""One watched backward pass: where a cotangent was lost before it reached a parameter, and what arrived.

A hook looks at every edge once, before its contribution is summed: did the reader receive something and hand on
nothing, and why?
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.current import current_hook
from tinygrad_lstm.engine.kept import kept_values
from tinygrad_lstm.engine.node import Edge, Node
from tinygrad_lstm.engine.ops import reductions
from tinygrad_lstm.engine.ops.choices import clip, maximum, minimum, where
from tinygrad_lstm.engine.ops.more.activations import hard_sigmoid
from tinygrad_lstm.engine.ops.more.ufuncs import fmax, fmin
from tinygrad_lstm.engine.ops.nonlinear import relu
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.engine.ops.softmax import log_softmax, softmax
from tinygrad_lstm.engine.source_line import source_line
from tinygrad_lstm.engine.tensor import Tensor, seed
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.explain.values import contribution_norm, is_finite, norm, plain

FLAT = 1e-6  # a slope below this counts as none
COMMON = "gets only what all its classes have in common, which it takes away"
MASKS: dict[Primitive[Any, Any], str] = {  # what it means when one of these ops hands on nothing
    relu: "is off (its input is ≤ 0)", clip: "is outside its bounds", where: "is masked: the other is taken",
    hard_sigmoid: "is at 0 or 1, where it is level",
    maximum: "is the smaller one", minimum: "is the larger one", fmax: "is the smaller one",
    fmin: "is the larger one", reductions.max: "is not the largest", reductions.min: "is not the smallest",
    softmax: COMMON, log_softmax: COMMON,
}  # fmt: skip


class Attenuation(NamedTuple):
    """A node that hands on little or nothing of its cotangent."""

    what: str  # e.g. ``f (sigmoid) in lstm/layers.0 is saturated``
    step: int | None
    share: float  # the share of the elements; 1 where nothing is handed on


class Use(NamedTuple):
    """One reader of the parameter, and the norm of what it handed to it."""

    reader: str
    norm: float


class Evidence:
    """All that one pass shows: attenuations on the path, uses of the parameter, the first edge that is not finite."""

    def __init__(self, loss: Tensor, param: Node) -> None:
        self.attenuations: list[Attenuation] = []
        self.uses: list[Use] = []
        self.not_finite: Edge | None = None
        self.gradient: Any = None  # None where no contribution came
        self._param = param
        self._came: dict[Node, list[float]] = {}  # the norms of the contributions to nodes still to come
        self._outer = current_hook.get()
        roots, seeds = [loss.source], [seed(loss, None, False)]
        walk = backpropagate(roots, seeds, targets={param}, retain_graph=True, hook=self._watch, indexed=True)
        with np.errstate(all="ignore"):
            for node, g in walk:
                norms = self._came.pop(node, [])
                parts = g if isinstance(g, list) else [g]
                total = sum(map(norm, parts))
                rounding = 8 * float(np.finfo(node.dtypes[0]).eps)
                if len(norms) > 1 and max(norms) > 0 and total <= rounding * max(norms) and np.isfinite(max(norms)):
                    self._note(node, f"gets {len(norms)} contributions that cancel: they sum to zero", 1.0)
                if node is param:
                    self.gradient = g

    def _watch(self, edge: Edge, c: Any) -> Any:
        c = c if self._outer is None else self._outer(edge, c)
        if c is None:
            self._note(edge.reader, "is cut here, by through()", 1.0)
            return None
        size = contribution_norm(edge, c)
        self._came.setdefault(edge.source, []).append(size)
        if edge.source is self._param:
            self.uses.append(Use(f"{_reader(edge.reader)}, as {edge.name}{_at(edge.reader)}", size))
        if not is_finite(c):
            self.not_finite = self.not_finite or edge
        elif not isinstance(edge.cotangent, list):
            self._compare(edge, plain(edge.cotangent), c.values if type(c) is IndexedCotangent else plain(c))
        return c

    def _compare(self, edge: Edge, g: Any, c: Any) -> None:
        """Note it where something came in, and nothing (or, element by element, mostly nothing) went out."""
        op, came = edge.reader.op, g != 0
        if op is None or not came.any() or not is_finite(g):
            return
        if not c.any():
            self._note(edge.reader, _why(edge, g), 1.0)
        elif is_curve(edge.reader) and c.shape == g.shape and MASKS.get(op) != COMMON:
            dead = (np.abs(c) < FLAT * np.abs(g)) & came
            if 2 * dead.sum() >= came.sum():
                self._note(edge.reader, MASKS.get(op, "is saturated"), dead.sum() / came.sum())

    def _note(self, node: Node, why: str, share: float) -> None:
        self.attenuations.append(Attenuation(f"{_reader(node)} {why}", node.step, float(share)))


def _why(edge: Edge, g: Any) -> str:
    """Why an edge hands on nothing."""
    op = edge.reader.op
    assert op is not None
    if op in MASKS:
        return MASKS[op]
    for name, vertex, array in kept_values(edge.reader):
        if name not in (op.spelling.y, edge.name) and plain(array).dtype.kind in "fciub" and not plain(array).any():
            return f"multiplies by zero ({vertex.label if vertex is not None and vertex.label else name})"
    if np.abs(g).max() < np.sqrt(np.finfo(g.dtype).tiny):
        return f"is where it underflows: at most {np.abs(g).max():.2g} came in, the product is too small for {g.dtype}"
    if len(op.inputs) == 1 and not op.sequence and g.shape == edge.source.shapes[edge.index]:
        return "is saturated" if is_curve(edge.reader) else "has slope zero"
    return f"hands nothing on to its {edge.name}"


def is_curve(node: Node) -> bool:
    """Whether an op of one input has a slope that depends on where it is: its rule asked for x or y."""
    op, plan = node.op, node.plan
    if op is None or plan is None or len(op.inputs) != 1 or op.sequence:
        return False
    return not {op.spelling.y, *op.inputs}.isdisjoint(plan.keep)


def _reader(node: Node) -> str:
    """A node for a report: label and op, the module it is in; a line of code where it has neither label nor step."""
    what = node.op.name if node.op is not None else "leaf"
    path = "/".join(node.scope.module) if node.scope else ""
    named = f"{node.label} ({what})" if node.label else what
    where = f" in {path}" if path else ""
    return printable(named + where + ("" if node.label else f" at {source_line(node.call_site)}"))


def _at(node: Node) -> str:
    return f", t={node.step}" if node.step is not None else ""
