"""Why a gradient is None, zero or NaN, from one watched backward pass and the record of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_lstm.arguments import LOSS, TENSOR, takes
from tinygrad_lstm.engine.node import Node, topological_order
from tinygrad_lstm.engine.source_line import source_line
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.explain.evidence import FLAT, Attenuation, Evidence, Use
from tinygrad_lstm.explain.source import underline
from tinygrad_lstm.explain.values import describe, first_not_finite, is_finite, norm


@dataclass(frozen=True)
class Explanation:
    """A diagnosis, to be printed: the verdict, the reasons for it, and what arrived at each use of the parameter."""

    param: str
    verdict: str  # none, zero, nan, inf or fine
    reasons: tuple[str, ...]
    uses: tuple[Use, ...] = ()
    norm: float | None = None  # of the gradient

    def __str__(self) -> str:
        verdict = {"nan": "NaN", "none": "None"}.get(self.verdict, self.verdict)
        size = f", ‖g‖ = {self.norm:.3g}" if self.norm is not None else ""
        lines = [f"The gradient of {self.param} is {verdict}{size}."]
        lines += ["- " + reason.replace("\n", "\n  ") for reason in self.reasons]
        if self.uses:
            lines.append(f"What arrived, by use ({len(self.uses)}):")
            texts = [f"  {use.norm:<10.3g} from {use.reader}" for use in self.uses]
            lines += texts if len(texts) <= 12 else [*texts[:6], f"  ... {len(texts) - 12} more ...", *texts[-6:]]
        return "\n".join(lines)

    __repr__ = __str__


@takes(loss=LOSS, param=TENSOR)
def explain_grad(loss: Tensor, param: Tensor) -> Explanation:
    """Why dL/d(param) is what it is: None, zero, NaN, or fine; print what it returns.

    No path, and where ``detach()`` or ``no_grad()`` cut it; masks, saturated gates and at which steps; underflow;
    contributions that cancel; the first NaN, forward or backward. The graph stays, and no ``grad`` is touched.

    Raises DtypeError for what is not a Tensor, GradError for a graph that was freed.

    >>> import tinygrad_lstm as tg
    >>> w, x = tg.tensor(2.0, requires_grad=True), tg.tensor(-3.0)
    >>> tg.label(w=w)
    >>> explain_grad(tg.relu(w * x), w)
    The gradient of w (leaf) of shape (), made at ... is zero, ‖g‖ = 0.
    - relu at <doctest ...>:1 is off (its input is ≤ 0)
    What arrived, by use (1):
      0          from multiply at <doctest ...>:1, as a
    """
    name = printable(str(param.source.node))
    missing = _no_gradient(loss, param)
    if missing:
        return Explanation(name, "none", tuple(missing))
    seen = Evidence(loss, param.source.node)
    notes = _notes(loss, param)
    if seen.gradient is None:
        return Explanation(
            name, "none", ("no contribution came: every path is cut", *_group(seen.attenuations), *notes)
        )
    g = seen.gradient[param.source.index] if isinstance(seen.gradient, list) else seen.gradient
    g = np.zeros(param.shape) if g is None else g
    uses, size = tuple(reversed(seen.uses)), norm(g)
    if not is_finite(g):
        verdict = "nan" if np.isnan(g).any() else "inf"
        return Explanation(name, verdict, (*_first_not_finite(loss, seen), *notes), uses, size)
    if not g.any():
        reasons = _group(seen.attenuations, all_lost=True) or ["everything that arrived is zero"]
        return Explanation(name, "zero", (*reasons, *notes), uses, size)
    zeros = int((g == 0).sum())
    partly = [f"{zeros} of its {g.size} elements are zero"] if zeros else []
    return Explanation(name, "fine", (*_group(seen.attenuations), *partly, *notes), uses, size)


# No path ------------------------------------------------------------------------------------------------------------


def _no_gradient(loss: Tensor, param: Tensor) -> list[str]:
    """Why no gradient can come at all; nothing if there is a path."""
    node, root = param.source.node, loss.source.node
    if param.dtype.kind not in "fc":
        return [f"its dtype is {param.dtype}: only floating tensors have a gradient"]
    if not param.requires_grad:
        if node.params.get("detached"):
            return [f"it was made by detach() at {source_line(node.call_site)}: ask for the tensor that was detached"]
        return [
            "it does not require a gradient: set requires_grad=True before it is used (under no_grad() nothing has it)"
        ]
    graph = topological_order([root], all_nodes=True)
    if not loss.requires_grad:
        cut = _cuts(graph)
        return cut or [
            "the loss depends on nothing that requires a gradient: it was computed under no_grad(), or of constants"
        ]
    if node in topological_order([root]):
        return []
    twins = [
        f"the graph has another leaf called {printable(node.label)}, made at {source_line(other.call_site)}: "
        "the tensor was replaced"
        for other in graph
        if node.label and other.op is None and other.requires_grad and other.label == node.label
    ]
    known = twins + _cuts(graph)
    if known:
        return ["no path leads from it to the loss", *known]
    constants = [
        printable(f"a constant may hide it: {other}") for other in graph if other.op is None and not other.requires_grad
    ]
    advice = ["was it used under no_grad(), through .data or .numpy(), or after the loss?"]
    return ["no path leads from it to the loss", *_few(constants), *advice]


def _cuts(graph: Iterable[Node]) -> list[str]:
    found = [node for node in graph if node.params.get("detached")]
    return _few([f"cut by detach() at {source_line(node.call_site)}: {_what(node)}" for node in found])


def _what(node: Node) -> str:
    return printable(
        f"{node.label or 'a value'} of shape {node.shapes[0]}" + (f" in {node.scope}" if node.scope else "")
    )


def _few(lines: list[str]) -> list[str]:
    return lines if len(lines) <= 6 else [*lines[:5], f"... {len(lines) - 5} more"]


# What the pass showed -----------------------------------------------------------------------------------------------


def _notes(loss: Tensor, param: Tensor) -> list[str]:
    """What else to know: other paths may have been cut."""
    computed = [] if param.is_leaf else ["it is computed, so its .grad stays None unless retain_grad() was called"]
    return computed + [f"elsewhere {cut}" for cut in _cuts(topological_order([loss.source.node], all_nodes=True))]


def _group(attenuations: Sequence[Attenuation], all_lost: bool = False) -> list[str]:
    """One line for each kind of attenuation, with the steps it happened at."""
    steps: dict[str, list[Attenuation]] = {}
    for lost in attenuations:
        if lost.share == 1 or not all_lost:
            steps.setdefault(lost.what, []).append(lost)
    return _few([what + _steps(found) + _share(found) for what, found in steps.items()])


def _steps(found: Sequence[Attenuation]) -> str:
    """`` at t=3, 7..12``, of attenuations at these steps."""
    times = sorted({lost.step for lost in found if lost.step is not None})
    runs: list[list[int]] = []
    for t in times:
        if runs and t == runs[-1][-1] + 1:
            runs[-1].append(t)
        else:
            runs.append([t])
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs]
    return f" at t={', '.join(texts)}" if texts else ""


def _share(found: Sequence[Attenuation]) -> str:
    least = min(lost.share for lost in found)
    return f" ({least:.0%} or more of it: slope below {FLAT:g})" if least < 1 else ""


def _first_not_finite(loss: Tensor, seen: Evidence) -> list[str]:
    """The first NaN or inf, as far as the graph shows it: forward, else backward."""
    forward, edge = first_not_finite(loss.source.node), seen.not_finite
    lines = [] if is_finite(loss) else [f"the loss itself is not finite: {describe(loss)}"]
    if forward is not None:
        node, array = forward
        what = f"forward: the first value that is not finite is {printable(str(node))}: {describe(array)}"
        lines.append(f"{what}\n{underline(node.call_site)}")
    if edge is not None and edge.reader.op is not None:
        what = f"backward: the derivative of {edge.reader.op.name} for its input {edge.name} is the first that is not"
        lines.append(f"{what} finite, at {printable(str(edge.reader))}\n{underline(edge.reader.call_site)}")
    return lines
