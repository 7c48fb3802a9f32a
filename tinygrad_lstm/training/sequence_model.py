"""A network for any task: symbols or numbers in, the task's answers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lstm.arguments import instance, takes
from tinygrad_lstm.data import Task
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.nn import LSTM, Embedding, Linear, Module, Recurrent
from tinygrad_lstm.nn.cells import State
from tinygrad_lstm.nn.unroll import Trajectory

TASK = instance("a task, e.g. data.adding(),", Task)


class SequenceModel(Module):
    """An embedding, if the task has symbols, a recurrent layer, and a linear head at the last step, or at every step.

    ``layer`` makes the layer of the width of its inputs and ``hidden``; further options are the layer's:
    ``SequenceModel(task, 32, nn.RNN, init="uniform")``, ``SequenceModel(task, 32, fused=True, forget_bias=3.0)``.

    Called with inputs (T, B) or (T, B, D), with a state to go on from, and with lengths; gives answers and state.

    >>> from tinygrad_lstm.data import france
    >>> task = france()
    >>> model = SequenceModel(task, 24)
    >>> answers, state = model(task.batch(5).inputs)
    >>> answers.shape == (5, task.outputs), state[1].shape
    (True, (1, 5, 24))
    """

    @takes(task=TASK)
    def __init__(
        self, task: Task, hidden: int = 32, layer: Callable[..., Recurrent[Any]] = LSTM, *, embedding: int = 16,
        **options: Any,
    ) -> None:  # fmt: skip
        self.embedding = Embedding(task.inputs, embedding) if task.symbols else None
        self.layer = layer(embedding if task.symbols else task.inputs, hidden, **options)
        sides = len(self.layer.directions) if self.layer.merge == "concatenate" else 1
        self.head = Linear(self.layer.layers[-1].state_sizes[0] * sides, task.outputs)
        self.every_step = task.every_step

    def embed(self, inputs: Any) -> Any:
        """What the layer reads."""
        return inputs if self.embedding is None else self.embedding(inputs)

    def forward(self, inputs: Any, state: State = None, *, lengths: Any = None) -> tuple[Tensor, State]:
        """The answers, and the state after the last step."""
        h, state = self.layer(self.embed(inputs), state, lengths=lengths)
        if not self.every_step:
            h = h[-1] if lengths is None else h[np.asarray(lengths) - 1, np.arange(h.shape[1])]
        return self.head(h), state

    def unroll(self, inputs: Any) -> tuple[Tensor, Trajectory]:
        """The answers, and every step's states and gates, to look at; a fused layer runs its cells step by step."""
        with self.scope():
            trajectory = self.layer.unroll(self.embed(inputs))
            return self.head(trajectory.output if self.every_step else trajectory.output[-1]), trajectory
