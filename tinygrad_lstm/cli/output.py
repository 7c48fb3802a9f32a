"""Output that never ends a command: in every encoding, and after its reader has left.

A character that the encoding of the output does not have becomes ``?``. When the reader of a pipe leaves, as ``head``
does, the command finishes its work and prints no more. Output that is lost for another reason, as on a full disk, is
reported at the end, with exit code 1.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

# How the system says that the other end of a pipe is closed; Windows has no number of its own for it
READER_LEFT = {errno.EPIPE, errno.ESHUTDOWN, *([errno.EINVAL] if sys.platform == "win32" else [])}


class LastingStream(io.RawIOBase):
    """A stream of bytes that takes everything: what ``raw`` refuses is dropped, and the first ``refusal`` is kept."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.refusal: OSError | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int | None:
        """Write as much as the raw stream takes now, or drop it all."""
        if self.refusal is None:
            try:
                written: int | None = self.raw.write(data)
                return written
            except OSError as refusal:
                self.refusal = refusal
        return len(data)

    def isatty(self) -> bool:
        """Whether a terminal shows it."""
        return bool(self.raw.isatty())

    def fileno(self) -> int:
        """The descriptor of the raw stream."""
        return int(self.raw.fileno())


@contextlib.contextmanager
def lasting_output() -> Iterator[None]:
    """Within the block, or the decorated function, nothing that is printed can raise an error.

    ``sys.stdout`` and ``sys.stderr`` are replaced; streams that are no files, as a notebook's, stay as they are.
    Raises SystemExit at the end where output was lost, though its reader had not left.
    """
    before = sys.stdout, sys.stderr
    with contextlib.ExitStack() as opened:
        out, sys.stdout = _lasting(before[0], "replace", opened)
        _, sys.stderr = _lasting(before[1], "backslashreplace", opened)
        try:
            yield
        finally:
            opened.close()  # which writes what is still in the buffers
            sys.stdout, sys.stderr = before
            if out.refusal is not None and out.refusal.errno not in READER_LEFT:
                sys.exit(f"tinygrad-lstm: the output is not complete: {out.refusal.strerror}")


def _lasting(stream: TextIO | None, errors: str, opened: contextlib.ExitStack) -> tuple[LastingStream, TextIO]:
    """The stream, closed at the end of the block, and its bytes; a stream that the caller closed leads nowhere."""
    if stream is None:  # a file opened later must not get its number
        stream = opened.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # the stack closes it
    if not isinstance(stream, io.TextIOWrapper):
        return LastingStream(None), stream
    stream.flush()
    raw = LastingStream(getattr(stream.buffer, "raw", stream.buffer))
    lasting = io.TextIOWrapper(
        io.BufferedWriter(raw), stream.encoding, errors, line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )  # fmt: skip
    return raw, opened.enter_context(lasting)
