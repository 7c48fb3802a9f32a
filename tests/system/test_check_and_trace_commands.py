"""``tinygrad-lstm check`` and ``trace`` as a user meets them."""

from __future__ import annotations

import json

import pytest

import tinygrad_lstm as tg
from tests.support.commands import command, piped, refused

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")

from tinygrad_lstm.cli import check, gradients
from tinygrad_lstm.cli.cells import CELLS


def test_every_primitive_and_every_cell_is_checked() -> None:
    primitives = {name for name in dir(tg) if isinstance(getattr(tg, name), tg.Primitive)}
    assert set(gradients.OPERATIONS) == primitives
    assert [checked.name for checked in gradients.cells()] == list(CELLS)


def test_each_is_one_plain_line() -> None:
    done = command("check", "tanh", "GRU")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["PASS  tanh, 6 elements", "PASS  GRU, 126 elements", "2 of 2 pass."]


def test_all_derivatives_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.run([], True) == 0
    results = json.loads(capsys.readouterr().out)
    assert len(results) == len(gradients.OPERATIONS) + len(CELLS)
    assert all(result["passed"] and result["elements"] for result in results)


def test_a_wrong_derivative_is_shown_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @tg.primitive
    def cube(x):  # type: ignore[no-untyped-def]  # as a user writes it
        return x**3

    cube.defvjp(x=lambda g, x: g * x**2)
    monkeypatch.setitem(gradients.OPERATIONS, "cube", (cube, (gradients.x,)))
    assert check.run(["cube", "sum"], False) == 1
    said = capsys.readouterr().out
    assert "PASS  sum" in said
    assert "FAIL  cube, 6 elements\n6 of 6 elements of the gradient are wrong" in said
    assert said.splitlines()[-1] == "1 of 2 pass; cube fail."


def test_what_is_wrong_is_said_in_a_line() -> None:
    refused("error: nothing called 'weather' to check; there are add, subtract", "check", "weather")
    refused("error: no cell 'weather'; there are RNN, LSTM", "trace", "weather")


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "Peephole"])
def test_the_table_of_a_backward_pass(cell: str) -> None:
    done = command("trace", cell, "--steps", "2", COLUMNS="40")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["#", "node", "in"]
    assert lines[2].startswith("1   L = sum")
    assert any(" h_2 = " in line for line in lines)


def test_a_long_table_is_cut_unless_all_is_asked_for() -> None:
    done = command("trace", "LSTM", "--steps", "9")
    assert "more rows (--all shows them) ..." in done.stdout
    assert "more rows" not in command("trace", "LSTM", "--steps", "9", "--all").stdout


def test_json_of_the_table() -> None:
    rows = json.loads(command("trace", "RNN", "--json").stdout)
    assert rows[0] | {"handed_on": []} == {
        "number": 1, "node": "L", "op": "sum", "scope": "", "step": None, "shape": [], "norm": 1.0, "handed_on": []
    }  # fmt: skip
    assert rows[0]["handed_on"][0]["to"] == "#2"


@pytest.mark.parametrize("arguments", [["check", "add", "exp"], ["trace", "LSTM", "--steps", "5", "--all"]])
def test_a_reader_that_leaves_does_not_stop_it(arguments: list[str]) -> None:
    done = piped(*arguments, reader="| true")
    assert (done.returncode, done.stderr) == (0, "")
