"""Whether values are finite, how large they are, and what they hold in a few words."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.kept import kept_values as kept_values  # for viz, which imports nothing of the engine
from tinygrad_lstm.engine.node import Edge, Node, topological_order
from tinygrad_lstm.engine.ops.indexing import has_no_repeats
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.engine.tensor import Tensor


def first_not_finite(root: Node) -> tuple[Node, Any] | None:
    """Of all that the nodes below a root kept, the value made first that holds NaN or inf, and whose it is."""
    found: dict[Node, Any] = {}
    for node in topological_order([root], all_nodes=True):
        for _, vertex, array in kept_values(node):
            if vertex is not None and not is_finite(array):
                found.setdefault(vertex, array)
    first = min(found, key=lambda node: (node.op is not None, node.number), default=None)
    return None if first is None else (first, found[first])


def plain(value: Any) -> Any:
    """A Tensor or a number as an array."""
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def is_finite(value: Any) -> bool:
    """Whether an array holds neither NaN nor inf (integers never do)."""
    array = plain(value.values if type(value) is IndexedCotangent else value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def norm(value: Any) -> float:
    """‖value‖, also where the squares would underflow or overflow."""
    array = np.abs(plain(value)).astype(float).reshape(-1)
    largest = float(array.max(initial=0.0))
    return largest * float(np.linalg.norm(array / largest)) if 0 < largest < np.inf else largest


def contribution_norm(edge: Edge, c: Any) -> float:
    """‖c‖ of a contribution; that of a read ``x[t]`` without making an array as long as x."""
    return norm(c.values if type(c) is IndexedCotangent and has_no_repeats(c.where) else edge.whole(c))


def describe(value: Any) -> str:
    """An array in a few words.

    >>> print(describe(np.array([0.5, np.nan, 2.0])))
    (3,): 0.5 to 2, 1 NaN
    """
    array = plain(value)
    sizes = np.abs(array) if array.dtype.kind == "c" else array
    finite = sizes[np.isfinite(sizes)]
    low, high = (finite.min(), finite.max()) if finite.size else ("", "")
    seen = [f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"] if finite.size else []
    seen += [f"{count} {name}" for name, count in counts(array).items() if count]
    return f"{array.shape}: {', '.join(seen) or 'empty'}"


def counts(array: Any) -> dict[str, int]:
    """How many elements are NaN, and how many infinite."""
    return {"NaN": int(np.isnan(array).sum()), "inf": int(np.isinf(array).sum())}
