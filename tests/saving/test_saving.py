"""Files: everything comes back as it was, whatever breaks leaves the old file whole, and nothing in a file is run."""

from __future__ import annotations

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
from tests.support.weights_files import assert_same
from tests.support.writing import become_nobody, folder_for_all, needs_root  # noqa: F401  # one is a fixture
from tinygrad_lstm import nn, optim
from tinygrad_lstm.errors import WeightsError

DTYPES = ["bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float16", "float32", "float64"]
SUFFIXES = [".npz", ".safetensors"]


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A place for a file of either kind."""
    return tmp_path / f"file{request.param}"


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


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(obj=st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_nested_value_comes_back_as_it_was(obj: dict[Any, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for suffix in SUFFIXES:
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


def test_neither_kind_of_file_needs_another_package(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("safetensors", "safetensors.numpy", "ml_dtypes"):
        monkeypatch.setitem(sys.modules, name, None)
    tg.save({"a": np.ones(3)}, path)
    assert_same(tg.load(path), {"a": np.ones(3)})


def test_saving_keeps_rights_and_links(path: Path) -> None:
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path)
    tg.save({"a": 1}, link)
    path.chmod(0o600)
    tg.save({"a": 2}, link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert tg.load(path) == tg.load(link) == {"a": 2}


def test_members_that_are_not_large_have_no_wide_headers(tmp_path: Path) -> None:
    """Python before 3.11.4 wrote wide headers that contradict themselves, so the same file in every Python has none."""
    tg.save({"a": np.ones(3)}, tmp_path / "w.npz")
    with zipfile.ZipFile(tmp_path / "w.npz") as archive:
        assert [(info.extract_version, info.extra) for info in archive.infolist()] == [(20, b"")] * 2
        starts = [info.header_offset for info in archive.infolist()]
    raw = (tmp_path / "w.npz").read_bytes()
    assert [raw[start + 4 : start + 6] + raw[start + 28 : start + 30] for start in starts] == [b"\x14\0\0\0"] * 2
