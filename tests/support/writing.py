"""Files to write in tests, in both ways in which they are kept out of sight, also as another user."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinygrad_lstm.files import whole_file

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture(name="scheme", params=["nameless", "named"])
def scheme_of_writing(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a file is kept out of sight until it is whole: as on Linux, and as elsewhere."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    else:
        try:
            os.close(os.open(tmp_path, os.O_TMPFILE | os.O_WRONLY))
        except (AttributeError, OSError):
            pytest.skip("no files without a name here")
    return str(request.param)


@pytest.fixture(name="open_folder")
def folder_for_all() -> Iterator[Path]:
    """A folder that every user may write; afterwards this process is again who it was."""
    user, group = os.geteuid(), os.getegid()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    os.seteuid(user)
    os.setegid(group)
    shutil.rmtree(folder)


def become_nobody() -> None:
    os.setegid(65534)
    os.seteuid(65534)


def write(path: str | Path, content: bytes = b"new") -> None:
    with whole_file(path) as file:
        file.write(content)
