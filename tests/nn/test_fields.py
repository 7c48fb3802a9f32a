"""A cell says before its ``__init__`` which parameters it has, each with its shape, and the shapes are those it has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial

import pytest

from tinygrad_lstm import nn
from tinygrad_lstm.nn.cells import Cell

D, H, P = 3, 5, 2
KINDS: dict[str, Callable[..., Cell]] = {
    name: value for name, value in vars(nn).items() if isinstance(value, type) and name.endswith("Cell")
}
KINDS |= {"ProjectedLSTMCell": partial(nn.ProjectedLSTMCell, proj_size=P)}
KINDS |= {"ClippedLSTMCell": partial(nn.ClippedLSTMCell, clip=1.0)}
KINDS = {name: kind for name, kind in KINDS.items() if name not in ("Cell", "LinearCell")}  # which have none


def written_shape(kind: type, name: str) -> str:
    """What stands behind a field in the class that declares it last: ``b: Parameter | None  # (4H,)``."""
    for owner in kind.__mro__:
        before, init, _ = inspect.getsource(owner).partition("def __init__") if owner is not object else ("", "", "")
        found = re.search(rf"^    {name}: Parameter(?: \| None)?  # (\(.*\))$", before, re.MULTILINE)
        if found and init:
            return found[1]
    return f"{kind.__name__} does not declare {name}"


def test_all_cells_are_tried() -> None:
    assert len(KINDS) >= 13


@pytest.mark.parametrize("name", KINDS)
def test_every_parameter_is_a_declared_field_of_the_written_shape(name: str) -> None:
    cell = KINDS[name](D, H)
    own = [(field, parameter) for field, parameter in vars(cell).items() if isinstance(parameter, nn.Parameter)]
    assert own
    for field, parameter in own:
        written = written_shape(type(cell), field)
        letters = re.sub(r"(\d)(?=[A-Z])", r"\1 * ", written)
        assert eval(letters, {"D": D, "H": H, "P": P}) == parameter.shape, f"{name}.{field}  # {written}"


def test_the_docstring_of_the_lstm_has_its_six_equations() -> None:
    text = inspect.getdoc(nn.LSTMCell) or ""
    left = re.findall(r"^    (\S+) += ", text, re.MULTILINE)
    assert left == ["f", "i", "C̃", "C'", "o", "h'"]
