"""Every command as a new user meets it, read from the commands themselves: a new one is tried without a line here."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
from tests.support.commands import command, in_a_terminal, piped
from tinygrad_lstm import nn

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")
pytest.importorskip("matplotlib")
pytest.importorskip("onnx")

import typer.main
from typer.testing import CliRunner

from tinygrad_lstm.cli.app import app

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
SLOW = {"demo", "train", "bench"}  # their examples take seconds
ESCAPE = "\x1b"


def words(name: str) -> list[str]:
    """The arguments of a command's example."""
    found = re.search(r"Example: tinygrad-lstm (.*?)(  |$)", COMMANDS[name].epilog or "")
    assert found, f"{name} has no example"
    return shlex.split(found[1])


def options(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts}


def that_have(option: str) -> list[str]:
    return [name for name in COMMANDS if option in options(name)]


def marked(names: list[str]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in names]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A command in a folder with two files of weights."""
    monkeypatch.chdir(tmp_path)
    tg.save(nn.LSTM(3, 5), "weights.npz")
    tg.save(nn.LSTM(3, 5), "weights.safetensors")

    def invoke(*arguments: str, **environment: str) -> Any:
        done = CliRunner().invoke(app, arguments, env={"COLUMNS": "100", "NO_COLOR": "1"} | environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return invoke


def is_one_line(said: str) -> bool:
    return said.startswith("error: ") and len(said.splitlines()) == 1


# What every command has ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_a_sentence_an_example_and_debug(name: str, run: Callable[..., Any]) -> None:
    said = run(name, "--help")
    assert said.exit_code == 0
    assert COMMANDS[name].help
    assert "tinygrad-lstm " + name in said.output
    assert "--debug" in said.output
    undocumented = [p.name for p in COMMANDS[name].params if not getattr(p, "help", "") and p.name != "help"]
    assert undocumented == []


@pytest.mark.parametrize("name", marked(list(COMMANDS)))
def test_the_example_runs(name: str, run: Callable[..., Any], tmp_path: Path) -> None:
    before = set(os.listdir(tmp_path))
    done = run(*words(name))
    assert (done.exit_code, done.stderr) == (0, "")
    assert ESCAPE not in done.output
    if "--out" in words(name):
        out = Path(words(name)[words(name).index("--out") + 1])
        assert {out.name} == set(os.listdir(tmp_path)) - before
        assert str(out) in done.stdout


@pytest.mark.parametrize("name", ["claims", "draw", "player", "flow", "check", "trace", "inspect", "export"])
def test_a_narrow_terminal_loses_nothing(name: str, run: Callable[..., Any]) -> None:
    """A figure that a wide terminal shows stands in a narrow one, too: lines are folded by the terminal itself."""
    narrow, wide = (run(*words(name), COLUMNS=columns) for columns in ("40", "200"))
    assert (narrow.exit_code, narrow.stderr) == (0, "")
    figures = [re.findall(r"\d\.\d+(?:e.\d+)?(?! s)", done.stdout) for done in (narrow, wide)]
    assert figures[0] == figures[1]
    if name != "trace":  # has a figure in every row
        assert "…" not in narrow.stdout


@pytest.mark.parametrize("name", marked(that_have("--json")))
def test_json_parses_and_is_the_same_again(name: str, run: Callable[..., Any]) -> None:
    def found() -> Any:
        if "adding" in words(name):
            return run("train", "cat", "--hidden", "4", "--updates", "3", "--out", f"out{time.time()}", "--json")
        return run(*words(name), "--json")

    def stable(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stable(one) for key, one in value.items() if key not in ("seconds", "milliseconds")}
        return [stable(one) for one in value] if isinstance(value, list) else value

    once, again = found(), found()
    assert (once.exit_code, once.stderr) == (0, "")
    assert stable(json.loads(once.stdout)) == stable(json.loads(again.stdout))
    assert "NaN" not in once.stdout


# Wrong calls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_and_missing_arguments_are_a_usage_error(name: str, run: Callable[..., Any]) -> None:
    done = run(name, "--weather")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No such option: --weather" in done.stderr
    if any(parameter.required for parameter in COMMANDS[name].params):
        bare = run(name)
        assert (bare.exit_code, bare.stdout) == (2, "")
        assert "Missing" in bare.stderr


def test_no_command_at_all_shows_the_help_and_an_unknown_one_is_refused(run: Callable[..., Any]) -> None:
    assert all(name in run().output for name in COMMANDS)
    assert run("weather").exit_code == 2


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("demo", "inspect", "export", "bench")])
def test_a_wrong_word_is_one_line_that_lists_the_right_ones(name: str, run: Callable[..., Any], tmp_path: Path) -> None:
    before = set(os.listdir(tmp_path))
    done = run(*["weather" if k == 1 else word for k, word in enumerate(words(name))])
    assert (done.exit_code, done.stdout) == (2, "")
    assert is_one_line(done.stderr)
    assert "weather" in done.stderr
    assert "there are" in done.stderr or "; sections: " in done.stderr
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_debug_shows_the_traceback_with_the_same_exit_code(name: str, run: Callable[..., Any]) -> None:
    wrong = {"demo": ["--text", "missing.txt"], "bench": ["--steps", "0"], "inspect": ["missing.npz"],
             "export": ["missing.npz", "--to", "onnx", "--out", "x.onnx"]}  # fmt: skip
    given = wrong.get(name, ["weather", *words(name)[2:]])
    short, long = run(name, *given), run(name, *given, "--debug")
    assert short.exit_code == long.exit_code == 2
    assert "Traceback" not in short.stderr
    assert ("Traceback" in long.stderr) == (name != "bench")  # which has no wrong input but for the usage


FILES = {"demo": "--text", "draw": "--weights", "player": "--weights", "inspect": None, "export": None}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("file", ["missing.npz", ".", "damaged.npz", "empty.keras", "empty.onnx", "words.txt"])
def test_a_file_that_is_none_of_weights_is_one_line(
    name: str, file: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    Path("damaged.npz").write_bytes(b"PK\x03\x04 and no more")
    for empty in ("empty.keras", "empty.onnx", "words.txt"):
        Path(empty).touch()
    before = set(os.listdir(tmp_path))
    example = words(name)[1:]
    given = [file, *example[1:]] if FILES[name] is None else [*example, str(FILES[name]), file]
    done = run(name, *given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert is_one_line(done.stderr)
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("name", that_have("--out"))
def test_an_out_that_cannot_be_written_is_one_line(name: str, run: Callable[..., Any]) -> None:
    example = words(name)
    example[example.index("--out") + 1] = f"/dev/null/{Path(example[example.index('--out') + 1]).name}"
    done = run(*example)
    assert (done.exit_code, done.stdout) == (2, "")
    assert is_one_line(done.stderr)
    assert "/dev/null" in done.stderr
    if Path(words(name)[words(name).index("--out") + 1]).suffix:  # a file
        Path(words(name)[-1]).mkdir()
        done = run(*words(name))
        assert (done.exit_code, done.stdout) == (2, "")
        assert "it is a folder" in done.stderr
    assert run(*words(name)[:-1], "").exit_code == 2  # the empty path


@pytest.mark.parametrize("name", that_have("--seed"))
def test_a_number_that_is_none_is_a_usage_error(name: str, run: Callable[..., Any]) -> None:
    for number in ("-1", "x", "1.5"):
        done = run(*words(name), "--seed", number)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "Invalid value for '--seed'" in done.stderr


# The process ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flow", "inspect", "export", "trace"])
def test_a_reader_that_leaves_does_not_stop_it(name: str, run: Callable[..., Any], tmp_path: Path) -> None:
    done = piped(*words(name), reader="| head -n 1", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["bench", "--seconds", "60"], ["flow", "LSTM", "GRU", "--steps", "20000"], ["claims", "--all"]],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_ctrl_c_ends_it_without_a_traceback(arguments: list[str], tmp_path: Path) -> None:
    call = [sys.executable, "-X", "importtime", "-m", "tinygrad_lstm", *arguments]
    with subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "tinygrad_lstm.cli." + arguments[0] in line:  # it is imported, so it begins
                break
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        said = [line for line in running.stderr if not line.startswith("import time:")]
    assert (running.returncode, said) == (130, [])


@pytest.mark.slow
def test_colours_are_for_terminals_and_only_without_no_color(run: Callable[..., Any], tmp_path: Path) -> None:
    wrong = ["inspect", "missing.npz"]
    assert ESCAPE not in command(*wrong, folder=tmp_path, NO_COLOR="").stderr
    assert f"{ESCAPE}[31m" in in_a_terminal(*wrong, folder=tmp_path)
    assert "[31m" not in in_a_terminal(*wrong, folder=tmp_path, NO_COLOR="1")


@pytest.mark.slow
def test_the_shell_completes_commands_options_and_cells(tmp_path: Path) -> None:
    """What bash calls when Tab is pressed, of the program installed as tinygrad-lstm."""
    program = tmp_path / "tinygrad-lstm"
    program.write_text(f"#!{sys.executable}\nfrom tinygrad_lstm.cli import main\nmain()\n")
    program.chmod(0o755)

    def completed(line: str) -> list[str]:
        script = (
            f"PATH={tmp_path}:$PATH; source <(_TINYGRAD_LSTM_COMPLETE=source_bash tinygrad-lstm); "
            f"COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
            '_tinygrad_lstm_completion tinygrad-lstm; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.stderr == ""
        return done.stdout.split()

    assert completed("tinygrad-lstm dr") == ["draw"]
    assert completed("tinygrad-lstm ex") == ["export"]
    assert "--weights" in completed("tinygrad-lstm draw --w")
    assert completed("tinygrad-lstm flow LSTM GR") == ["GRU"]
    assert completed("tinygrad-lstm draw Layer") == ["LayerNormLSTM", "LayerNormGRU"]


def test_as_a_module_it_is_the_same(tmp_path: Path) -> None:
    done = command("--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"tinygrad-lstm {tg.__version__}\n")
