"""Reading a zip archive with every check: each byte belongs to a known part, and what is written twice agrees.

    member      a header, the name, extra fields, the content, and from some programs a descriptor
    ...
    directory   an entry for each member: its header once more, and where it begins
    end         how many entries there are, where the directory begins, a comment

The module zipfile reads what is needed to unpack a file and skips the rest, so a wrong byte there goes unnoticed. Here
it does not; and no memory is taken before the sizes in the file agree with each other and with the file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO, TypeAlias
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile

import numpy as np

from tinygrad_lstm.errors import WeightsError

HEADER = struct.Struct("<4s5H3L2H")  # signature, what ENTRY has from version to extra
ENTRY = struct.Struct("<4sH5H3L2H3H2L")  # signature, made by, ..., comment, disk, attributes (2), where it begins
END = struct.Struct("<4s4H2LH")  # signature, disks (2), entries (2), size of the directory, where it begins, comment
END64 = struct.Struct("<4sQ2H2L4Q")  # the same in more digits: for more than 4 GB or 65,535 members
LOCATOR = struct.Struct("<4sLQL")  # where END64 begins
LONGEST_END = END.size + 0xFFFF
CHUNK = 1 << 18

EFFORT, DESCRIBED, UTF8 = 0b110, 1 << 3, 1 << 11  # flags: how hard it was deflated; sizes come after; UTF-8 name
ZIP64 = 1  # the extra field of sizes that need more than 32 bits
FULL = 0xFFFFFFFF  # what stands in their place

Extra: TypeAlias = dict[int, bytes]


@dataclass(frozen=True)
class Member:
    """What the directory says of one member, after its header has said the same.

    ``frame`` is all of it that nothing depends on: versions, attributes, comment, extra fields. Of its header: version
    needed, extra fields, what is left of that of ZIP64 and of all; of its entry: version made by and needed, attributes
    within and without, extra fields and what is left as before, comment.
    """

    name: str
    method: int
    crc: int
    packed: int  # bytes in the file
    size: int  # bytes when unpacked
    start: int
    frame: tuple[Any, ...]


class Archive:
    """The members of a zip archive in the order of its directory.

    ``frame`` is what nothing depends on: the comment, and in a wide end the versions made by and needed.

    Raises BadZipFile for a file that is no zip archive or does not agree with itself, and WeightsError for one that is
    encrypted, or compressed as NumPy never does.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, 2)
        begins, directory, count, self.frame = self._end()
        entries = list(_entries(directory, begins))
        if len(entries) != count:
            raise BadZipFile(f"its directory has {len(entries)} entries and should have {count}")
        seams = [*(entry.begins for entry in entries), begins]
        if seams[0] != 0:
            raise BadZipFile("there is something before its first member")
        if any(end <= start for start, end in pairwise(seams)):
            raise BadZipFile("its members overlap, or are not in the order of its directory")
        self.members = [self._member(entry, end) for entry, end in zip(entries, seams[1:], strict=True)]

    def chunks(self, member: Member) -> Iterator[bytes]:
        """A member's content piece by piece; BadZipFile at its end if it is not what was saved."""
        crc = size = 0
        for chunk in self._unpack(member):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            if size > member.size:
                break
            yield chunk
        if size != member.size:
            raise BadZipFile(f"{member.name} has not the size that it claims, {member.size} bytes")
        if crc != member.crc:
            raise BadZipFile(f"{member.name} is damaged: its CRC-32 is another")

    def content(self, member: Member) -> np.ndarray:
        """All of a member's content as bytes in an array."""
        whole, at = np.empty(member.size, np.uint8), 0
        for chunk in self.chunks(member):
            whole[at : at + len(chunk)] = np.frombuffer(chunk, np.uint8)
            at += len(chunk)
        return whole

    def _end(self) -> tuple[int, bytes, int, tuple[Any, ...]]:
        """Where the directory begins, its bytes, how many entries it should have, and the archive's frame."""
        self.file.seek(max(0, self.size - LONGEST_END))
        tail = self.file.read()
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) - at < END.size:
            raise BadZipFile("it has no end of a zip archive")
        _, disk, disk_too, here, count, length, begins, comment = END.unpack_from(tail, at)
        if at + END.size + comment != len(tail):
            raise BadZipFile("there is something after its end")
        end, versions = self.size - len(tail) + at, tuple[int, ...]()
        if at >= LOCATOR.size and tail[at - LOCATOR.size : at].startswith(b"PK\6\7"):
            short = disk, disk_too, here, count, length, begins
            end, versions, wide = self._end64(end - LOCATOR.size)
            full = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, FULL, FULL)
            if any(a not in (b, most) for a, b, most in zip(short, wide, full, strict=True)):
                raise BadZipFile("its two ends do not agree")
            disk, disk_too, here, count, length, begins = wide
        if disk or disk_too or here != count or begins + length != end:
            raise BadZipFile("its end and its directory do not agree")
        self.file.seek(begins)
        return begins, self.file.read(length), count, (tail[at + END.size :], *versions)

    def _end64(self, locator: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """Where the wide end begins, its versions, and what it says in the order of the short one."""
        self.file.seek(max(0, locator - END64.size))
        record = self.file.read(END64.size)
        _, disk, begins, disks = LOCATOR.unpack(self.file.read(LOCATOR.size))
        signature, length, made, needed, end_disk, end_disk_too, here, count, size, directory = END64.unpack(record)
        if (signature, length, disk, disks, begins) != (b"PK\6\6", END64.size - 12, 0, 1, locator - END64.size):
            raise BadZipFile("its wide end is damaged")
        return begins, (made, needed), (end_disk, end_disk_too, here, count, size, directory)

    def _member(self, entry: _Entry, end: int) -> Member:
        """The member that an entry is about, whose bytes end where the next one's begin."""
        self.file.seek(entry.begins)
        signature, *fields, name_length, extra_length = HEADER.unpack(self.file.read(HEADER.size))
        name, (extra, extra_rest) = self.file.read(name_length), _extra(self.file.read(extra_length))
        version, flags, method, *when, crc, packed, size = fields
        (size, packed), rest = _wide((size, packed), extra.pop(ZIP64, b""))
        described = bool(flags & DESCRIBED)
        sizes = [(entry.crc, entry.packed, entry.size)] + described * [(0, 0, 0)]
        same = (name, flags, method, when) == (entry.name, entry.flags, entry.method, entry.when)
        if signature != b"PK\3\4" or not same or (crc, packed, size) not in sizes:
            raise BadZipFile("a header of a member and its entry in the directory do not agree")
        label = entry.name.decode("utf-8" if flags & UTF8 else "cp437")
        start = entry.begins + HEADER.size + name_length + extra_length
        gap = end - start - entry.packed
        self.file.seek(start + entry.packed)
        if gap < 0 or gap > 24 or self.file.read(gap) not in (_descriptors(entry) if described else [b""]):
            raise BadZipFile(f"the members around {label} overlap, or there is something between them")
        if flags & ~(EFFORT | DESCRIBED | UTF8) or method not in (ZIP_STORED, ZIP_DEFLATED):
            raise WeightsError(f"{label} is compressed as NumPy never does, or encrypted")
        frame = (version, extra, rest, extra_rest, *entry.frame)
        return Member(label, method, entry.crc, entry.packed, entry.size, start, frame)

    def _unpack(self, member: Member) -> Iterator[bytes]:
        """What a member's bytes unpack to, never much more than a chunk at once."""
        self.file.seek(member.start)
        left, inflater = member.packed, zlib.decompressobj(-zlib.MAX_WBITS)
        while left:
            chunk = self.file.read(min(left, CHUNK))
            if not chunk:
                raise BadZipFile("it became shorter while it was read")
            left -= len(chunk)
            if member.method == ZIP_STORED:
                yield chunk
                continue
            while chunk and not inflater.eof:
                yield inflater.decompress(chunk, CHUNK)
                chunk = inflater.unconsumed_tail
            if inflater.eof and (left or inflater.unused_data):
                raise BadZipFile(f"there is something after the end of {member.name}")
        while member.method == ZIP_DEFLATED and not inflater.eof:
            rest = inflater.decompress(b"", CHUNK)
            if not rest:
                raise BadZipFile(f"{member.name} ends too early")
            yield rest


@dataclass(frozen=True)
class _Entry:
    """An entry of the directory."""

    name: bytes
    flags: int
    method: int
    when: list[int]
    crc: int
    packed: int
    size: int
    begins: int
    frame: tuple[Any, ...]


def _entries(directory: bytes, most: int) -> Iterator[_Entry]:
    """The entries of a directory, which begin before ``most`` and fill it to its last byte."""
    at = 0
    while at < len(directory):
        if len(directory) - at < ENTRY.size:
            raise BadZipFile("its directory ends too early")
        signature, made, version, flags, method, *when, crc, packed, size, n, x, c, disk, internal, external, begins = (
            ENTRY.unpack_from(directory, at)
        )
        at += ENTRY.size
        name, extra_bytes, comment = directory[at : at + n], directory[at + n : at + n + x], directory[at + n + x :][:c]
        at += n + x + c
        extra, extra_rest = _extra(extra_bytes)
        (size, packed, begins), rest = _wide((size, packed, begins), extra.pop(ZIP64, b""))
        if signature != b"PK\1\2" or disk or at > len(directory) or begins + packed > most:
            raise BadZipFile("its directory is damaged")
        frame = (made, version, internal, external, extra, rest, extra_rest, comment)
        yield _Entry(name, flags, method, when, crc, packed, size, begins, frame)


def _extra(data: bytes) -> tuple[Extra, bytes]:
    """Extra fields by their numbers, and what is left over."""
    fields: Extra = {}
    while len(data) >= 4:
        number, length = struct.unpack_from("<2H", data)
        if 4 + length > len(data) or number in fields:
            raise BadZipFile("an extra field is damaged")
        fields[number], data = data[4 : 4 + length], data[4 + length :]
    return fields, data


def _wide(values: tuple[int, ...], field: bytes) -> tuple[list[int], bytes]:
    """Sizes, those that did not fit into 32 bits from the extra field; and what is left of the field."""
    found = []
    for value in values:
        if value == FULL and len(field) >= 8:
            (value,), field = struct.unpack_from("<Q", field), field[8:]
        found.append(value)
    return found, field


def _descriptors(entry: _Entry) -> list[bytes]:
    """What may stand after a member whose sizes were not known before: checksum and sizes, in 32 or 64 bits."""
    fields = entry.crc, entry.packed, entry.size
    forms = [struct.pack("<L2Q", *fields)] + [struct.pack("<3L", *fields)] * (max(fields) <= FULL)
    return [signature + form for signature in (b"PK\7\x08", b"") for form in forms]
