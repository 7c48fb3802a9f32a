"""Files: everything comes back as it was, whatever breaks leaves the old file whole, and nothing in a file is run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import struct
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy
import hypothesis.strategies as st
import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn, optim, saving
from tinygrad_lstm.errors import MissingExtraError, TinygradError, WeightsError

DTYPES = ["bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float16", "float32", "float64"]
SUFFIXES = [".npz", ".safetensors"]


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A place for a file of either kind."""
    if request.param == ".safetensors":
        pytest.importorskip("safetensors")
    return tmp_path / f"file{request.param}"


def assert_same(found: Any, expected: Any) -> None:
    """The same values of the same types, all the way down."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected or found != found != expected  # NaN


# What comes back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)], ids=str)
def test_arrays_of_every_dtype_and_shape(dtype: str, shape: tuple[int, ...], path: Path) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    tg.save({"a": array}, path)
    assert_same(tg.load(path), {"a": array})


@pytest.mark.parametrize(
    "array",
    [
        np.array([1 + 2j]),
        np.array(["höhe", ""]),
        np.array(["2026-01-01"], "M8[D]"),
        np.array([b"ab"]),
        np.array([1.5], ">f8"),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_that_only_npz_holds(array: np.ndarray, tmp_path: Path) -> None:
    tg.save({"a": array}, tmp_path / "x.npz")
    assert_same(tg.load(tmp_path / "x.npz"), {"a": array})


@pytest.mark.parametrize(
    "obj",
    [
        {},
        {"a": {}, "b": {"c": {}, "d": [], "e": ()}},
        {"none": None, "yes": True, "no": False, "zero": 0, "text": "héllo\n\ud800", "empty": ""},
        {
            "big": 10**40,
            "tiny": 5e-324,
            "inf": -np.inf.__float__(),
            "nan": float("nan"),
            "complex": 1 - 2j,
            "third": 1 / 3,
        },
        {0: np.ones(2), 1: {"m": np.zeros(3)}, -5: 1, "name": {7: "x"}},
        {"betas": (0.9, 0.999), "layers": [{"W": np.eye(2)}, {"W": np.eye(3)}, [np.ones(1), (np.zeros(0), None)]]},
        {"a": np.ones(1), "a.npy": np.zeros(2), "structure.json": np.ones(3), "file": np.ones(1), "allow_pickle": 1},
        {"layers.0.W": np.ones(2), "layers": {"0.W": np.zeros(1)}, "ö ü": np.ones(1), "dict": {"array": "list"}},
    ],
    ids=str,
)
def test_nested_values_come_back_as_they_were(obj: dict[Any, Any], path: Path) -> None:
    tg.save(obj, path)
    assert_same(tg.load(path), obj)


ARRAYS = hypothesis.extra.numpy.arrays(
    st.sampled_from(DTYPES), hypothesis.extra.numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
)
KEYS = st.integers() | st.text(min_size=1).filter(lambda key: key.isprintable() and "/" not in key and key.strip("."))
VALUES = st.recursive(
    ARRAYS | st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text(),
    lambda parts: st.lists(parts) | st.lists(parts).map(tuple) | st.dictionaries(KEYS, parts, max_size=4),
    max_leaves=8,
)


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(obj=st.dictionaries(KEYS, VALUES, max_size=4))
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_nested_value_comes_back_as_it_was(suffix: str, obj: dict[Any, Any]) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    with tempfile.TemporaryDirectory() as folder:
        try:
            tg.save(obj, f"{folder}/x{suffix}")
        except WeightsError as error:
            hypothesis.assume("two keys" not in str(error))  # 1 and "1"
            raise
        assert_same(tg.load(f"{folder}/x{suffix}"), obj)


def test_a_tensor_comes_back_as_its_array(path: Path) -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    tg.save({"w": w, "list": [w], "number": np.float64(3), "product": w * w}, path)
    array = np.array([1, 2], np.float32)
    assert_same(
        tg.load(path), {"w": array, "list": [array], "number": np.array(3.0), "product": np.array([1, 4], np.float32)}
    )


def test_arrays_in_any_order_of_memory(path: Path) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    for view in (array.T, array[:, ::-2], np.asfortranarray(array), array[..., 1]):
        tg.save({"a": view}, path)
        assert_same(tg.load(path), {"a": view})


def test_safetensors_are_little_endian(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    tg.save({"a": np.array([1.5, 2.0], ">f8")}, tmp_path / "x.safetensors")
    assert_same(tg.load(tmp_path / "x.safetensors"), {"a": np.array([1.5, 2.0])})


def test_modules_and_optimisers_as_their_states(path: Path) -> None:
    net = nn.LSTM(3, 4)
    adam = optim.Adam(net.parameters())
    net(np.ones((2, 1, 3)))[0].sum().backward()
    adam.step()
    tg.save({"net": net, "adam": adam, "step": 3}, path)
    assert_same(tg.load(path), {"net": net.state_dict(), "adam": adam.state_dict(), "step": 3})
    tg.save(net, path)
    assert_same(tg.load(path), net.state_dict())


def test_a_safetensors_file_is_read_by_others_and_theirs_by_us(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    tg.save({"net": {"W": np.eye(2)}, "step": 3}, tmp_path / "ours.safetensors")
    np.testing.assert_array_equal(numpy.load_file(tmp_path / "ours.safetensors")["net/W"], np.eye(2))
    numpy.save_file({"rnn.W": np.eye(2), "rnn.b": np.ones(2)}, tmp_path / "theirs.safetensors")
    assert_same(tg.load(tmp_path / "theirs.safetensors"), {"rnn.W": np.eye(2), "rnn.b": np.ones(2)})


def test_the_same_contents_are_the_same_bytes(path: Path) -> None:
    contents = []
    for _ in range(2):
        tg.save({"b": np.ones(3), "a": [1, np.zeros(2)]}, path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


# What cannot be saved -----------------------------------------------------------------------------------------------


def holds_itself() -> dict[str, Any]:
    obj: dict[str, Any] = {}
    obj["self"] = [obj]
    return obj


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ({"a": {"b": object()}}, "a/b is a object: only arrays"),
        ({"a": [1, {2, 3}]}, "a/1 is a set"),
        ({"a": b"bytes"}, "a is a bytes"),
        ({"a": np.array([None])}, "a is a ndarray"),
        ({"a": np.zeros(2, [("x", "f8")])}, "a is a ndarray"),
        ({"a/b": np.ones(1)}, "words without a slash, not 'a/b'"),
        ({"a": {"..": 1}}, r"not '\.\.'"),
        ({"": 1}, "not ''"),
        ({"a\0b": 1}, "not 'a"),
        ({True: 1}, "not True"),
        ({1.5: 1}, "not 1.5"),
        ({"a": {0: np.ones(1), "0": np.ones(1)}}, "two keys would both be a/0"),
        (holds_itself(), "nested too deep, or holds itself"),
        ([np.ones(1)], "not a list"),
        (tg.tensor([1.0]), "not a Tensor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_saved_is_refused_before_a_file_is_made(obj: Any, words: str, path: Path) -> None:
    with pytest.raises(WeightsError, match=words):
        tg.save(obj, path)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ({"a": np.ones(1, complex)}, "cannot hold a of complex128: save it as .npz"),
        ({"__metadata__": np.ones(1)}, "cannot hold __meta"),
    ],
)
def test_what_safetensors_cannot_hold(obj: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=words):
        tg.save(obj, tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.pkl", "x", "x.NPZ.gz", ".npz"])
def test_an_unknown_suffix_is_told_the_known_ones(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    for call in (lambda path: tg.save({"a": 1}, path), tg.load):
        with pytest.raises(WeightsError, match=r"end in \.npz or \.safetensors, not"):
            call(tmp_path / name)


def test_where_files_cannot_be(path: Path) -> None:
    with pytest.raises(WeightsError, match="no folder"):
        tg.save({"a": 1}, path.parent / "missing" / path.name)
    with pytest.raises(FileNotFoundError, match="file"):
        tg.load(path)
    path.mkdir()
    with pytest.raises(WeightsError, match="is a folder"):
        tg.save({"a": 1}, path)
    with pytest.raises(WeightsError, match="is a folder"):
        tg.load(path)
    path.rmdir()
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="no folder"):
        tg.save({"a": 1}, path / path.name)


def test_what_may_not_be_written_or_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(WeightsError, match=r"file\.\w+ cannot be written: Permission denied"):
        tg.save({"a": 1}, path)
    assert not list(path.parent.iterdir())
    monkeypatch.undo()
    tg.save({"a": 1}, path)
    monkeypatch.setitem(saving.FORMATS, path.suffix, (refuse, refuse))
    with pytest.raises(WeightsError, match=r"file\.\w+ cannot be read: Permission denied"):
        tg.load(path)


def test_a_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    path = tmp_path / "x.safetensors"
    with pytest.raises(MissingExtraError, match=r'pip install "tinygrad-lstm\[io\]"'):
        tg.save({"a": 1}, path)
    assert not list(tmp_path.iterdir())
    path.write_bytes(b"")
    with pytest.raises(MissingExtraError) as error:
        tg.load(path)
    assert isinstance(error.value, TinygradError | ImportError)
    assert "\n" not in str(error.value)


# Crashes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_crash_while_saving_leaves_the_old_file_whole(
    error: BaseException, where: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tg.save({"a": np.ones(3)}, path)

    def crash(file: Any, *_: Any) -> None:
        if where == "write":
            file.write(b"half of it")
        raise error

    if where == "write":
        monkeypatch.setitem(saving.FORMATS, path.suffix, (crash, saving.FORMATS[path.suffix][1]))
    else:
        monkeypatch.setattr(os, where, crash)
    with pytest.raises(type(error)):
        tg.save({"a": np.zeros(3)}, path)
    assert tg.load(path)["a"].tolist() == [1, 1, 1]
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_in_place_before_it_is_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(file: int) -> None:
        done.append("fsync")
        fsync(file)

    def noted_replace(source: Path, target: Path) -> None:
        done.append(f"replace from the same folder: {source.parent == target.parent}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    tg.save({"a": 1}, path)
    assert done == ["fsync", "replace from the same folder: True"]


# Broken and hostile files -------------------------------------------------------------------------------------------


def test_a_truncated_file_is_refused(path: Path) -> None:
    tg.save({"a": np.random.default_rng(0).normal(size=50), "b": [1, "x"]}, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=rf"{path.name} is not a whole {path.suffix} file"):
            tg.load(path)


def test_wrong_bytes_are_refused_or_read(path: Path) -> None:
    tg.save({"a": np.arange(20), "b": {"c": np.eye(2), "d": [1, (2.5, None)]}}, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(400):
        broken = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 4)):
            broken[place] = rng.integers(256)
        path.write_bytes(broken)
        with contextlib.suppress(WeightsError):
            tg.load(path)


def test_a_wrong_byte_in_an_array_of_an_npz_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    tg.save({"a": np.arange(2000.0)}, path)
    broken = bytearray(path.read_bytes())
    broken[9000] ^= 1
    path.write_bytes(broken)
    with pytest.raises(WeightsError, match="CRC"):
        tg.load(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken", b"\x80\x04K\x01.", b"{}" * 100])
def test_a_file_of_another_kind_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"{path.name} is not a whole"):
        tg.load(path)


class Hostile:
    """What touches a file when unpickled."""

    def __init__(self, ran: Path) -> None:
        self.ran = ran

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.ran,)


def test_a_pickle_is_refused_and_not_run(path: Path) -> None:
    ran = path.parent / "ran"
    assert not ran.exists()
    pickle.loads(pickle.dumps(Hostile(ran)))
    assert ran.exists()  # this is what would happen
    ran.unlink()

    payload = np.array(Hostile(ran), dtype=object)
    with open(path, "wb") as file:
        np.savez(file, a=payload)
    with pytest.raises(WeightsError, match="Python objects" if path.suffix == ".npz" else "not a whole"):
        tg.load(path)
    path.write_bytes(pickle.dumps(Hostile(ran)))
    with pytest.raises(WeightsError):
        tg.load(path)
    buffer = io.BytesIO()
    np.save(buffer, payload, allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:  # as PyTorch's own files are
        archive.writestr("archive/data.pkl", pickle.dumps(Hostile(ran)))
        archive.writestr("a.npy", buffer.getvalue())
    with pytest.raises(WeightsError):
        tg.load(path)
    assert not ran.exists()


def npy(shape: str, descr: str = "<f8", data: bytes = b"") -> bytes:
    """An array's bytes with any header."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" + data


def archive(path: Path, members: dict[str, bytes], **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members.items():
            file.writestr(name, content)


EYE = npy("(1,)", data=bytes(8))
BAD_ARCHIVES: list[tuple[dict[str, bytes], str]] = [
    ({"a.npy": npy("(1000000000000,)")}, r"a\.npy claims the shape \(1000000000000,\), 8000000000\d+ bytes, but has"),
    ({"a.npy": npy("(3,)", data=bytes(32))}, "claims"),
    ({"a.npy": npy("(-1,)", data=bytes(8))}, "claims"),
    ({"a.npy": npy("(1,)", "|O")}, "Python objects"),
    ({"a.npy": npy("__import__('os').getcwd()")}, "not a whole"),
    ({"a.npy": b"\x93NUMPY\x09\x00" + bytes(100)}, "not a whole"),
    ({"a.npy": b"not an array at all"}, "not a whole"),
    ({"a.txt": b"text"}, "not a whole"),
    ({"/etc/passwd.npy": EYE}, "no name of an array"),
    ({"../../a.npy": EYE}, "no name of an array"),
    ({"a//b.npy": EYE}, "no name of an array"),
    ({"a.npy": EYE, "a/b.npy": EYE}, "a is an array, and a/b is inside of it"),
    ({"a/b.npy": EYE, "a.npy": EYE}, "a is an array, and there are arrays inside of it"),
    ({"a.npy": EYE, "structure.json": b"{"}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b"\xff"}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b"[" * 100_000}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b"{}"}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b"3"}, "structure is no dict"),
    ({"structure.json": b"3"}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b'{"dict": []}'}, "leaves out a"),
    ({"a.npy": EYE, "structure.json": b'{"dict": [["a", {"array": "b"}]]}'}, "not a whole"),
    ({"a.npy": EYE, "structure.json": b'{"dict": [["a", {"eval": "b"}]]}'}, "not a whole"),
]


@pytest.mark.parametrize(("members", "words"), BAD_ARCHIVES)
def test_a_hostile_archive_is_refused(members: dict[str, bytes], words: str, tmp_path: Path) -> None:
    archive(tmp_path / "x.npz", members)
    before = set(Path.cwd().iterdir()), set(tmp_path.iterdir())
    with pytest.raises(WeightsError, match=words) as error:
        tg.load(tmp_path / "x.npz")
    assert "x.npz" in str(error.value)
    assert (set(Path.cwd().iterdir()), set(tmp_path.iterdir())) == before


def test_an_honest_archive_made_by_hand_is_read(tmp_path: Path) -> None:
    archive(tmp_path / "x.npz", {"a/": b"", "a/b.npy": EYE}, compression=zipfile.ZIP_DEFLATED)
    assert_same(tg.load(tmp_path / "x.npz"), {"a": {"b": np.zeros(1)}})


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("a.npy", EYE)
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.npy", EYE)
    with pytest.raises(WeightsError, match="twice"):
        tg.load(tmp_path / "x.npz")


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("a.npy", npy("(1000,)", data=bytes(8000)))
        file.filelist += file.filelist * 9
    with pytest.raises(WeightsError, match="overlap"):
        tg.load(tmp_path / "x.npz")


def test_a_bomb_of_another_compression_is_refused(tmp_path: Path) -> None:
    archive(tmp_path / "x.npz", {"a.npy": npy("(10000,)", data=bytes(80_000))}, compression=zipfile.ZIP_LZMA)
    with pytest.raises(WeightsError, match="compressed as NumPy never does"):
        tg.load(tmp_path / "x.npz")


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one(shape: list[int], *ends: int, dtype: str = "F64") -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": ends}}


BAD_SAFETENSORS: list[bytes] = [
    struct.pack("<Q", 2**63) + b"{}",
    struct.pack("<Q", 100) + b"{}",
    safetensors(b"{"),
    safetensors(b"[" * 100_000),
    safetensors([]),
    safetensors(one([10**12], 0, 8 * 10**12)),
    safetensors(one([10**12], 0, 8), bytes(8)),
    safetensors(one([1], 8, 16), bytes(16)),
    safetensors(one([1], -8, 0), bytes(8)),
    safetensors(one([1], 0, 8), bytes(16)),
    safetensors(one([1], 0, 8, dtype="PICKLE"), bytes(8)),
    safetensors({"__metadata__": {"structure.json": "3"}}),
    safetensors({"__metadata__": {"structure.json": 3}}),
]


@pytest.mark.parametrize("content", BAD_SAFETENSORS)
def test_a_bad_header_of_safetensors_is_refused(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.safetensors is not a whole"):
        tg.load(tmp_path / "x.safetensors")


def test_names_in_others_safetensors_are_looked_at_too(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    for name in ("../a", "/a", "a/"):
        numpy.save_file({name: np.ones(1)}, tmp_path / "x.safetensors")
        with pytest.raises(WeightsError, match="no name of an array"):
            tg.load(tmp_path / "x.safetensors")


# Into a module ------------------------------------------------------------------------------------------------------


@pytest.fixture
def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def test_all_that_does_not_fit_is_told_at_once_and_nothing_is_changed(net: nn.Sequential) -> None:
    before = net.state_dict()
    state: dict[str, Any] = {"0.W": np.ones((3, 2)), "0.b": np.ones(4), "1.b": np.array(["x"]), "2.W": 1.0}
    with pytest.raises(WeightsError) as error:
        net.load_state_dict(state)
    assert str(error.value).splitlines() == [
        "these weights do not fit Sequential:",
        "  missing: 1.W (1, 3)",
        "  unexpected: 2.W ()",
        "  mis-shaped: 0.b is (4,), should be (3,)",
        "  not real numbers: 1.b is <U1",
    ]
    with pytest.raises(WeightsError, match=r"mis-shaped: 0\.b"):
        net.load_state_dict({"0.W": np.ones((3, 2)), "0.b": np.ones(4)}, strict=False)
    with pytest.raises(WeightsError, match="a dict of arrays by name, not a list"):
        net.load_state_dict([np.ones(2)])  # type: ignore[arg-type]
    assert_same(net.state_dict(), before)


def test_without_strict_what_fits_is_loaded_and_the_rest_is_told(net: nn.Sequential) -> None:
    before = net.state_dict()
    keys = net.load_state_dict({"0.W": np.ones((3, 2)), "3.b": np.ones(4)}, strict=False)
    assert keys.missing_keys == ["0.b", "1.W", "1.b"]
    assert keys.unexpected_keys == ["3.b"]
    assert_same(net.state_dict(), before | {"0.W": np.ones((3, 2), np.float32)})


def test_a_module_has_its_own_copy_of_what_it_loads(net: nn.Sequential) -> None:
    state = net.state_dict()
    net.load_state_dict(state)
    state["0.W"][:] = 7
    assert not (net.state_dict()["0.W"] == 7).any()


def test_arguments_the_wrong_way_round_are_told() -> None:
    with pytest.raises(WeightsError, match="what to save and then a path, not a dict"):
        tg.save("weights.npz", {"a": np.ones(2)})  # type: ignore[arg-type]  # the point
