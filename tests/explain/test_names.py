"""A program is code, whatever the graph's names are: it compiles, gives the engine's numbers, runs nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import tinygrad_lstm as tg
from tests.support.hostile import NAMES, TOUCHED, any_text, ids
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.explain.prelude import atom


@pytest.fixture(autouse=True)
def nothing_ran() -> Iterator[None]:
    TOUCHED.clear()
    yield
    assert TOUCHED == []


def check(loss: Tensor, *leaves: Tensor, constants: tuple[Tensor, ...] = ()) -> None:
    """The program of a loss, given its leaves in order, gives the engine's loss and gradients."""
    program = tg.program(loss)
    tree = ast.parse(program.source)
    assert {type(node) for node in tree.body} <= {ast.Import, ast.Assign, ast.FunctionDef}
    program.source.encode()
    free = [name for name in program.inputs if name not in program.given]
    assert len(free) == len(leaves) + len(constants)
    by_name = {name: value.data for name, value in zip(free, ordered(*leaves, *constants), strict=True)}
    value, gradients = program.run(**by_name)
    np.testing.assert_allclose(value, loss.data, rtol=1e-6)
    wanted = tg.grad(loss, list(leaves), retain_graph=True)
    names = dict(zip(map(id, ordered(*leaves, *constants)), free, strict=True))
    for leaf, g in zip(leaves, wanted, strict=True):
        np.testing.assert_allclose(gradients[names[id(leaf)]], g.data, rtol=1e-5, atol=1e-7)


def ordered(*tensors: Tensor) -> list[Tensor]:
    return sorted(tensors, key=lambda tensor: tensor.source.node.number)


def named_graph(*names: str) -> tuple[Tensor, list[Tensor]]:
    """Leaves, values, several outputs, scopes and literals, all of these names."""
    leaves = [tg.tensor([1.0 + k, 2.0, -0.5, 0.3], requires_grad=True) for k in range(len(names))]
    total: Any = 0.0
    for name, leaf in zip(names, leaves, strict=True):
        tg.label(**{name: leaf})
        with tg.scope(name, step=1):
            a, b = tg.split(leaf, 2)
            y = tg.where(a > 0.0, a, 0.0) * tg.tanh(b) + tg.clip(leaf, -np.inf, 1.5)[1:3]
            tg.label(**{name: y, name + "2": a})
        total = total + tg.logsumexp(y) + (leaf[::2] ** 2).sum()
    return total, leaves


@pytest.mark.parametrize("name", NAMES, ids=ids)
def test_of_any_name_the_program_is_only_code(name: str) -> None:
    loss, leaves = named_graph(name)
    check(loss, *leaves)


def test_all_hostile_names_at_once_stay_apart() -> None:
    loss, leaves = named_graph(*NAMES)
    check(loss, *leaves)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(any_text, any_text)
def test_of_any_two_texts(one: str, other: str) -> None:
    loss, leaves = named_graph(one, other)
    check(loss, *leaves)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "__class__"], ids=ascii)
def test_modules_parameters_and_classes(name: str) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            setattr(self, name, nn.Parameter([0.5, 2.0]))
            setattr(self, name + "inner", nn.Linear(2, 2))

        def forward(self, x: Tensor) -> Tensor:
            inner = getattr(self, name + "inner")
            y: Tensor = inner(x * getattr(self, name)).sum()
            return y

    Model.__name__ = name.replace("\x00", "").encode("utf-8", "replace").decode()
    model = Model()
    x = tg.tensor([1.0, 3.0])
    check(model(x), *model.parameters(), constants=(x,))


@pytest.mark.parametrize("name", [name for name in NAMES if "\x00" not in name], ids=ascii)
def test_files_ops_and_options(name: str) -> None:
    """A user's op of that name, called in a file of that name, with a string of that name as its option."""

    def forward(x: Any, word: str = "") -> Any:
        y = x * len(word)
        return y

    def rule(g: Any, word: str) -> Any:
        y = g * len(word)
        return y

    forward.__name__ = name
    op: Any = tg.primitive(forward)
    op.defvjp(x=rule)
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    try:
        space: dict[str, Any] = {"op": op, "x": x, "word": name}
        exec(compile("y = op(x, word=word)", name.encode("utf-8", "replace").decode(), "exec"), space)
        check(space["y"].sum(), x)
    finally:
        if tg.Primitive.by_name.get(name) is op:  # else another op has the name
            del tg.Primitive.by_name[name]


class Word(str):
    def __repr__(self) -> str:
        return "__import__('touched_by_names').now('repr')"


class Count(int):
    __repr__ = Word.__repr__


class Listed(np.ndarray):
    def tolist(self) -> Any:
        return Count()


def test_a_value_is_written_as_what_it_is_not_as_what_it_says() -> None:
    values = [Word("a"), Count(3), (Word("a"), [Count(1)]), np.arange(3).view(Listed),
              type("evil()", (np.float64,), {}), type("evil()", (), {}), np.str_("a"),
              np.datetime64("2020-01-01"), np.zeros(0, [("a", float)])]  # fmt: skip
    for value in values:
        text = atom(value)
        if text is not None:
            back = eval(text, {"np": np})
            np.testing.assert_array_equal(np.asarray(back, dtype=object), np.asarray(value, dtype=object))


@pytest.mark.parametrize(
    "value",
    [0, -1, True, None, ..., 1.5, -0.0, np.inf, -np.inf, np.nan, 1j, "a'b\\\n\ud800", slice(None, 3),
     slice(-2, None, -1), slice(1, 5, 2), (1,), (), [1, 2.0], np.float32(0.1), np.int8(-3), np.bool_(True),
     np.dtype("float32"), float, int, bool, np.float16, np.array([[1, -2]]), np.zeros((0, 3))],
    ids=repr,
)  # fmt: skip
def test_a_plain_value_as_code_is_the_value(value: Any) -> None:
    text = atom(value)
    assert text is not None
    back = eval(text, {"np": np, "__builtins__": {}})
    if isinstance(value, type | np.dtype):
        assert np.dtype(back) == np.dtype(value)
    elif isinstance(value, slice):
        assert back == value
    else:
        np.testing.assert_array_equal(back, value)
        assert type(back) is type(value)


def test_an_op_named_as_a_builtin_that_another_op_calls() -> None:
    def longest(x: Any, n: int = 1) -> Any:
        y = x * max(n, 2)
        return y

    def rule(g: Any, n: int) -> Any:
        y = g * max(n, 2)
        return y

    def shadow(x: Any) -> Any:
        y = x + 0.0
        return y

    def rule_of_shadow(g: Any) -> Any:
        y = g + 0.0
        return y

    shadow.__name__ = "max"
    one, other = tg.Primitive.by_name.get("max"), tg.primitive(longest)
    second: Any = tg.primitive(shadow)
    try:
        other.defvjp(x=rule)
        second.defvjp(x=rule_of_shadow)
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        check(second(other(x, n=3)).sum(), x)
    finally:
        tg.Primitive.by_name.pop("longest")
        if one is not None:
            tg.Primitive.by_name["max"] = one
