"""detect_anomaly stops at the first NaN or inf, names all that is known of the place, and leaves nothing behind."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.errors import AnomalyError, GradError
from tinygrad_lstm.explain import detect_anomaly


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def error_of(run: Callable[[], Any]) -> str:
    """The message of the anomaly in a function."""
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        run()
    return str(caught.value)


def backward_outside(make: Callable[[], Tensor]) -> str:
    """The same, where only backward is in the mode."""
    with np.errstate(all="ignore"):
        loss = make()
    return error_of(loss.backward)


class ExponentialCell(nn.LSTMCell):
    """An LSTM whose input gate is an exponential, which overflows."""

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        f, i, o, g = tg.split(self.preactivation(x, h), 4, axis=-1)
        f = tg.sigmoid(f)
        i = tg.exp(i)
        c = f * c + i * tg.tanh(g)
        h = tg.sigmoid(o) * tg.tanh(c)
        tg.label(f=f, i=i, c=c, h=h)
        return h, c


# Forward ------------------------------------------------------------------------------------------------------------


def overflowing(x: Any) -> Tensor:
    cell = ExponentialCell(2, 3).astype(float)
    cell.W.data = np.ones((12, 2))
    state: Any = None
    for t in range(1, 11):
        with tg.scope(f"t={t}", t):
            state = cell(x[t - 1], state)
    total: Tensor = state[0].sum()
    return total


def test_an_overflow_in_an_lstm_is_named_with_step_gate_shapes_numbers_and_line() -> None:
    x = np.ones((10, 4, 2))
    x[6] = 1e3
    message = error_of(lambda: overflowing(x))
    assert message.startswith("exp gave inf of finite numbers, for i, at step 7, in t=7/exponentialcell\n")
    assert re.search(r"\n  x \(computed\): \(4, 3\): \d+.* to \d+", message)
    assert "\n  gave: (4, 3): 12 inf\n" in message
    assert re.search(
        r"\n  .*test_anomaly\.py:\d+\n      i = tg\.exp\(i\)\n          \^{9}\n  called from .*:\d+$", message
    )


def test_a_nan_in_the_input_at_step_7_of_10_is_named_with_that_step() -> None:
    x = np.ones((10, 4, 2))
    x[6, 1, 1] = np.nan
    lstm = nn.LSTM(2, 3)
    message = error_of(lambda: lstm(x))
    assert message.startswith("x (x, constant) held NaN before linear read it")
    assert ", at step 7, in lstm/t=7/" in message
    assert "\n  x (x, constant): (4, 2): 1, 1 NaN\n  W (W, leaf): (12, 2): " in message


def test_the_first_of_many_is_named() -> None:
    x = leaf([4.0, -1.0])
    message = error_of(lambda: tg.exp(tg.sqrt(x) * 2) / 0.0)
    assert message.startswith("sqrt gave NaN of finite numbers")


def test_log_of_zero_behind_a_where_is_told() -> None:
    x = leaf([0.0, 1.0])
    assert "log gave inf" in error_of(lambda: tg.where(x.data > 0, tg.log(x), 0.0))


def test_ops_on_constants_and_in_no_grad_are_watched_too() -> None:
    def run() -> None:
        with tg.no_grad():
            tg.log(leaf([0.0]))

    assert "log gave inf" in error_of(run)
    assert "x (literal): (1,): -1" in error_of(lambda: tg.sqrt(np.array([-1.0])))


def test_numpy_functions_methods_and_operators_are_watched() -> None:
    x = leaf([0.0])
    assert "log gave inf" in error_of(lambda: np.log(x))
    assert "divide gave NaN of finite numbers" in error_of(lambda: x / x)
    assert "power gave inf" in error_of(lambda: x**-1.0)
    assert "divide gave inf" in error_of(lambda: 1 / x)


def test_an_inf_that_was_given_may_be_used() -> None:
    scores, mask = leaf([1.0, 2.0, 3.0]), np.array([0.0, 0.0, -np.inf])
    with detect_anomaly():
        y = tg.softmax(scores + mask) + tg.log_softmax(tg.where(mask == 0, scores, -np.inf))[0]
        z = tg.logsumexp(scores + tg.tensor(mask)) + tg.maximum(scores, -np.inf).sum()
        (y.sum() + z).backward()
    assert scores.grad is not None
    assert np.isfinite(scores.grad.data).all()


def test_a_nan_of_infs_is_told() -> None:
    x = leaf([-np.inf, -np.inf])
    assert "subtract gave NaN of inf" in error_of(lambda: x - x)


def test_integers_and_empty_arrays_pass() -> None:
    nothing, table = leaf(np.zeros((0, 3))), leaf(np.ones((4, 2)))
    with detect_anomaly():
        (nothing * 2).sum().backward()
        tg.embedding(table, np.array([0, 1])).sum().backward()
    assert nothing.grad is not None
    assert nothing.grad.shape == (0, 3)
    assert table.grad is not None
    assert table.grad.tolist() == [[1, 1], [1, 1], [0, 0], [0, 0]]


# Backward -----------------------------------------------------------------------------------------------------------


def test_the_slope_of_sqrt_at_zero_is_named_with_its_forward_line() -> None:
    x = leaf([0.0, 4.0])

    def make() -> Tensor:
        with tg.scope("norm"), tg.scope("t=3", 3):
            y = tg.sqrt(x)
            tg.label(r=y)
        return y.sum()

    message = backward_outside(make)
    first = "the derivative of sqrt for its input x is inf, though all that it was made of is finite, for r, at step 3"
    assert message.startswith(f"{first}, in norm/t=3\n")
    assert "backward of r (sqrt) of shape (2,), made at" in message
    assert "\n  g: (2,): 1\n  y (r): (2,): 0 to 2\n  gave: (2,): 0.25, 1 inf\n" in message
    assert "            y = tg.sqrt(x)".strip() in message
    assert "sqrt for its input x is inf" in error_of(lambda: make().backward())
    assert x.grad is None, "nothing half done"


def test_the_trap_of_where_is_found_in_backward() -> None:
    x = leaf([0.0, 1.0])
    message = backward_outside(lambda: tg.where(x.data > 0, tg.log(x), 0.0).sum())
    assert message.startswith("the derivative of log for its input x is NaN, though all that it was made of is finite")
    assert "tg.where(x.data > 0, tg.log(x), 0.0)" in message


def test_a_loss_that_is_nan_is_told_with_the_first_value_that_the_graph_shows() -> None:
    x = np.ones((10, 4, 2))
    x[6] = np.nan
    lstm = nn.LSTM(2, 3)
    message = backward_outside(lambda: lstm(x)[0].sum())
    assert message.startswith("backward starts from a value that is not finite: sum of shape ()")
    assert "the first that the graph shows is x (constant) of shape (4, 2), made at" in message
    assert "lstm/t=7" in message


def test_a_loss_whose_origin_was_not_kept_says_so() -> None:
    x = leaf([1.0])
    message = backward_outside(lambda: (x + np.inf).sum() - np.inf)
    assert "run the forward pass in detect_anomaly() too" in message


def test_what_forward_kept_is_blamed_before_the_rule() -> None:
    x = leaf([-1.0, 1.0])

    def make() -> Tensor:
        bad = tg.log(x)
        return tg.where(x.data > 0, bad * bad, 0.0).sum()

    message = backward_outside(make)
    assert message.startswith(
        "the derivative of multiply for its input a is NaN: what the forward pass kept for it was"
    )
    assert "the first that the graph shows is log of shape (2,)" in message
    assert "bad = tg.log(x)" in message


def test_outputs_that_are_not_asked_for_may_be_infinite() -> None:
    x = leaf([0.0, 1.0])
    with np.errstate(divide="ignore"):
        y = x + np.log(x.data)
    with detect_anomaly():
        (g,) = tg.grad(y, x, grad_outputs=np.array([0.0, 1.0]))
    assert g.tolist() == [0.0, 1.0]


def test_a_sum_that_overflows_a_hook_and_a_cotangent_that_was_given() -> None:
    x = leaf(0.1)
    h = x * 1.0
    y = h * 1e308 + h * 1e308
    assert "what came to it was finite, but its sum is not" in error_of(y.backward)
    h = x * 1.0
    h.register_hook(lambda g: np.array(np.nan))
    assert "a hook changed it" in error_of((h * 2).backward)
    assert "given a cotangent that is not finite: (): 1 NaN" in error_of(lambda: (x * 2).backward(np.nan))


def test_second_derivatives() -> None:
    x = leaf([0.0])
    y = tg.sqrt(x).sum()
    message = error_of(lambda: tg.grad(y, x, create_graph=True))
    assert message.startswith("the rule of sqrt for x failed: divide gave inf of finite numbers")
    assert re.search(r"in backward of sqrt of shape \(1,\), made at .*:\d+$", message)


def test_backward_events_are_watched() -> None:
    x = leaf([0.0])
    assert "sqrt for its input x" in error_of(lambda: list(tg.backward_events(tg.sqrt(x).sum())))


# The mode -----------------------------------------------------------------------------------------------------------


def engine() -> tuple[Any, Any, Any]:
    return Primitive.interpreter, Primitive.of_one, Primitive.of_two


def test_it_is_a_decorator_nests_and_leaves_the_engine_as_it_was() -> None:
    before = engine()

    @detect_anomaly()
    def run(depth: int) -> Tensor:
        """Kept."""
        return run(depth - 1) if depth else tg.log(leaf(0.0))

    for _ in range(2):
        with pytest.raises(GradError, match="log gave inf"):
            run(3)
        assert engine() == before
    assert run.__doc__ == "Kept."
    mode = detect_anomaly()
    with mode, mode:
        assert engine() != before
    assert engine() == before
    with np.errstate(divide="ignore"):
        assert tg.log(leaf(0.0)).item() == -np.inf


def test_one_thread_in_the_mode_leaves_the_others_alone() -> None:
    inside, done = threading.Event(), threading.Event()
    passed: list[float] = []

    def other() -> None:
        inside.wait(10)
        with np.errstate(divide="ignore"):
            passed.append(tg.log(leaf(0.0)).item())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    before = engine()
    with detect_anomaly():
        inside.set()
        done.wait(10)
        with pytest.raises(AnomalyError):
            tg.log(leaf(0.0))
    thread.join()
    assert passed == [-np.inf]
    assert engine() == before


def test_the_recorded_places_are_the_users_own() -> None:
    x = leaf([1.0])
    with detect_anomaly():
        for y in (x * 2, tg.exp(x), tg.add(x, x), x + x, np.exp(x), x.sum(), x[0]):
            assert tg.graph_of(y).vertices[-1].place.file == __file__


def test_values_and_gradients_are_those_of_a_plain_run() -> None:
    lstm, x = nn.LSTM(2, 3), tg.randn(5, 4, 2)

    def run() -> list[Any]:
        lstm.zero_grad()
        loss = (lstm(x)[0] ** 2).mean()
        loss.backward()
        return [loss.item(), *(p.grad.tolist() for p in lstm.parameters() if p.grad is not None)]

    plain = run()
    with detect_anomaly():
        assert run() == plain
