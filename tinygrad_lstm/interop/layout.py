"""How another library lays out the weights of a cell: the order of its gates, and two biases where we have one.

    ours     gates f, i, o, g or r, z, n      b (nH,)           and a GRU's b_n (H,), inside the reset
    theirs   another order                    outer + inner     the input side's and the hidden side's, (nH,) each

The candidate of a GRU is the last gate everywhere, so b_n is the last third of the hidden side's bias.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.nn.cells import Gates, GRUCell

Array: TypeAlias = np.ndarray


class Layout(NamedTuple):
    """Where their k-th block of gates stands among ours.

    >>> ifgo = Layout((1, 0, 3, 2))
    >>> ifgo.theirs(np.array(list("fiog"))).tolist(), ifgo.ours(np.array(list("ifgo"))).tolist()
    (['i', 'f', 'g', 'o'], ['f', 'i', 'o', 'g'])
    """

    blocks: tuple[int, ...]

    def theirs(self, stacked: Array) -> Array:
        """Our blocks in their order."""
        parts = np.split(stacked, len(self.blocks))
        return np.concatenate([parts[k] for k in self.blocks])

    def ours(self, stacked: Array) -> Array:
        """Their blocks in our order."""
        parts = np.split(stacked, len(self.blocks))
        return np.concatenate([parts[self.blocks.index(k)] for k in range(len(self.blocks))])


def inner_bias(cell: Gates, outer: Array) -> Array:
    """Their hidden side's bias beside this one: 0, but for a GRU's b_n."""
    inner = np.zeros_like(outer)
    if isinstance(cell, GRUCell) and cell.b_n is not None:
        inner[2 * cell.hidden_size :] = cell.b_n.data
    return inner


def add_biases(cell: Gates, outer: Array, inner: Array) -> Array:
    """Their two biases as one, added in the cell's dtype if theirs is narrower: float16 would round the sum.

    That of a GRU's candidate stays inside the reset: it is set as b_n, not added.
    """
    both: Array = np.add(outer, inner, dtype=np.result_type(outer, inner, cell.W.dtype))
    if isinstance(cell, GRUCell) and cell.b_n is not None:
        n = slice(2 * cell.hidden_size, None)
        cell.b_n.data, both[n] = inner[n].copy(), outer[n]
    return both
