"""``tinygrad-lstm draw`` and ``player`` as a user meets them: every cell, every kind of file, weights, wrong inputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
from tests.support.commands import command, piped, refused
from tests.support.writing import become_nobody, folder_for_all  # noqa: F401  # one is a fixture
from tinygrad_lstm import nn

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")

from tinygrad_lstm.cli import draw
from tinygrad_lstm.cli.cells import CELLS, find_cell, new_layer, run_steps
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.files import recurrent_layers

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


@pytest.mark.slow
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
        (
            ["draw", "LSTM", "--layer", "l0", "--out", "x.svg"],
            "error: --layer names one of the layers in a file of --w",
        ),
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
    with pytest.raises(OSError, match="Permission denied"):
        draw.draw("LSTM", 2, 3, "auto", out / "x.svg", None, None, 0)
    assert capsys.readouterr().out == ""


def test_a_reader_that_leaves_does_not_stop_it(tmp_path: Path) -> None:
    done = piped("draw", "LSTM", "--out", "x.svg", reader="| true", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.svg").exists()


# Weights ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_weights_that_we_saved_are_drawn_from_the_file_alone(cell: str, tmp_path: Path) -> None:
    layer = new_layer(cell, 3, 6, seed=5).eval()
    tg.save({"a model": {"encoder": layer, "head": nn.Linear(6, 2)}}, tmp_path / "w.npz")
    for kind in (None, cell):
        name, read, there = draw.chosen(tmp_path / "w.npz", kind, None)
        assert (name, there) == ("a model.encoder", ["a model.encoder"])
        assert run_steps(read.eval(), 3)[0].item() == run_steps(layer, 3)[0].item()
    tg.save(CELLS[cell](3, 6), tmp_path / "w.safetensors")
    assert draw.chosen(tmp_path / "w.safetensors", None, None)[2] == ["cell"]
    assert draw.draw(None, 2, 3, "auto", tmp_path / "x.svg", tmp_path / "w.npz", None, 0) == 0


def test_a_stack_in_both_directions_is_drawn_whole(tmp_path: Path) -> None:
    tg.save(nn.Sequential(nn.Embedding(5, 3), nn.LSTM(3, 5, 2, bidirectional=True)), tmp_path / "w.npz")
    name, layer, _ = draw.chosen(tmp_path / "w.npz", None, None)
    assert (name, len(layer.layers)) == ("1", 4)
    assert draw.player(None, 2, 3, tmp_path / "x.html", tmp_path / "w.npz", None, 0) == 0


def test_which_layer_of_a_file_is_drawn_is_said(tmp_path: Path) -> None:
    tg.save({"encoder": nn.LSTM(3, 5), "decoder": nn.GRU(3, 5)}, tmp_path / "w.npz")
    done = command("draw", "--weights", "w.npz", "--layer", "decoder", "--out", "x.svg", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "The weights are those of decoder in w.npz, one of encoder, decoder; --layer names another."
    )
    refused("w.npz holds no layer 'l7'; it holds encoder, decoder", "draw", "--weights", "w.npz", "--layer", "l7",
            "--out", "x.svg", folder=tmp_path)  # fmt: skip
    assert draw.chosen(tmp_path / "w.npz", "GRU", None)[0] == "decoder"


def test_a_file_of_arrays_alone_needs_the_kind_of_cell(tmp_path: Path) -> None:
    tg.save(nn.PeepholeLSTMCell(3, 5).state_dict(), tmp_path / "w.npz")
    with pytest.raises(WeightsError, match="does not say which recurrent layers it holds: name the kind of its cells"):
        recurrent_layers(tmp_path / "w.npz")
    assert draw.chosen(tmp_path / "w.npz", "peephole", None)[2] == ["cell"]


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
