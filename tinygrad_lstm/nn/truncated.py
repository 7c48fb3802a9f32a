"""Long sequences in pieces: the state goes on from piece to piece, detached from its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.shapes import concatenate
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.calls import Continued, S
from tinygrad_lstm.nn.cells import State
from tinygrad_lstm.nn.context import PerContext
from tinygrad_lstm.nn.module import Module
from tinygrad_lstm.nn.options import array_of, check_arguments, is_whole
from tinygrad_lstm.nn.packing import PackedSequence
from tinygrad_lstm.nn.steps import parts_of

Layer: TypeAlias = Callable[[Any, Any], tuple[Any, State]]  # (x, state) -> (output, state)


def detach_state(state: State) -> State:
    """The same state without its history: where truncated BPTT cuts."""
    parts = tuple([part.detach() for part in parts_of(state)])
    return parts if isinstance(state, tuple) else parts[0]


def refuse_the_future(layer: Layer) -> None:
    """ArgumentError for a layer with a direction from T to 1: what comes later cannot hand it a state."""
    parts = layer.modules() if isinstance(layer, Module) else ()
    if any(any(getattr(part, "directions", ())) for part in parts):
        raise ArgumentError("a layer that runs from T to 1 reads the future, so no piece can hand it a state")


class truncated_bptt:  # noqa: N801  # read as the verb it is, in a for loop
    """Truncated BPTT: every ``k1`` steps a loss, whose gradient goes back ``k2`` steps. Iterate over it.

    The window that ends with step t = k1, 2 k1, ... begins with the state after step t - k2, detached, and gives the
    loss of its last k1 steps: ``loss_of(output, now)``, for the outputs of the steps x[now]. k2 is k1 unless given:
    every step is run once. With a larger k2 the windows overlap, and each is run from its beginning, because its
    gradient must be that of the current weights. With k2 >= T it is full BPTT. Memory holds the graph of one window,
    and that of the loss before it, as long as the caller keeps that loss. After the loop ``state`` is the last state.
    For T = 0 steps there is no loss, and the last state is the initial one.

    ``layer`` is anything called ``(x, state) -> (output, state)``, with time on the first axis of x and output; x is
    data, so an embedding is part of the layer. (Williams & Peng 1990, their BPTT(k2; k1).)

    Raises ArgumentError for k1 and k2 that are not 1 <= k1 <= k2, and for layers whose state cannot be carried on.

    >>> from tinygrad_lstm import losses, nn, optim
    >>> lstm, x, y = nn.LSTM(1, 8), np.ones((100, 2, 1)), np.zeros((100, 2, 8))
    >>> sgd = optim.SGD(lstm.parameters(), lr=0.1)
    >>> pieces = truncated_bptt(lstm, x, lambda h, now: losses.mse_loss(h, y[now]), k1=10, k2=20)
    >>> for loss in pieces:
    ...     sgd.zero_grad()
    ...     loss.backward()
    ...     sgd.step()
    >>> len(pieces), pieces.state[0].shape
    (10, (1, 2, 8))
    """

    @check_arguments
    def __init__(
        self, layer: Layer, x: TensorLike, loss_of: Callable[[Any, slice], Tensor], *, k1: int, k2: int | None = None,
        state: State | None = None,
    ) -> None:  # fmt: skip
        k2 = k1 if k2 is None else k2
        if not (is_whole(k1) and is_whole(k2) and 1 <= k1 <= k2):
            raise ArgumentError(f"k1 new steps and k2 to go back, whole numbers, 1 <= k1 <= k2, not {k1!r} and {k2!r}")
        if isinstance(layer, Stateful):
            raise ArgumentError("truncated_bptt carries the state itself: give it the layer inside the Stateful")
        if isinstance(layer, Module) and any(getattr(part, "batch_first", False) for part in layer.modules()):
            raise ArgumentError("truncated_bptt cuts along the first axis, time: build the layer without batch_first")
        refuse_the_future(layer)
        self.x: Any = x if isinstance(x, Tensor | np.ndarray) else Tensor(x)
        if not self.x.ndim:
            raise ShapeError(f"a sequence has time on its first axis, so x is no single number: {self.x!r}")
        self.layer, self.loss_of, self.k1, self.k2, self.start = layer, loss_of, k1, k2, state
        self.state: State | None = None

    def __len__(self) -> int:
        """How many losses there will be: T / k1, rounded up."""
        return -(-len(self.x) // self.k1)

    def __iter__(self) -> Iterator[Tensor]:
        """From the first step, with the initial state, whenever a loop begins."""
        T = len(self.x)
        if not T:
            self.state = detach_state(self.layer(self.x, self.start)[1])
        overlap = self.k2 - self.k1 if self.k2 < T else T  # how far before its new steps a window begins
        begin, state = 0, self.start
        for new in range(0, T, self.k1):
            end = new + self.k1
            following = max(0, end - overlap)  # where the next window begins
            loss, state = self._window(begin, following, new, min(end, T), state)
            begin = following
            yield loss
            del loss  # so that its graph can go before the next is made

    def _window(self, begin: int, following: int, new: int, end: int, state: State) -> tuple[Tensor, State]:
        """The loss of the steps from ``new`` on, run from ``begin``; and the state at ``following``, to go on from."""
        outputs = []
        if begin < following:
            output, state = self.layer(self.x[begin : min(following, end)], state)
            outputs.append(output)
        carried = detach_state(state) if following else state  # the initial state keeps its gradient
        if following < end:
            output, state = self.layer(self.x[following:end], state)
            outputs.append(output)
        self.state = detach_state(state)
        output = outputs[0] if len(outputs) == 1 else concatenate(outputs)
        return self.loss_of(output[new - begin :] if begin < new else output, slice(new, end)), carried


# of each Stateful the state, and the shape of the inputs at a step, None for a state that was set from outside
sequences = PerContext[tuple[State, tuple[int, ...] | None]]("sequences")


class Stateful(Module, Generic[S]):
    """A layer that goes on where it stopped: each call starts from the state after the last, without its history.

    ``reset_state()`` starts a new sequence; ``reset_state(rows)``, bools (B,), only in those rows of the batch.
    ``state`` is what the next call starts from. Each thread and each asyncio task goes on with a sequence of its own; a
    copy or a pickle takes along the state of where it is made.

    Raises ShapeError where the batch has another size than that of the state kept.

    >>> from tinygrad_lstm import nn
    >>> layer, x = Stateful(nn.GRU(3, 5)), np.ones((4, 2, 3), np.float32)
    >>> whole, _ = layer.layer(np.concatenate([x, x]))
    >>> first, second = layer(x)[0], layer(x)[0]
    >>> np.allclose(second.data, whole.data[4:], atol=1e-6)
    True
    """

    __call__: Continued[S]

    @check_arguments
    def __init__(self, layer: Callable[..., tuple[Any, S]]) -> None:
        refuse_the_future(layer)
        self.layer = layer

    @property
    def state(self) -> S | None:
        """What the next call in this thread starts from: None for a new sequence."""
        kept = sequences.get(self)
        return None if kept is None else kept[0]

    @state.setter
    def state(self, state: State | None) -> None:
        if state is None:
            sequences.forget([self])
        else:
            sequences[self] = state, (sequences.get(self) or (None, None))[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "sequence": sequences.get(self)}

    def __setstate__(self, held: dict[str, Any]) -> None:
        sequence = held.pop("sequence")
        vars(self).update(held)
        if sequence is not None:
            sequences[self] = sequence

    def forward(self, x: Any, **options: Any) -> tuple[Tensor, S]:
        """The layer's output and state, of which the next call starts from a copy without history."""
        if "state" in options:
            raise ArgumentError("a Stateful keeps the state itself: set its .state, or call the layer inside")
        if isinstance(x, PackedSequence):
            step = (int(max(x.batch_sizes, default=0)), *x.data.shape[1:])
        else:
            shape = array_of(x).shape
            time = 1 if getattr(self.layer, "batch_first", False) and len(shape) == 3 else 0
            step = shape[:time] + shape[time + 1 :]
        state, kept_step = sequences.get(self) or (None, None)
        if kept_step is not None and step != kept_step:
            raise ShapeError(
                f"the state kept is of inputs {kept_step} at each step, these are {step}: first reset_state()"
            )
        output, state = self.layer(x, state, **options)
        sequences[self] = detach_state(state), step
        return output, state

    def reset_state(self, rows: TensorLike | None = None) -> None:
        """Forget the state; or, of a state (..., B, H), the rows of the batch for which ``rows`` (B,) is True."""
        if rows is None or self.state is None:
            self.state = None
            return
        parts = parts_of(self.state)
        off = array_of(rows)
        if off.dtype != bool or any(part.ndim < 2 or off.shape != part.shape[-2:-1] for part in parts):
            raise ShapeError(f"a bool for each row of the state {parts[0].shape}, not {off.dtype} {off.shape}")
        cleared = tuple([Tensor(np.where(off[:, None], 0, part.data)) for part in parts])
        self.state = cleared if isinstance(self.state, tuple) else cleared[0]
