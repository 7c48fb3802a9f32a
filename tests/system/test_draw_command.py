"""``tinygrad-lstm draw`` and ``player`` as a user meets them: every cell, every kind of file, weights, wrong inputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.commands import command, piped, refused
from tests.support.writing import become_nobody, folder_for_all  # noqa: F401  # one is a fixture
from tinygrad_lstm import interop, nn

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")

from tinygrad_lstm.cli import draw
from tinygrad_lstm.cli.cells import CELLS, find_cell, new_layer, run_steps
from tinygrad_lstm.cli.weights import held_by_torch, read_layer
from tinygrad_lstm.errors import ArgumentError, WeightsError

BASES = {nn.Cell, nn.Gates, nn.LinearCell}


def test_every_cell_of_nn_has_a_name() -> None:
    classes = {value for value in vars(nn).values() if isinstance(value, type) and issubclass(value, nn.Cell)} - BASES
    assert {type(make(2, 4)) for make in CELLS.values()} == classes
    for name in CELLS:
        assert find_cell(name.upper()) == name
        assert find_cell(type(CELLS[name](2, 4)).__name__) == name


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_is_drawn_and_played(cell: str, tmp_path: Path) -> None:
    assert draw.draw(cell, 2, 3, "auto", tmp_path / "cell.svg", None, None, 0) == 0
    assert "<svg" in (tmp_path / "cell.svg").read_text("utf-8")
    assert draw.player(cell, 2, 3, tmp_path / "cell.html", None, None, 0) == 0
    assert "<script" in (tmp_path / "cell.html").read_text("utf-8")


def test_the_suffix_says_what_is_drawn(tmp_path: Path) -> None:
    for suffix, beginning in ((".svg", b"<"), (".PNG", b"\x89PNG"), (".pdf", b"%PDF"), (".html", b"<!doctype html>")):
        out = tmp_path / "new" / f"lstm{suffix}"
        done = command("draw", "lstm", "--steps", "2", "--hidden", "3", "--out", str(out))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("The gradient of L = ")
        assert done.stdout.splitlines()[-1] == str(out)
        assert out.read_bytes().startswith(beginning)
    assert "http://" not in (tmp_path / "new" / "lstm.html").read_text("utf-8").replace("http://www.w3.org", "")


def test_a_view_and_a_seed_change_the_picture_and_the_same_ones_do_not(tmp_path: Path) -> None:
    pictures = []
    for k, (view, seed) in enumerate([("cell", 0), ("cell", 0), ("op", 0), ("cell", 1)]):
        assert draw.draw("GRU", 2, 3, view, tmp_path / f"{k}.svg", None, None, seed) == 0
        pictures.append((tmp_path / f"{k}.svg").read_bytes())
    assert pictures[0] == pictures[1]
    assert len(set(pictures)) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["draw", "weather", "--out", "x.svg"], "error: no cell 'weather'; there are RNN, LSTM, GRU, Separate, Peep"),
        (["draw", "LSTM", "--out", "x.gif"], "error: --out x.gif: the file ends in .svg, .png, .pdf, .html"),
        (["draw", "LSTM", "--out", "x"], "error: --out x: the file ends in .svg"),
        (
            ["draw", "LSTM", "--view", "tree", "--out", "x.svg"],
            "error: no view 'tree'; there are auto, op, cell, strip",
        ),
        (["draw", "LSTM", "--out", "/dev/null/x.svg"], "error: cannot write to the folder /dev/null"),
        (["draw", "LSTM", "--weights", "no.npz", "--out", "x.svg"], "error: there is no file no.npz"),
        (["draw", "LSTM", "--layer", "l0", "--out", "x.svg"], "error: --layer names one of the cells in a file of --w"),
        (["draw", "Projected", "--hidden", "1", "--out", "x.svg"], "error: proj_size"),
        (["player", "weather", "--out", "x.html"], "error: no cell 'weather'; there are RNN"),
        (["player", "LSTM", "--out", "x.svg"], "error: --out x.svg: the file ends in .html"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    refused(said, *arguments, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_number_of_steps_below_one_is_refused(tmp_path: Path) -> None:
    for option in ("--steps", "--hidden"):
        done = command("draw", "LSTM", option, "0", "--out", "x.svg", folder=tmp_path)
        assert done.returncode == 2
        assert f"Invalid value for '{option}'" in done.stderr


def test_a_folder_that_may_not_be_written_to(open_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        become_nobody()
    out = open_folder / "out"
    out.mkdir(mode=0o555)
    assert draw.draw("LSTM", 2, 3, "auto", out / "x.svg", None, None, 0) == 2
    said = capsys.readouterr()
    assert "Permission denied" in said.err
    assert said.out == ""


def test_a_reader_that_leaves_does_not_stop_it(tmp_path: Path) -> None:
    done = piped("draw", "LSTM", "--out", "x.svg", reader="| true", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.svg").exists()


# Weights ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_weights_that_we_saved_are_drawn(cell: str, tmp_path: Path) -> None:
    layer = new_layer(cell, 3, 6, seed=5)
    tg.save({"a model": {"encoder": layer, "head": nn.Linear(6, 2)}}, tmp_path / "w.npz")
    read, there = read_layer(tmp_path / "w.npz", cell)
    assert there[0] == "a model.encoder.layers.0"
    assert len(there) == 1 or cell in ("MinGRU", "MinLSTM")  # their names, W and b, are those of nn.Linear too
    assert run_steps(read, 3)[0].item() == run_steps(layer, 3)[0].item()
    tg.save(CELLS[cell](3, 6), tmp_path / "w.safetensors")
    assert read_layer(tmp_path / "w.safetensors", cell)[1] == ["cell"]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_of_a_state_dict_are_drawn(kind: str, bias: bool, tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = getattr(torch.nn, kind)(3, 5, 2, bias=bias, bidirectional=True)
    state = {f"encoder.{name}": value.detach().numpy() for name, value in theirs.state_dict().items()}
    tg.save(state, tmp_path / "w.safetensors")
    layer, there = read_layer(tmp_path / "w.safetensors", kind, "encoder.l0_reverse")
    assert there == ["encoder.l0", "encoder.l0_reverse", "encoder.l1", "encoder.l1_reverse"]
    one = getattr(torch.nn, kind)(3, 5, bias=bias)
    one.load_state_dict({n[8:-8]: torch.from_numpy(a) for n, a in state.items() if n.endswith("l0_reverse")})
    x = np.random.default_rng(0).normal(size=(4, 1, 3)).astype(np.float32)
    np.testing.assert_allclose(layer(x)[0].data, one(torch.from_numpy(x))[0].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_cell_and_a_projection_of_pytorch_are_read(tmp_path: Path) -> None:
    tg.save(interop.torch.state_dict(nn.GRUCell(3, 5)), tmp_path / "cell.npz")
    assert read_layer(tmp_path / "cell.npz", "GRU")[1] == ["cell"]
    tg.save(interop.torch.state_dict(nn.LSTM(3, 5, proj_size=2)), tmp_path / "projected.npz")
    layer, _ = read_layer(tmp_path / "projected.npz", "Projected")
    assert layer.layers[0].proj_size == 2


def test_weights_of_another_cell_are_refused(tmp_path: Path) -> None:
    tg.save(nn.LSTM(3, 5), tmp_path / "ours.npz")
    tg.save(interop.torch.state_dict(nn.LSTM(3, 5)), tmp_path / "theirs.npz")
    tg.save({"W": np.ones(3), "U": np.eye(3), "b": np.ones(3)}, tmp_path / "flat.npz")
    for name, cell, said in (
        (
            "ours",
            "Peephole",
            "ours.npz holds no weights of a cell Peephole; it holds layers.0.W, layers.0.U, layers.0.b",
        ),
        ("ours", "RNN", "ours.npz, layers.0: "),
        ("theirs", "GRU", "theirs.npz, l0: the input weights of a cell GRU have 3 gates of rows"),
        ("theirs", "RNN", "theirs.npz, l0: "),
        ("flat", "RNN", "flat.npz, cell: the input weights of a cell RNN"),
    ):
        with pytest.raises(WeightsError) as error:
            read_layer(tmp_path / f"{name}.npz", cell)
        assert said in str(error.value)
    with pytest.raises(WeightsError, match=r"holds no cell 'l7'; it holds layers.0"):
        read_layer(tmp_path / "ours.npz", "LSTM", "l7")
    with pytest.raises(ArgumentError):
        read_layer(tmp_path / "ours.npz", "weather")
    (tmp_path / "pickled.pt").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"files that end in .npz or .safetensors, not 'pickled.pt'"):
        read_layer(tmp_path / "pickled.pt", "LSTM")
    assert held_by_torch({"weight_hh_l0_reversed": np.eye(2)}) == []


def test_which_cell_of_a_file_is_drawn_is_said(tmp_path: Path) -> None:
    tg.save(nn.LSTM(3, 5, 2), tmp_path / "w.npz")
    done = command("draw", "LSTM", "--weights", "w.npz", "--layer", "layers.1", "--out", "x.svg", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(
        "The weights are those of layers.1 in w.npz, one of layers.0, layers.1; --layer names another."
    )


# The page -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_whole_on_a_phone(scheme: Any, browser: Any, tmp_path: Path) -> None:
    assert draw.draw("LSTM", 3, 4, "auto", tmp_path / "x.html", None, None, 0) == 0
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": 400, "height": 900})
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto((tmp_path / "x.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator("svg").first.is_visible()
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    context.close()
    assert said == []
