"""Files of Keras: weights alone, older layouts and versions, and files that mean harm or are damaged."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.keras_models import MARKS, B, D, H, T, h5py, k, keras, randomised
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.keras import files

pytestmark = MARKS
DEMAND = 1 << 40  # numbers


def changed(path: Path, **members: bytes) -> Path:
    """The zip with other members in the place of those of these names, without their endings; None for none."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if (content := members.get(name.partition(".")[0], content)) is not None:
                archive.writestr(name, content)
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_weights_by_the_name_of_the_layer(suffix: str, tmp_path: Path) -> None:
    model = randomised(
        k.LSTM(H, return_sequences=True, name="lower"), k.Bidirectional(k.GRU(3, return_sequences=True), name="both"),
        k.LSTM(2, return_sequences=True, name="upper"), k.TimeDistributed(k.Dense(2), name="head"),
    )  # fmt: skip
    path = tmp_path / f"model{suffix}"
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    found = interop.keras.read_weights(path)
    assert list(found) == sorted(["lower", "both", "upper", "head"], key=list(found).index)
    for layer in model.layers:
        for one, other in zip(found[layer.name], layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    ours = nn.LSTM(D, H, batch_first=True)
    interop.keras.set_weights(ours, found["lower"])
    x = np.random.default_rng(2).normal(size=(B, T, D)).astype(np.float32)
    np.testing.assert_allclose(ours(x)[0].data, np.asarray(model.layers[0](x)), rtol=1e-5, atol=1e-6)


def old_weights(path: Path, weights: dict[str, list[np.ndarray]]) -> None:
    """Weights alone, as Keras 2 wrote them; the names of one layer in pieces, as it did for long lists."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            group, names = file.create_group(name), [f"{name}/part_{j}:0" for j in range(len(arrays))]
            for own, array in zip(names, arrays, strict=True):
                group[own] = array
            if name == "pieces":
                group.attrs["weight_names0"], group.attrs["weight_names1"] = names[:1], names[1:]
            else:
                group.attrs["weight_names"] = np.array(names, "S")


def test_weights_alone_of_older_versions(tmp_path: Path) -> None:
    wanted = {"lstm_1": randomised(k.LSTM(H)).get_weights(), "pieces": randomised(k.GRU(H)).get_weights()}
    old_weights(tmp_path / "old.h5", wanted)
    found = interop.keras.read_weights(tmp_path / "old.h5")
    for name, arrays in wanted.items():
        for one, other in zip(found[name], arrays, strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(WeightsError, match=r"holds weights alone.*read_weights"):
        interop.keras.load(tmp_path / "old.h5")


def to_cudnn(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, gates: int) -> list[np.ndarray]:
    """Keras 2's ``_convert_rnn_weights``, from its LSTM or GRU to the layer for cuDNN."""

    def each(array: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return np.hstack([function(part) for part in np.hsplit(array, gates)])

    biases = np.tile(0.5 * bias, 2) if gates == 4 else np.array(bias).reshape(-1)
    return [
        each(kernel, lambda part: part.T.reshape(part.shape, order="C")),
        each(recurrent, lambda part: part.T),
        biases,
    ]


@pytest.mark.parametrize("sizes", [(4, 5), (5, 5), (1, 3)])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_lists_in_cudnns_layout(kind: str, both: bool, sizes: tuple[int, int]) -> None:
    layer = getattr(k, kind)(sizes[1])
    theirs = keras.Sequential([keras.Input((None, sizes[0])), k.Bidirectional(layer) if both else layer])
    usual = [np.random.default_rng(7).normal(size=array.shape) for array in theirs.get_weights()]
    gates = 4 if kind == "LSTM" else 3
    parts = [usual[at : at + 3] for at in range(0, len(usual), 3)]
    stored = [array for kernel, recurrent, bias in parts for array in to_cudnn(kernel, recurrent, bias, gates)]
    ours, wanted = (getattr(nn, kind)(*sizes, bidirectional=both, dtype=float) for _ in range(2))
    interop.keras.set_weights(ours, stored)
    interop.keras.set_weights(wanted, usual)
    for one, other in zip(ours.parameters(), wanted.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data)


@pytest.mark.parametrize(
    ("version", "straight"), [("2.2.4", 0.2), ("2.15.0", 0.2), ("3.0.0", 1 / 6), ("3.15.1", 1 / 6)]
)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_the_version_says_which_hard_sigmoid_it_is(version: str, straight: float, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    randomised(
        k.LSTM(H, recurrent_activation="hard_sigmoid", return_sequences=True), k.Activation("hard_sigmoid")
    ).save(path)
    if suffix == ".keras":
        changed(path, metadata=json.dumps({"keras_version": version}).encode())
    else:
        with h5py.File(path, "a") as file:
            file.attrs["keras_version"] = version
    lstm, _, hard = interop.keras.load(path)
    assert lstm.layers[0].gate == ("hard_sigmoid" if straight == 0.2 else "hard_sigmoid_6")
    np.testing.assert_allclose(hard(np.array([1.0])).data, 0.5 + straight)


def test_a_file_without_a_version_is_of_the_first_ones(tmp_path: Path) -> None:
    randomised(k.LSTM(H, recurrent_activation="hard_sigmoid")).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        del file.attrs["keras_version"]
    assert interop.keras.load(tmp_path / "model.h5")[0].layers[0].gate == "hard_sigmoid"


# Harm and damage ------------------------------------------------------------------------------------------------------


def outside(folder: Path) -> Path:
    """Another file, whose numbers are not to be read."""
    with h5py.File(folder / "secret.h5", "w") as file:
        file["0"] = np.ones((D, 4 * H), np.float32)
    np.ones((D, 4 * H), np.float32).tofile(folder / "secret.bin")
    return folder


HARM: dict[str, tuple[Callable[[Any, Path], None], str]] = {
    "an external link": (
        lambda cell, folder: cell.__setitem__("0", h5py.ExternalLink(folder / "secret.h5", "/0")), "0 is a link to else"
    ),
    "a soft link": (lambda cell, folder: cell.__setitem__("0", h5py.SoftLink("/layers")), "0 is a link to elsewhere"),
    "numbers in another file": (
        lambda cell, folder: cell.create_dataset(
            "0", (D, 4 * H), "f4", external=[(folder / "secret.bin", 0, h5py.h5f.UNLIMITED)]
        ) and None,
        "are in another file",
    ),
    "a view of another file": (
        lambda cell, folder: cell.create_virtual_dataset("0", view(folder)) and None, "are in another file",
    ),
    "a bomb": (
        lambda cell, folder: cell.create_dataset("0", (DEMAND,), "f4", chunks=(1024,)) and None, "is not read"
    ),
    "words": (lambda cell, folder: cell.create_dataset("0", data=[b"abc"]) and None, r"real numbers, but .* is object"),
    "another shape": (
        lambda cell, folder: cell.create_dataset("0", data=np.ones((D, 7))) and None, r"have the shapes \[\(4, 20\)"
    ),
    "nothing": (lambda cell, folder: None, "no whole file"),
}  # fmt: skip


def view(folder: Path) -> Any:
    layout = h5py.VirtualLayout((D, 4 * H), "f4")
    layout[:] = h5py.VirtualSource(folder / "secret.h5", "0", (D, 4 * H))
    return layout


@pytest.mark.parametrize("name", HARM)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_that_mean_harm(name: str, suffix: str, tmp_path: Path) -> None:
    harm, said = HARM[name]
    path = tmp_path / f"model{suffix}"
    randomised(k.LSTM(H)).save(path)
    place, member = "layers/lstm/cell/vars", "0"
    with zipfile.ZipFile(path) if suffix == ".keras" else contextlib.nullcontext() as archive:
        content: Any = io.BytesIO(archive.read("model.weights.h5")) if archive else path
    with h5py.File(content, "a") as file:
        if suffix == ".h5":
            group = next(iter(file["model_weights"].values()))
            place, member = (
                f"model_weights{group.name.removeprefix('/model_weights')}",
                str(group.attrs["weight_names"][0]),
            )
            group.attrs["weight_names"] = ["0", *map(str, group.attrs["weight_names"][1:])]
            del group[member]
        else:
            del file[place][member]
        harm(file[place], outside(tmp_path))
    if suffix == ".keras":
        changed(path, model=content.getvalue())
    with pytest.raises(WeightsError, match=said):
        interop.keras.load(path)


def test_members_that_unpack_to_too_much_or_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.keras"
    randomised(k.LSTM(H)).save(path)
    changed(path, config=b" " * (1 << 22))
    monkeypatch.setattr(files, "SMALL", 1 << 20)
    with pytest.raises(WeightsError, match=r"unpacks to [\d,]+ bytes: more than 1,048,576"):
        interop.keras.load(path)
    for member in ("config", "metadata", "model"):
        randomised(k.LSTM(H)).save(path)
        with pytest.raises(WeightsError, match="no whole file of a Keras model"):
            interop.keras.load(changed(path, **{member: None}))  # type: ignore[arg-type]  # None for none


def test_sizes_that_are_only_said_are_not_made(tmp_path: Path) -> None:
    """units=10**7 of a layer with 5: nothing of 10**14 numbers is tried."""
    path = tmp_path / "model.keras"
    randomised(k.LSTM(H)).save(path)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    with pytest.raises(WeightsError, match=r"units=10000000, but its recurrent kernel is \(5, 20\)"):
        interop.keras.load(changed(path, config=config.replace('"units": 5', '"units": 10000000').encode()))


def test_names_lead_nowhere_outside(tmp_path: Path) -> None:
    """Members of a zip and names of weights that look like paths: none of them is written or followed."""
    path = tmp_path / "folder" / "model.keras"
    path.parent.mkdir()
    randomised(k.LSTM(H)).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../escaped.txt", b"out")
    interop.keras.load(path)
    assert not (tmp_path / "escaped.txt").exists()
    weights = {"lstm": randomised(k.LSTM(H)).get_weights()}
    old_weights(tmp_path / "old.h5", weights)
    with h5py.File(tmp_path / "old.h5", "a") as file:
        file["lstm"].attrs["weight_names"] = ["../../secret", "/etc/passwd", "lstm/part_0:0"]
    with pytest.raises(WeightsError, match="no whole file of a Keras model"):
        interop.keras.read_weights(tmp_path / "old.h5")


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_damaged_bytes_are_an_error_or_weights(suffix: str, tmp_path: Path) -> None:
    model = randomised(k.LSTM(H), k.Dense(2))
    path = tmp_path / f"model{suffix}"
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(60):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=4):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(whole) // 2, len(whole) + 1)])
        for read in (interop.keras.read_weights, interop.keras.load):
            try:
                read(path)
            except WeightsError:
                refused += 1
    assert refused > 60  # of 120 tries
