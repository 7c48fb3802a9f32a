"""The table of a backward pass: its numbers by hand, its symbols from the rules, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.long_chains import few_and_many, run_with_a_shallow_stack
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, GradError, ShapeError
from tinygrad_lstm.explain import Trace


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def test_z_is_x_squared_plus_x_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """At x = 3: dz/dz = 1; the sum hands 1 to x·x and 1 to x; x·x hands 3 and 3 to x; so dz/dx = 1 + 3 + 3 = 2x + 1."""
    x = leaf(3.0)
    with tg.scope("toy"):
        z = x * x + x
    tg.label(x=x, z=z)
    table = tg.trace(z)
    assert capsys.readouterr().out == f"{table}\n"
    add, multiply, end = table.rows
    assert [(row.number, row.name, row.op, row.scope) for row in table.rows] == [
        (1, "z", "add", "toy"), (2, "#2", "multiply", "toy"), (3, "x", "", ""),
    ]  # fmt: skip
    assert [row.cotangent.values for row in table.rows] == [1.0, 1.0, 7.0]
    parts = [(part.name, part.symbols, part.slope, part.contribution.values, part.source) for part in add.parts]
    assert parts == [("a", "1", 1.0, 1.0, "#2"), ("b", "1", 1.0, 1.0, "x")]
    parts = [(part.name, part.symbols, part.slope, part.contribution.values, part.source) for part in multiply.parts]
    assert parts == [("a", "b", 3.0, 3.0, "x"), ("b", "a", 3.0, 3.0, "x")]
    assert [amount.values for amount in end.summed] == [1.0, 3.0, 3.0]
    assert end.parts == ()
    lines = str(table).splitlines()
    assert " ".join(lines[4].split()) == "2 #2 = multiply toy 1 ∂/∂a = b = 3 x += 3"
    assert lines[6].split(maxsplit=1)[1].split("  ")[-1].strip() == "7 = 1 + 3 + 3"
    assert "multiply: The product a ⊙ b" in lines[-1]


def test_the_numbers_are_those_of_the_engine_for_an_lstm() -> None:
    lstm = nn.LSTM(2, 3)
    trajectory = lstm.unroll(tg.randn(4, 2, 2))
    loss = (trajectory.output**2).mean()
    table = Trace(loss)
    named = {row.name: row for row in table.rows}
    assert all(f"{gate}_{t}" in named for gate in "fioghc" for t in (1, 2, 3, 4))
    for name, tensor in [
        ("c_2", trajectory.steps[1].c),
        ("h_1", trajectory.steps[0].h),
        ("f_3", trajectory.steps[2].f),
    ]:
        (g,) = tg.grad(loss, tensor, retain_graph=True)
        assert named[name].cotangent.norm == pytest.approx(np.linalg.norm(g.data), rel=1e-5)
        assert named[name].step == int(name[-1])
    (dW,) = tg.grad(loss, lstm.layers[0].W)
    assert named["W"].cotangent.norm == pytest.approx(np.linalg.norm(dW.data), rel=1e-5)
    assert len(named["W"].summed) == 4
    assert named["f_3"].parts[0].symbols == "y (1 - y)"
    assert 0 < (named["f_3"].parts[0].slope or 0) <= 0.25
    assert max(map(len, str(table).splitlines())) <= 100


@pytest.mark.parametrize(
    ("function", "symbols", "slope"),
    [
        (lambda x: tg.tanh(x), "1 - y·y", 1 - np.tanh(2.0) ** 2), (lambda x: tg.log(x), "1/x", 0.5),
        (lambda x: tg.exp(x), "y", np.exp(2.0)), (lambda x: 3 / x, "-y/b", -0.75), (lambda x: -x, "-1", -1.0),
        (lambda x: x**3, "b aᵇ⁻¹", 12.0), (lambda x: tg.relu(x), "where(y > 0, 1, 0)", 1.0),
        (lambda x: tg.sqrt(x), "0.5/y", 0.5 / np.sqrt(2.0)),
    ],
)  # fmt: skip
def test_symbols_and_slopes_of_scalars(function: Any, symbols: str, slope: float) -> None:
    (part,) = Trace(function(leaf(2.0))).rows[0].parts
    assert part.symbols == symbols
    assert part.slope == pytest.approx(slope)


def test_an_op_of_ones_own_needs_nothing_more() -> None:
    @tg.primitive
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(x=lambda g, x: 3 * g * x**2)

    @tg.primitive
    def sine(x: Any) -> Any:
        """y = sin x, with ∂y/∂x = cosine, which is no formula: that is declared."""
        return np.sin(x)

    def rule(g: Any, x: Any) -> Any:
        slope = np.cos(x)
        return g * slope

    sine.defvjp(x=rule)
    assert Trace(sine(leaf(2.0))).rows[0].parts[0].symbols == "", "nothing is guessed from a docstring"
    sine.defslope(x="cos x")
    table = Trace(sine(cube(leaf(2.0))))
    assert [(row.op, row.parts[0].symbols) for row in table.rows[:2]] == [
        ("sine", "cos x"),
        ("cube", "3·x ^ 2".replace(" ", "")),
    ]
    assert table.rows[1].parts[0].slope == pytest.approx(12.0)


def test_a_zero_cotangent_several_outputs_and_tiny_arrays() -> None:
    x = leaf([1.0, 2.0])
    a, b = tg.split(x, 2)
    table = Trace((a * 0.0 * a).sum())
    assert "[0]" in str(table)
    assert table.rows[-1].name == f"#{len(table.rows)}"
    assert tg.grad((b * 1.0).sum(), x)[0].tolist() == [0.0, 1.0]


def test_a_long_graph_is_elided_with_a_count() -> None:
    h = leaf(0.5)
    for _ in range(500):
        h = tg.tanh(h)
    table = Trace(h, max_rows=10)
    assert len(table.rows) == 501
    text = str(table)
    assert "... 491 more rows (max_rows=None shows all) ..." in text
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[2:13]] == [*"12345", "...", "497", "498", "499", "500", "501"]
    assert len(str(Trace(h, max_rows=None)).splitlines()) == 2 + 501 + 1 + 1
    with pytest.raises(ArgumentError, match="at least 2"):
        Trace(h, max_rows=1)


def test_cut_paths_are_not_in_the_table() -> None:
    x = leaf(3.0)
    with tg.through(lambda edge, g: g if edge.name == "a" else None):
        table = Trace(x * x)
    assert table.rows[-1].cotangent.values == 3.0


def test_graph_and_grads_stay_as_they_were() -> None:
    x = leaf(3.0)
    y = x * x
    Trace(y)
    assert x.grad is None
    y.backward()
    with pytest.raises(GradError, match="already used and freed"):
        Trace(y)


def test_bad_input() -> None:
    with pytest.raises(GradError, match="depends on nothing"):
        Trace(tg.tensor(1.0))
    with pytest.raises(ShapeError, match=r"x\.trace\(\) is a matrix's\) as loss, not a tensor of shape \(2, 2\)"):
        Trace(leaf(np.ones((2, 2))))
    with pytest.raises(DtypeError, match=r"not the number 1\.0"):
        Trace(1.0)  # type: ignore[arg-type]  # on purpose


@few_and_many(1_000, 100_000)
def test_a_long_chain(n: int) -> None:
    printed = run_with_a_shallow_stack(f"""
        h = tg.tensor(0.5, requires_grad=True)
        for t in range({n}):
            h = tg.tanh(h)
        tg.trace(h, max_rows=6)
    """)
    assert f"... {n - 5} more rows" in printed
