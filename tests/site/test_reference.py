"""The reference has every public name, once, each with an example that runs."""

from __future__ import annotations

import importlib
import inspect
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import tinygrad_lstm as tg
from tests.support.reference import PLACES, names_of
from tinygrad_lstm.engine.ops.primitive import Primitive

PAGES = sorted((Path(__file__).parents[2] / "docs" / "reference").glob("*.md"))
NAMES = re.compile(r"```\{names\} (\S+)\n(?::\w+:\n)*(.*?)```", re.DOTALL)
NO_EXAMPLE = {  # what a claim's function is given; and what needs a file, or a package that not everybody has
    "lab.Run", "data.read_text", "data.digits", "data.language_reference", "training.JSONLog",
    "training.TensorBoardLog", "interop.torch.Run", "interop.torch.load", "interop.torch.load_state_dict",
    "interop.torch.mirror", "interop.torch.run", "interop.torch.save", "interop.keras.load",
    "interop.keras.read_weights", "interop.keras.set_weights",
}  # fmt: skip


def listed() -> Counter[tuple[str, str]]:
    """The names that the pages show, with the module that they are of."""
    found: Counter[tuple[str, str]] = Counter()
    for page in PAGES:
        for place, names in NAMES.findall(page.read_text("utf-8")):
            found.update((place, name) for name in names.split())
    return found


@pytest.mark.parametrize("place", PLACES)
def test_every_public_name_is_in_the_reference_once(place: str) -> None:
    shown = listed()
    wrong = {name: shown[place, name] for name in names_of(place) if shown[place, name] != 1}
    assert not wrong, f"add them to docs/reference, in a block of {{names}} {place}"


@pytest.mark.parametrize("place", ["tinygrad_lstm.errors", "tinygrad_lstm.losses"])
def test_every_error_and_loss_is_in_the_reference(place: str) -> None:
    module = importlib.import_module(place)
    own = [
        name
        for name, thing in vars(module).items()
        if getattr(thing, "__module__", "") == place
        and (inspect.isclass(thing) if place.endswith("errors") else inspect.isfunction(thing))
        and not name.startswith("_")
    ]
    assert not [name for name in own if (place, name) not in listed()]


def test_the_reference_names_nothing_that_is_not_there() -> None:
    gone = [f"{place}.{name}" for place, name in listed() if not hasattr(importlib.import_module(place), name)]
    assert not gone


@pytest.mark.parametrize("place", PLACES)
def test_every_name_has_an_example(place: str) -> None:
    """In its docstring, or on its page; the tests run both."""
    shown = "".join(
        line for page in PAGES for line in page.read_text("utf-8").splitlines() if line.startswith((">>>", "..."))
    )
    module = importlib.import_module(place)
    bare = []
    for name in names_of(place):
        known = f"{place.removeprefix('tinygrad_lstm.').removeprefix('optim.')}.{name}".replace("viz.plots", "plots")
        documented = ">>>" in (inspect.getdoc(getattr(module, name)) or "")
        if known not in NO_EXAMPLE and not documented and not re.search(rf"\.{name}\b", shown):
            bare.append(known)
    assert not bare, "give them an example, in the docstring or on the page"


# Words say all of these
MOVES = ["reshape", "expand_dims", "squeeze", "swapaxes", "roll", "stack", "unstack", "cast", "take_along_axis"]


def test_every_op_that_computes_something_has_its_formula() -> None:
    """And one for the derivative by each input, where the inputs are numbers of their own."""
    table = tomllib.loads((PAGES[0].parent / "formulas.toml").read_text("utf-8"))["ops"]
    ops = {name: thing for name in tg.__all__ if isinstance(thing := getattr(tg, name), Primitive)}
    assert not [name for name in ops if name not in table and name not in MOVES]
    short = {name for name, op in ops.items() if name in table and len(table[name]) < 1 + len(op.inputs)}
    assert short <= {"floor_divide", "contract"}, "one line for both, and one for any number of inputs"
    assert not [name for name in table if not hasattr(tg, name)]
