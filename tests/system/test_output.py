"""What a command prints never ends it: in every encoding, and after its reader has left."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_lstm.cli.output import LastingStream, lasting_output

HARD = "é☕ \U0001f600 \udcff"  # Latin 1, Unicode, beyond the first plane, a byte that was no UTF-8
PRINTS = f"""
import sys
from pathlib import Path
from tinygrad_lstm.cli.output import lasting_output

@lasting_output()
def main():
    for _ in range(int(sys.argv[1])):
        print({HARD!a})
        print({HARD!a}, file=sys.stderr)
    Path(sys.argv[2]).write_text("finished")
    sys.exit(7)

main()
"""
ENCODINGS = {
    "UTF-8": {"PYTHONIOENCODING": "utf-8"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "ASCII, strict": {"PYTHONIOENCODING": "ascii:strict"},
    "Latin 1": {"PYTHONIOENCODING": "latin-1"},
    "a Windows terminal": {"PYTHONIOENCODING": "cp1252"},
    "an old terminal": {"PYTHONIOENCODING": "cp437"},
    "Japanese": {"PYTHONIOENCODING": "shift_jis"},
    "the C locale": {"LC_ALL": "C"},
    "the C locale as it was": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "no buffer": {"PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": "1"},
}
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
    return kept | {"COLUMNS": "100", "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"} | changes


def printing(tmp_path: Path, lines: int, shell: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    """Run the program that prints so many lines, its output redirected as a shell does; "$@" is the program."""
    call = ["bash", "-c", shell, "bash", sys.executable, "-X", "dev", "-c", PRINTS, str(lines), str(tmp_path / "done")]
    return subprocess.run(call, capture_output=True, env=environment(**changes), timeout=120)


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_takes_every_character(tmp_path: Path, name: str) -> None:
    done = printing(tmp_path, 3, '"$@"', **ENCODINGS[name])
    assert done.returncode == 7, done.stderr
    assert len(done.stdout.splitlines()) == len(done.stderr.splitlines()) == 3
    if "ascii" in ENCODINGS[name].get("PYTHONIOENCODING", ""):
        assert done.stdout.splitlines()[0] == b"?? ? ?"


@pytest.mark.parametrize("lines", [1, 20_000])
@pytest.mark.parametrize(
    "shell",
    ['"$@" | head -n 1', '"$@" | true', '"$@" 2>&1 | head -n 1', '"$@" >&-', '"$@" >&- 2>&-', '"$@" <&- >&- 2>&-'],
)
@pytest.mark.parametrize("unbuffered", ["", pytest.param("1", marks=pytest.mark.slow)])
def test_a_reader_who_leaves_ends_the_output_and_not_the_work(
    tmp_path: Path, lines: int, shell: str, unbuffered: str
) -> None:
    done = printing(tmp_path, lines, f'{shell}; exit "${{PIPESTATUS[0]}}"', PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 7
    assert (tmp_path / "done").read_text() == "finished"
    assert b"rror" not in done.stderr  # no traceback, no "Exception ignored", no word of ours


@needs_dev_full
@pytest.mark.parametrize("lines", [1, 20_000])
def test_output_that_is_lost_on_a_full_disk_is_reported_when_the_work_is_done(tmp_path: Path, lines: int) -> None:
    done = printing(tmp_path, lines, '"$@" >/dev/full')
    assert done.returncode == 1
    assert (tmp_path / "done").read_text() == "finished"
    assert done.stderr.splitlines()[-1].startswith(b"tinygrad-lstm: the output is not complete: ")
    assert b"Traceback" not in done.stderr


def test_after_the_block_the_streams_are_the_ones_before_and_still_open() -> None:
    before = sys.stdout, sys.stderr
    with lasting_output():
        assert (sys.stdout is before[0]) == (not isinstance(before[0], io.TextIOWrapper))
        print("inside")
    assert (sys.stdout, sys.stderr) == before
    print("after")


def test_streams_that_are_no_files_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = io.StringIO()
    monkeypatch.setattr(sys, "stdout", notebook)
    with lasting_output():
        print(HARD)
    assert notebook.getvalue() == f"{HARD}\n"


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO, errno.ENOSPC])
def test_after_the_first_refusal_nothing_is_tried_again(number: int) -> None:
    class Refusing(io.RawIOBase):
        tried = 0

        def write(self, data: object) -> int:
            self.tried += 1
            raise OSError(number, os.strerror(number))

    raw = Refusing()
    stream = LastingStream(raw)
    assert [stream.write(b"abc"), stream.write(b"de")] == [3, 2]
    assert raw.tried == 1
    assert stream.refusal is not None
    assert stream.refusal.errno == number
