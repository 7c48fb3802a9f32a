"""What a learner has done so far: a small file of the user, or nothing but this process's memory.

The file is the one that the environment variable ``TINYGRAD_LSTM_PROGRESS`` names; empty, nothing is written. Without
the variable it is ``tinygrad_lstm/learn.json`` in the folder where the system keeps the data of a user.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tinygrad_lstm.files import whole_file

VARIABLE = "TINYGRAD_LSTM_PROGRESS"
Record = dict[str, Any]  # tries, hints, solved


class Progress:
    """How often each exercise was tried, how many hints were given, and whether it is solved."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}  # as last read or noted; all there is where no file is kept
        self.complaint = ""  # why no file is kept
        self.said = False  # once is enough

    def of(self, key: str) -> Record:
        """The record of one exercise."""
        return {"tries": 0, "hints": 0, "solved": False, **self._all().get(key, {})}

    def add_try(self, key: str, solved: bool) -> str:
        """Note one answer; returns why it is not kept, once, and else nothing."""
        record = self.of(key)
        return self._set(key, {**record, "tries": record["tries"] + 1, "solved": record["solved"] or solved})

    def add_hint(self, key: str, hints: int) -> None:
        """Note how many hints were given."""
        self._set(key, {**self.of(key), "hints": hints})

    def _all(self) -> dict[str, Record]:
        path = progress_file()
        if path is None or self.complaint:
            return self.records
        try:
            text = path.read_text("utf-8") if path.exists() else "{}"
            found = json.loads(text)
            if not _are_records(found):
                raise ValueError("it is no record of progress")
        except (OSError, ValueError) as error:
            self.complaint = f"Your progress is not kept: {path}: {getattr(error, 'strerror', None) or error}"
            return self.records
        self.records = found
        return self.records

    def _set(self, key: str, record: Record) -> str:
        self.records = {**self._all(), key: record}
        path = progress_file()
        if path is not None and not self.complaint:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(path) as file:
                    file.write(json.dumps(self.records, indent=1, sort_keys=True).encode())
            except OSError as error:
                self.complaint = f"Your progress is not kept: cannot write {path}: {error.strerror}"
        note, self.said = "" if self.said else self.complaint, bool(self.complaint)
        return note


def _are_records(found: object) -> bool:
    return isinstance(found, dict) and all(
        isinstance(each, dict) and all(isinstance(value, int) for value in each.values()) for each in found.values()
    )


def progress_file() -> Path | None:
    """Where progress is kept; None where it is not."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    try:
        return _folder_of_user_data() / "tinygrad_lstm" / "learn.json"
    except RuntimeError:  # a user without a home
        return None


def _folder_of_user_data() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
