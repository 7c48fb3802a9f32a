"""An op of one's own calls its inputs and parameters as it likes, be it by any name that the engine uses inside."""

from __future__ import annotations

import ast
import keyword
import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import func

PACKAGE = Path(tg.__file__).parent
READ = [
    *(PACKAGE / "engine" / "ops" / f"{name}.py" for name in ("primitive", "rules", "binding", "plan")),
    *(PACKAGE / "engine" / "ops" / f"{name}.py" for name in ("wide", "more/composite")),
    *(PACKAGE / "engine" / f"{name}.py" for name in ("record", "calls", "literals", "autodiff", "node")),
    *(PACKAGE / "engine" / f"{name}.py" for name in ("tensor", "gradients")),
    *(PACKAGE / "explain" / f"{name}.py" for name in ("program", "prelude", "formulas", "trace", "values")),
    PACKAGE / "finite_differences.py", PACKAGE / "func" / "transforms.py", PACKAGE / "func" / "run.py",
]  # fmt: skip


# What the rules' words become beside such an input, and what a program calls its own
MADE = {
    "g", "gs", "y", "k", "saved", "needs_input_grad", "g_", "gs_", "y_", "y__", "k_", "saved_",
    "needs_input_grad_", "x_shape", "x_shape_",
    "self", "args", "kwargs", "np", "program", "dx", "v1", "dv1", "p0", "a", "b", "x", "f", "op",
}  # fmt: skip


def identifiers() -> set[str]:
    """Every argument and variable in these files."""
    found = set[str]()
    for path in READ:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg):
                found.add(str(node.arg))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


NAMES = sorted(name for name in identifiers() | MADE if not keyword.iskeyword(name) and name != "xs")
FEW = sorted({*MADE, *NAMES[::8]})  # for what takes longer


def words(*names: str) -> dict[str, str]:
    """How the rules of an op with these names spell the words: with an underscore more while a name is the same."""
    spelled = {}
    for word in ("g", "gs", "y", "saved", "k", "needs_input_grad", "xs_shape"):
        free = word
        while free in names:
            free += "_"
        spelled[word] = free
    return spelled


def made(text: str, file: str) -> Any:
    """The value of the last assignment of a source text that ``program`` can read."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"tg": tg, "np": np}
    exec(compile(text, file, "exec"), space)
    return space["op"]


def by_one_rule_each(n: str) -> Callable[..., Any]:
    w = words(n, "xs")
    text = f"""
@tg.primitive
def op({n}, xs):
    return {n} * {n} * xs
op.defvjp(**{{
    "{n}": lambda {w["g"]}, {n}, xs: 2 * {w["g"]} * {n} * xs,
    "xs": lambda {w["g"]}, {n}: {w["g"]} * {n} * {n},
}})
"""
    return made(text, f"<each {n}>")  # type: ignore[no-any-return]  # what exec makes


def by_a_joint_rule(n: str) -> Callable[..., Any]:
    w = words(n, "xs")
    text = f"""
@tg.primitive
def op({n}, xs):
    return {n} * {n} * xs
def rule({w["g"]}, {n}, {w["y"]}, {w["xs_shape"]}, {w["needs_input_grad"]}):
    return (
        2 * {w["g"]} * {w["y"]} / {n} if {w["needs_input_grad"]}[0] else None,
        ({w["g"]} * {n} * {n}).reshape({w["xs_shape"]}) if {w["needs_input_grad"]}[1] else None,
    )
op.defvjp_all(rule)
"""
    return made(text, f"<joint {n}>")  # type: ignore[no-any-return]  # what exec makes


def by_the_output(n: str) -> Callable[..., Any]:
    w = words(n, "xs")
    text = f"""
@tg.primitive
def op({n}, xs):
    return {n} * xs
op.defvjp(**{{
    "{n}": lambda {w["g"]}, {n}, {w["y"]}: {w["g"]} * {w["y"]} / {n},
    "xs": lambda {w["g"]}, {n}: {w["g"]} * {n},
}})
"""
    return made(text, f"<output {n}>")  # type: ignore[no-any-return]  # what exec makes


def as_a_parameter(n: str) -> Callable[..., Any]:
    w = words(n, "xs", "also")
    text = f"""
@tg.primitive
def op(xs, also, {n}=3.0):
    return xs * also * {n}
op.defvjp(xs=lambda {w["g"]}, also, {n}: {w["g"]} * also * {n}, also=lambda {w["g"]}, xs, {n}: {w["g"]} * xs * {n})
plain = op
def op(a, b): return plain(a, b, **{{"{n}": 2.0}})
"""
    return made(text, f"<parameter {n}>")  # type: ignore[no-any-return]  # what exec makes


def of_a_sequence(n: str) -> Callable[..., Any]:
    w = words(n, "weights")
    text = f"""
@tg.primitive
def op({n}, weights):
    return weights[0] * {n}[0] + weights[1] * {n}[1] * {n}[1]
def rule({w["k"]}, {w["g"]}, {n}, weights):
    return {w["g"]} * weights[0] if {w["k"]} == 0 else 2 * {w["g"]} * weights[1] * {n}[1]
op.defvjp_args(rule)
plain = op
def op(a, b): return plain([a, b], (2.0, 3.0))
"""
    return made(text, f"<sequence {n}>")  # type: ignore[no-any-return]  # what exec makes


def beside_a_sequence(n: str) -> Callable[..., Any]:
    w = words(n, "xs")
    text = f"""
@tg.primitive
def op(xs, {n}):
    return {n}[0] * xs[0] + {n}[1] * xs[1]
op.defvjp_args(lambda {w["k"]}, {w["g"]}, {n}: {w["g"]} * {n}[{w["k"]}])
plain = op
def op(a, b): return plain([a, b], **{{"{n}": (2.0, 3.0)}})
"""
    return made(text, f"<beside {n}>")  # type: ignore[no-any-return]  # what exec makes


def of_several_outputs(n: str) -> Callable[..., Any]:
    w = words(n, "xs")
    text = f"""
@tg.primitive_multi
def op({n}, xs):
    return {n} * xs, {n} + xs
op.defvjp(**{{
    "{n}": lambda {w["gs"]}, xs: {w["gs"]}[0] * xs + {w["gs"]}[1],
    "xs": lambda {w["gs"]}, {n}: {w["gs"]}[0] * {n} + {w["gs"]}[1],
}})
plain = op
def op(a, b): return sum(plain(a, b))
"""
    return made(text, f"<several {n}>")  # type: ignore[no-any-return]  # what exec makes


def values() -> list[tg.Tensor]:
    return [tg.tensor(np.array(row), requires_grad=True) for row in ([1.0, -2.0], [0.5, 3.0])]


FORMS = [
    by_one_rule_each, by_a_joint_rule, by_the_output, as_a_parameter, of_a_sequence, beside_a_sequence,
    of_several_outputs,
]  # fmt: skip


def numbers(op: Callable[..., Any]) -> list[Any]:
    """The value of an op, its derivatives of first and second order, and those of ``func``."""
    a, b = values()
    y = op(a, b)
    first = tg.grad(y.sum(), [a, b], create_graph=True)
    second = tg.grad((first[0] + first[1]).sum(), [a, b], allow_unused=True)
    _, moved = func.jvp(op, (a, b), (np.ones(2), np.ones(2)))
    _, pull_back = func.vjp(op, a, b)
    return [None if x is None else x.tolist() for x in (y, *first, *second, moved, *pull_back(np.ones(2)))]


@pytest.mark.parametrize("form", FORMS)
def test_any_name_works_in_every_rule_and_derivative(form: Callable[[str], Callable[..., Any]]) -> None:
    assert len(NAMES) > 300
    plain = form("left")
    assert tg.gradcheck(plain, values())
    wanted = numbers(plain)
    for n in NAMES:
        try:
            assert numbers(form(n)) == wanted
        except Exception as error:
            raise AssertionError(f"an input called {n}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("form", FORMS)
def test_any_name_works_in_programs_tables_and_pictures(form: Callable[[str], Callable[..., Any]]) -> None:
    for n in FEW:
        op = form(n)
        a, b = values()
        tg.label(**{n: a})
        loss = op(a, b).sum()
        try:
            written = tg.program(loss)
            leaves = list(written.inputs)
            got, gradients = written.run(**dict(zip(leaves, (a.data, b.data), strict=True)))
            assert got == loss.item()
            for wanted, leaf in zip(tg.grad(loss, [a, b], retain_graph=True), leaves, strict=True):
                np.testing.assert_allclose(gradients[leaf], wanted.data)
        except Exception as error:
            raise AssertionError(f"an input called {n}: {type(error).__name__}: {error}") from error
    assert form is by_a_joint_rule or "∂" in str(tg.trace(loss, max_rows=5))
    assert "digraph" in viz.draw(loss, view="op").source


def test_keyword_calls_of_any_name() -> None:
    for n in NAMES:
        op = by_one_rule_each(n)
        a, b = values()
        assert op(**{n: a, "xs": b}).tolist() == op(a, b).tolist(), n


def test_saved_beside_an_input_of_that_name() -> None:
    @tg.primitive(saves=True)
    def cube(saved: Any) -> Any:
        return saved**3, saved**2

    cube.defvjp(saved=lambda g, saved_: 3 * g * saved_)
    assert tg.gradcheck(cube, values()[0])


def test_an_input_called_g_leaves_the_cotangent_free() -> None:
    """It comes first, so its name is the rule's own matter; where no input is called g, it must be g."""
    forward = lambda g, x: g * x  # noqa: E731
    for rules in (
        {"g": lambda g, x: g * x, "x": lambda cotangent, g: cotangent * g},
        {"g": lambda g_, x: g_ * x, "x": lambda dy, g: dy * g},
    ):
        op = tg.primitive(forward)
        op.defvjp(**rules)
        assert tg.gradcheck(op, values())
    with pytest.raises(TypeError, match=r"starts with g; this one asks for \(x, g\)"):
        tg.primitive(forward).defvjp(x=lambda x, g: g)
    with pytest.raises(TypeError, match=r"starts with g; this one asks for \(dy, x\)"):
        tg.primitive(lambda x: x).defvjp(x=lambda dy, x: dy)


def test_a_float16_op_with_an_input_called_y_computes_in_float32() -> None:
    @tg.primitive(wide=True)
    def total(y: Any, g: float = 2.0) -> Any:
        return np.sum(y * g)

    total.defvjp(y=lambda dy, y_shape, g: np.broadcast_to(dy * g, y_shape))
    x = tg.tensor(np.ones(4000, np.float16), requires_grad=True)
    loss = total(x)
    assert loss.item() == 8000
    value, gradients = tg.program(loss).run(p0=x.data)
    assert (float(value), gradients["p0"].tolist()) == (8000, [2.0] * 4000)


def test_an_equation_in_the_player_is_of_y_or_of_the_loss_whatever_the_cotangent_is_called() -> None:
    from tinygrad_lstm.explain.formulas import derivative, local_derivative

    op = tg.primitive(lambda g, x: g * x)
    op.defvjp(g=lambda dy, x: dy * x, x=lambda dy, g: np.multiply(dy, g))
    node = op(*values()).source.node
    assert local_derivative(node, 0) == "x"
    assert derivative(node, 0) == ("x", "y")
    assert derivative(node, 1) == ("multiply(dy, g)", "L")
