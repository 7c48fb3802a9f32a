"""The training loop: any model, any task; it can be stopped at any update and goes on from a file bit for bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Self

import numpy as np

from tinygrad_lstm.data import Batch, Task
from tinygrad_lstm.distributed import DataParallel, rank, together
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.modes import no_grad
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, GradError
from tinygrad_lstm.explain import detect_anomaly
from tinygrad_lstm.nn import Module
from tinygrad_lstm.nn.cells import State
from tinygrad_lstm.nn.truncated import detach_state
from tinygrad_lstm.nn.utils import clip_grad_norm_
from tinygrad_lstm.optim import Adam, Optimizer
from tinygrad_lstm.optim.lr_scheduler import ReduceLROnPlateau
from tinygrad_lstm.training.checkpoints import go_on_from, write_checkpoint
from tinygrad_lstm.training.interrupts import interrupts_held
from tinygrad_lstm.training.update import Update as Update


@dataclass
class Training:
    """Train a model: ``run()`` it, or iterate over it, one update after the other, and stop at any time.

    The model is called with the inputs of a batch, and ``lengths=`` where it has some; it gives the answers, or a tuple
    whose first part they are. With ``window`` it learns a batch in pieces of so many steps by truncated BPTT: it is
    called ``model(inputs, state)`` and gives ``(answers, state)``, and the state is detached between the pieces.

    Adam at ``lr``, or what ``optimizer(parameters)`` makes; ``schedule(optimizer)`` makes its scheduler. The gradient's
    norm is held to ``clip``, if not None. Every ``measure_every`` updates, and after the last, the score is measured on
    ``measured`` fresh sequences, always the same ones; ``best`` are the weights that did best there.

    It ends after ``updates``; where a score is as good as ``until``, or ``until(update)`` is true; after ``patience``
    measures none of which was better than the best before; and where the loss or the gradient is not finite, with the
    report of ``tg.detect_anomaly`` and the weights as they were before that update. ``stopped`` says why.

    ``callbacks`` are called with each Update. ``checkpoint`` is a file, ``.npz`` or ``.safetensors``, that is written
    at every measure, at the end, and where Ctrl-C or a ``break`` stops the loop, always after a whole update.
    ``Training(the same arguments).resume().run()`` goes on from it as if there had been no interruption: with the same
    weights, rates, batches and random numbers. Batch k is drawn from ``seed`` and k; without a seed one is drawn.

    With ``shards`` above 1 each batch is cut into so many, whose gradients are added in their order: under ``mpiexec``
    the ranks share them, and the weights are the same, bit for bit, for any number of ranks, as are the scores. Rank 0
    alone writes the checkpoint and calls the callbacks, and a checkpoint is good for any number of ranks.
    ``tg.distributed.DataParallel`` says more.

    Raises AnomalyError, a GradError, where it is not finite.

    >>> import tinygrad_lstm as tg
    >>> from tinygrad_lstm.data import cat
    >>> from tinygrad_lstm.training import SequenceModel
    >>> tg.manual_seed(0)
    >>> training = Training(SequenceModel(cat(), 24, fused=True), cat(), 400, until=0.99).run()
    >>> training.stopped
    'accuracy 1 after 50 updates'
    """

    model: Module
    task: Task
    updates: int
    batch: int = 32
    lr: float = 1e-2
    clip: float | None = 1.0
    window: int | None = None
    optimizer: Any = None
    schedule: Any = None
    until: float | Callable[[Update], bool] | None = None
    patience: int | None = None
    measure_every: int = 50
    measured: int = 256
    seed: int | None = None
    callbacks: Sequence[Callable[[Update], object]] = ()
    checkpoint: str | PathLike[str] | None = None
    shards: int = 1
    best: dict[str, np.ndarray] | None = None
    history: list[Update] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        for name in ("updates", "batch", "measure_every", "measured"):
            if not isinstance(number := getattr(self, name), int) or number < 1:
                raise ArgumentError(f"{name} is a whole number, at least 1, not {number!r}")
        self.parameters = list(self.model.parameters())
        self.optimizer: Optimizer = (self.optimizer or (lambda p: Adam(p, lr=self.lr)))(self.parameters)
        self.parallel = DataParallel(self.optimizer, self.shards)
        self.schedule = self.schedule and self.schedule(self.optimizer)
        self.seed_of_batches = int(generator().integers(2**31)) if self.seed is None else self.seed
        self.drawn = 0  # the number of the batch at hand
        self.pieces: list[Batch] = []  # what is left of it
        self.state: State = None  # after the pieces before
        self.whole = True  # no update is half done

    # The loop --------------------------------------------------------------------------------------------------------

    def run(self) -> Self:
        """All updates, to the end."""
        for _ in self:
            pass
        return self

    def __iter__(self) -> Iterator[Update]:
        try:
            while not self.stopped:
                with interrupts_held():
                    self.whole = False
                    self.history.append(update := self._update())
                    self.whole = True
                    for call in self.callbacks if rank() == 0 else ():
                        call(update)
                    if update.score is not None:
                        self._write_checkpoint()
                yield update
        except (KeyboardInterrupt, GeneratorExit):
            self._write_checkpoint()
            raise
        self._write_checkpoint()

    def _write_checkpoint(self) -> None:
        if self.checkpoint is not None and self.whole:
            self.save(self.checkpoint)

    @property
    def stopped(self) -> str:
        """Why no update follows; empty if one does."""
        if not self.history:
            return ""
        last = self.history[-1]
        after = f"after {last.number} update{'s' if last.number > 1 else ''}"
        if self._reached(last):
            return ("" if last.score is None else f"{self.task.measure.score} {last.score:.3g} ") + after
        if self.patience is not None and self.measures_since_best >= self.patience:
            return f"no better {self.task.measure.score} in {self.patience} measures, {after}"
        return after if last.number >= self.updates else ""

    def _reached(self, last: Update) -> bool:
        if self.until is None or callable(self.until):
            return self.until is not None and self.until(last)
        return last.score is not None and (last.score == self.until or self.task.better(last.score, self.until))

    @property
    def scores(self) -> list[float]:
        """All that were measured."""
        return [update.score for update in self.history if update.score is not None]

    @property
    def best_score(self) -> float:
        """The best of them; before the first, infinitely bad."""
        best = -math.inf if self.task.measure.higher else math.inf
        for score in self.scores:
            best = score if self.task.better(score, best) else best
        return best

    @property
    def measures_since_best(self) -> int:
        """How many scores there are after the first that was as good as the best."""
        return len(self.scores) - 1 - self.scores.index(self.best_score) if self.best_score in self.scores else 0

    # One update ------------------------------------------------------------------------------------------------------

    def _update(self) -> Update:
        number = len(self.history) + 1
        if not self.pieces:
            self.drawn, self.pieces, self.state = self.drawn + 1, self.draw(self.drawn + 1), None
        random = generator().bit_generator.state
        loss, norm, state = self._backward(self.pieces[0])
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self._explain(loss, norm, random)
        self.optimizer.step()
        self.pieces, self.state = self.pieces[1:], state
        score = None if number % self.measure_every and number != self.updates else self._measure()
        if self.schedule and not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()
        elif self.schedule and score is not None:
            self.schedule.step(score)
        return Update(number, loss, norm, score)

    def draw(self, number: int) -> list[Batch]:
        """Batch k in the pieces that are learned one after the other."""
        batch = self.task.batch(self.batch, rng=[self.seed_of_batches, number])
        return [batch] if self.window is None else list(batch.windows(self.window))

    def _answer(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        options = {} if batch.lengths is None else {"lengths": batch.lengths}
        answers = self.model(batch.inputs, *([] if self.window is None else [state]), **options)
        return answers if isinstance(answers, tuple) else (answers, None)

    def _backward(self, piece: Batch) -> tuple[float, float, State]:
        """The gradients of a piece, clipped; gives the loss, their norm before, and the state after the piece."""
        self.optimizer.zero_grad()
        axes = (1, int(self.task.every_step), 0, np.ndim(piece.mask) - 1, np.ndim(piece.scored) - 1)
        weights = None
        if self.shards > 1 and piece.mask is not None:
            weights = np.reshape(piece.mask, (-1, np.shape(piece.mask)[-1])).sum(axis=0)  # answers of each row
        loss, state = self.parallel.backward(self._loss, *piece, self.state, axis=(*axes, -2), weights=weights)
        norm = clip_grad_norm_(self.parameters, math.inf if self.clip is None else self.clip)
        return loss, norm, state

    def _loss(self, *parts: Any) -> tuple[Tensor, State]:
        """The loss of a piece, or of a shard of it, and the state after it."""
        *piece, before = parts
        batch = Batch(*piece)
        answers, state = self._answer(batch, before)
        nothing_counts = self.shards > 1 and batch.mask is not None and not batch.mask.any()  # in this shard
        loss = answers.sum() if nothing_counts else self.task.loss(answers, batch)
        return loss, None if self.window is None else detach_state(state)

    def _explain(self, loss: float, norm: float, random: Any) -> None:
        """Run the same piece again, with the same random numbers, where the first NaN or inf is an error."""
        generator().bit_generator.state = random
        try:
            with detect_anomaly():
                self._backward(self.pieces[0])
        finally:
            self.optimizer.zero_grad()
        raise GradError(f"update {len(self.history) + 1} has a loss of {loss} and a gradient of norm {norm}")

    def _measure(self) -> float:
        score = together("Training.measure()", self.measure)[0]
        if self.task.better(score, self.best_score):
            self.best = self.model.state_dict()
        return score

    @no_grad()
    def measure(self) -> float:
        """The score on the sequences of batch 0, with dropout and the like switched off."""
        batch = self.task.batch(self.measured, rng=[self.seed_of_batches, 0], test=True)
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        try:
            return self.task.score(self._answer(batch, None)[0], batch)
        finally:
            for module, mode in modes:
                module.training = mode

    # Files -----------------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write all that the next update depends on: the file is there when it is whole, also after a kill.

        Of several ranks only rank 0 writes it.
        """
        write_checkpoint(self, path)

    def resume(self, path: str | PathLike[str] | None = None) -> Self:
        """Go on from a file of ``save``, the checkpoint unless another is given; callbacks hear only of new updates.

        Raises FileNotFoundError; WeightsError for a file of another kind, model, optimiser or number of
        shards, and then nothing changes.
        """
        if (file := self.checkpoint if path is None else path) is None:
            raise ArgumentError("resume() goes on from the file that checkpoint= names, or from resume(path)")
        go_on_from(self, file)
        return self
