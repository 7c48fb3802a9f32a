"""Writing a file completely or not at all: for weights, models, pictures and pages.

The bytes go into a new file in the same folder, then to the disk, and then the new file replaces the old one. Where the
system allows it (Linux, on most file systems), the new file has no name until it is complete, so a process that is
killed leaves nothing behind. Elsewhere it has a name, and a lock that ends with its process. The next write into the
folder removes the unfinished files of this host's dead processes: none that is locked, and none of another host.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tinygrad_lstm.errors import ArgumentError, DtypeError

if sys.platform != "win32":
    import fcntl

PREFIX, SUFFIX = ".tinygrad_lstm-", ".part"  # without the target's name: that may be as long as names can be
DESCRIPTORS = "/proc/self/fd"  # where a file without a name can be linked from
ACL = "system.posix_acl_access"  # rights of single users and groups, an extended attribute on Linux


def file_path(path: object) -> Path:
    """The path that a caller gives; DtypeError if it is not a path, ArgumentError if no file can have it."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise DtypeError(f"a path is a str or a Path, not a {type(path).__name__}")
    try:
        named = bool(text) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        named = False
    if not named:
        raise ArgumentError(f"no file can have the path {text!r}")
    return Path(text)


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file to write: it is at ``path`` when the block ends, and nowhere if the block raises.

    A link stays, and its target is replaced. An existing file keeps its owner, group and rights as far as the system
    allows; a new one has those of the umask. Other names of the same file (hard links) keep the old content. A file
    that ``open(path, "wb")`` may not write is not replaced.

    Raises OSError, with ``path`` in it, where the system refuses; DtypeError or ArgumentError for what is not a path.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "notes.txt"
    >>> with whole_file(path) as file:
    ...     written = file.write(b"whole"), path.exists()
    >>> written, path.read_bytes()
    ((5, False), b'whole')
    >>> folder.cleanup()
    """
    named = file_path(path)
    target = Path(os.path.realpath(named))  # through links: they stay
    try:
        old = _find_old(target)
        _remove_leftovers(target.parent)
        file, part = _open_new(target.parent, 0o600 if old else 0o666)
        try:
            with file:
                yield file
                file.flush()
                if old:
                    _inherit(file.fileno(), target, old)
                os.fsync(file.fileno())
                if not part.exists():  # it has no name yet
                    os.link(f"{DESCRIPTORS}/{file.fileno()}", part, src_dir_fd=file.fileno(), follow_symlinks=True)
                if sys.platform == "win32":
                    file.close()  # an open file cannot be moved there
                os.replace(part, target)
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        _sync(target.parent)
    except OSError as error:
        ours = error.filename is None or Path(error.filename) == target or Path(error.filename).name.startswith(PREFIX)
        if error.errno is None or not ours:
            raise
        raise OSError(error.errno, error.strerror, str(named)) from error  # its class follows from the number


def _prefix() -> str:
    """How the names of this host's unfinished files begin."""
    return PREFIX if sys.platform == "win32" else f"{PREFIX}{os.uname().nodename}-"


def _find_old(target: Path) -> os.stat_result | None:
    """The file that will be replaced, if it exists; OSError if it may not be written, or is not a regular file."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(old.st_mode):
        number = errno.EISDIR if stat.S_ISDIR(old.st_mode) else errno.EINVAL
        raise OSError(number, "it is a folder" if number == errno.EISDIR else "it is no plain file", str(target))
    os.close(os.open(target, os.O_WRONLY))
    return old


def _open_new(folder: Path, mode: int) -> tuple[BinaryIO, Path]:
    """A new, locked file, and its name: the one it has, or the one it gets later where a file can be without a name.

    A name is never used again: else a process that takes the first file for a leftover could remove the second.
    """
    while True:
        part = folder / f"{_prefix()}{os.urandom(8).hex()}{SUFFIX}"
        if hasattr(os, "O_TMPFILE") and os.path.isdir(DESCRIPTORS):
            with contextlib.suppress(OSError):  # the kernel can, this file system cannot
                nameless = os.fdopen(os.open(folder, os.O_TMPFILE | os.O_WRONLY, mode), "wb")
                _lock(nameless)
                return nameless, part
        file = open(part, "xb", opener=partial(os.open, mode=mode))  # noqa: SIM115  # it is handed on
        _lock(file)
        if os.fstat(file.fileno()).st_nlink:
            return file, part
        file.close()  # another process took it for a leftover before it was locked, and removed it: try again


def _lock(file: BinaryIO) -> None:
    """Show other processes that the file has a living writer; the system takes the lock away with the process."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # no locks on this file system: then leftovers stay
            fcntl.flock(file, fcntl.LOCK_EX)


def _remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of this host's dead processes: those without a lock."""
    if sys.platform == "win32":
        return
    own = _prefix()
    with contextlib.suppress(OSError):  # a folder that we may write, but not list
        for name in os.listdir(folder):
            if name.startswith(own) and name.endswith(SUFFIX):
                with contextlib.suppress(OSError), open(folder / name, "rb+") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    (folder / name).unlink()


def _inherit(handle: int, target: Path, old: os.stat_result) -> None:
    """Give the new file the owner, group and rights of the old one, and never rights to a group that had none."""
    if sys.platform == "win32":
        return
    mode = stat.S_IMODE(old.st_mode)
    with contextlib.suppress(OSError):  # only root gives files away
        os.fchown(handle, old.st_uid, -1)
    try:
        os.fchown(handle, -1, old.st_gid)
    except OSError:
        mode &= ~stat.S_IRWXG
    with contextlib.suppress(OSError):  # a file system without rights
        os.fchmod(handle, mode)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # it has none, as nearly all
            os.setxattr(handle, ACL, os.getxattr(target, ACL))


def _sync(folder: Path) -> None:
    """Make sure that the folder's list of names is on the disk too."""
    with contextlib.suppress(OSError):  # not every system opens folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
