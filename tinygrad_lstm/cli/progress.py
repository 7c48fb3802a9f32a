"""A progress bar for a training, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tinygrad_lstm.training import Update


def loss_and_score(update: Update) -> str:
    """The loss of an update and, where it was measured, the score.

    >>> loss_and_score(Update(50, 0.12345, 1.0, 0.75))
    'loss 0.123, score 0.75'
    """
    return f"loss {update.loss:.3g}" + ("" if update.score is None else f", score {update.score:.3g}")


@contextmanager
def progress_bar(
    updates: int, console: Console | None = None, describe: Callable[[Update], str] = loss_and_score
) -> Iterator[Callable[[Update], None]]:
    """A bar of so many updates while the block runs; it gives a callback for ``Training``.

    ``describe`` says what stands beside the bar, for each update. A run that goes on from a checkpoint begins where it
    is.

    >>> from tinygrad_lstm.data import adding
    >>> from tinygrad_lstm.training import SequenceModel, Training
    >>> seen = []
    >>> with progress_bar(3, Console(quiet=True)) as show:
    ...     training = Training(SequenceModel(adding()), adding(), 3, callbacks=[show, seen.append]).run()
    >>> len(seen)
    3
    """
    columns = (
        TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[shown]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=updates, shown="")

        def show(update: Update) -> None:
            progress.update(task, completed=update.number, shown=describe(update))

        yield show
