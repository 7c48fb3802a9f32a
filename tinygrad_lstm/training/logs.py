"""Logs of a training, for its ``callbacks``: a table in a file, lines of JSON, or TensorBoard's events.

A row is number, loss, gradient_norm, score. A run that goes on from a checkpoint goes on with its log: rows of updates
that are done again are replaced. Every row is in the file at once, for other programs to read.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from os import PathLike
from typing import Any

from tinygrad_lstm.errors import MissingExtraError
from tinygrad_lstm.files import file_path, whole_file
from tinygrad_lstm.training.training import Update


class CSVLog:
    """Rows of a table, number, loss, gradient_norm, score, under a line of names; the score is often empty.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> log = CSVLog(f"{folder.name}/log.csv")
    >>> for update in (Update(1, 0.5, 2.0, None), Update(2, 0.25, 1.0, 0.75)):
    ...     log(update)
    >>> print(log.path.read_text())
    number,loss,gradient_norm,score
    1,0.5,2.0,
    2,0.25,1.0,0.75
    >>> folder.cleanup()
    """

    head = "number,loss,gradient_norm,score\n"

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path, self.begun = file_path(path), False

    def __call__(self, update: Update) -> None:
        """Write one row."""
        if not self.begun:
            self._keep_rows_before(update.number)
            self.begun = True
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(self.row(update))

    def _keep_rows_before(self, number: int) -> None:
        """Make the file what it was before this update."""
        lines = self.path.read_text("utf-8").splitlines(keepends=True) if number > 1 and self.path.exists() else []
        kept = [line for line in lines[bool(self.head) :] if line.endswith("\n") and self.number_of(line) < number]
        with whole_file(self.path) as file:
            file.write((self.head + "".join(kept)).encode())

    def row(self, update: Update) -> str:
        """The line of an update."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(asdict(update).values())
        return line.getvalue()

    def number_of(self, line: str) -> int:
        """The update that a line is of."""
        return int(line.partition(",")[0])


class JSONLog(CSVLog):
    """The same as lines of JSON: ``{"number": 1, "loss": 0.5, "gradient_norm": 2.0, "score": null}``."""

    head = ""

    def row(self, update: Update) -> str:
        """The line of an update."""
        return json.dumps({name: value if value == value else None for name, value in asdict(update).items()}) + "\n"

    def number_of(self, line: str) -> int:
        """The update that a line is of."""
        return int(json.loads(line)["number"])


class TensorBoardLog:
    """Events for TensorBoard in a folder: ``tensorboard --logdir FOLDER`` shows them.

    Raises MissingExtraError where there is no tensorboardX.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError:
            raise MissingExtraError('TensorBoard\'s events need: pip install "tinygrad-lstm[log]"') from None
        self.folder, self.make = file_path(folder), SummaryWriter
        self.writer: Any = None

    def __call__(self, update: Update) -> None:
        """Write the numbers of one update."""
        if self.writer is None:  # TensorBoard drops what it has of this step and later ones, from a run before
            self.writer = self.make(str(self.folder), purge_step=update.number, flush_secs=5)
        for name, value in asdict(update).items():
            if name != "number" and value is not None:
                self.writer.add_scalar(name, value, update.number)

    def close(self) -> None:
        """Write what is still on its way; the library does so every few seconds, and where the program ends."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None
