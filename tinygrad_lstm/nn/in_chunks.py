"""Checkpoints over time: a run in chunks of steps, each of which keeps the state it starts from, and is run again.

Backpropagation through T steps keeps the gates of all of them. In chunks of k steps it keeps T / k states, and the
gates of one chunk at a time, while backward goes through it: in chunks of √T steps about as much as 2 √T steps keep,
for one more forward pass (Chen et al. 2016). Gradients are those of the plain run to the last bit.
"""

from __future__ import annotations

import math

from tinygrad_lstm.engine.naming import collecting
from tinygrad_lstm.engine.ops.shapes import split, unstack
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.func.checkpoint import Relay
from tinygrad_lstm.nn.cells import State, drawn
from tinygrad_lstm.nn.options import is_whole
from tinygrad_lstm.nn.steps import Stepper, as_state, parts_of
from tinygrad_lstm.tags import tag


class Chunk:
    """Some steps of a run, as a function of their inputs and of the state before them."""

    def __init__(self, step: Stepper, begin: int, length: int, reverse: bool) -> None:
        self.step, self.reverse = step, reverse
        self.times = range(begin + 1, begin + length + 1)
        self.drawn = drawn.now()  # for the whole sequence, as masks are: the second run must find them again
        self.__name__ = f"t={self.times[0]}..{self.times[-1]}"  # as pictures and errors call it

    def __call__(self, x: Tensor, *parts: Tensor) -> tuple[list[Tensor], State]:
        """The outputs, first step first, and the state after the last."""
        before, names = drawn.now(), collecting.get()
        state = as_state([tag(part, "initial") for part in parts])  # reading it counts as reading an earlier step
        outputs: list[Tensor] = []
        steps = list(zip(self.times, unstack(x), strict=True))
        try:
            collecting.set(None)  # what is computed here is computed again: it is not of the graph
            if before is not self.drawn:
                drawn.set_now(self.drawn)
            for t, x_t in reversed(steps) if self.reverse else steps:
                h, state = self.step.take(t, x_t, state)
                outputs.append(h)
        finally:
            collecting.set(names)
            if before is not self.drawn:
                drawn.set_now(before)
        return outputs, state


def chunk_size(checkpoint: int | bool, T: int) -> int:
    """How many steps a chunk has: √T for True; ArgumentError for what is no whole number from 1 on, nor True."""
    if checkpoint is True:
        return math.isqrt(max(T - 1, 1) - 1) + 1
    if not is_whole(checkpoint) or checkpoint < 1:
        raise ArgumentError(f"checkpoint is how many steps a chunk has, from 1 on, or True for √T, not {checkpoint!r}")
    return checkpoint


def run_in_chunks(step: Stepper, x: Tensor, state: State, reverse: bool, size: int) -> tuple[list[Tensor], State]:
    """Outputs and state of x (T, B, D), first step first; ``size`` steps a chunk.

    The first step is no part of a chunk: there a cell draws what is for the whole sequence, which every chunk reads.
    """
    T = len(x)
    cuts = sorted(T - cut if reverse else cut for cut in range(1, T, size))
    pieces = list(zip([0, *cuts], split(x, cuts), strict=True))
    first, *others = pieces[::-1] if reverse else pieces
    h, state = step.take(first[0] + 1, unstack(first[1])[0], state)
    outputs, relay = [h], Relay(step.cell.parameters())
    for begin, piece in others:
        chunk = Chunk(step, begin, len(piece), reverse)
        some, state = relay.run(chunk, piece, *parts_of(state), own=1)
        outputs += some
    return [relay.latest(h) for h in outputs], state
