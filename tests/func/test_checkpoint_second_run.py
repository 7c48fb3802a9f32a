"""What the second run of a checkpoint sees: random numbers, modes, names; and what must not differ."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, func, nn
from tinygrad_lstm.errors import GradError


def plain_call(f: Callable[..., Any], *args: Any) -> Any:
    return f(*args)


def leaf(*shape: int) -> Tensor:
    return tg.randn(*shape, dtype=float, requires_grad=True)


# Random numbers, modes, names --------------------------------------------------------------------------------------


def test_the_random_numbers_that_follow_are_as_if_nothing_had_run_twice() -> None:
    def draws(run: Any) -> list[float]:
        tg.manual_seed(0)
        x, dropout = tg.ones(50, requires_grad=True), nn.Dropout(0.5)
        y = run(dropout, x)
        between = tg.rand(1).item()
        y.sum().backward()
        assert x.grad is not None
        return [between, tg.rand(1).item(), *x.grad.data]

    assert draws(plain_call) == draws(func.checkpoint)


def test_a_new_seed_before_backward_changes_nothing() -> None:
    tg.manual_seed(0)
    x = tg.ones(50, requires_grad=True)
    y = func.checkpoint(nn.Dropout(0.5), x)
    tg.manual_seed(1)
    y.sum().backward()
    assert x.grad is not None
    assert (x.grad.data == y.data).all()
    after = tg.rand(1).item()
    tg.manual_seed(1)
    assert tg.rand(1).item() == after


def test_no_grad_records_nothing_and_runs_once() -> None:
    runs = []
    x = tg.tensor(2.0, requires_grad=True)

    def f(x: Tensor) -> Tensor:
        runs.append("run")
        return x * 2

    with tg.no_grad():
        y = func.checkpoint(f, x)
        recorded = func.checkpoint(tg.enable_grad()(f), x)
    assert not y.requires_grad
    assert recorded.requires_grad  # as in the plain call
    constant = func.checkpoint(f, tg.tensor(2.0))
    assert not constant.requires_grad
    assert runs == ["run"] * 3
    assert func.checkpoint(lambda x: x, x) is x


def test_backward_under_no_grad_and_in_another_thread() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    y = func.checkpoint(lambda x: x * x, x)
    with tg.no_grad():
        y.backward(retain_graph=True)
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    assert x.grad is not None
    assert x.grad.item() == 8.0
    with pytest.raises(GradError, match="already used and freed"):
        y.backward()


def test_hooks_of_a_pass_see_the_edges_inside_under_their_names() -> None:
    cell = nn.LSTMCell(2, 3).astype(float)
    x, c = np.ones((1, 2)), leaf(1, 3)

    def through_the_gates(run: Any) -> Any:
        def steps(x: Any, c: Tensor) -> Any:
            with tg.scope("t=1", step=1):
                return cell(x, (np.zeros((1, 3)), c))

        with tg.scope("outer"):
            h, _ = run(steps, x, c)
        seen: set[Any] = set()

        def cut(edge: Any, g: Any) -> Any:
            seen.add((str(edge.reader.scope), edge.reader.step, edge.tag))
            return None if edge.tag == "carry" else g

        with tg.through(cut):
            (dc,) = tg.grad(h.sum(), [c], allow_unused=True)
        assert ("outer/t=1/lstmcell", 1, "carry") in seen
        return dc

    assert through_the_gates(plain_call) is None
    assert through_the_gates(func.checkpoint) is None


# What must not differ ----------------------------------------------------------------------------------------------


def test_a_function_that_does_something_else_the_second_time_is_refused() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    random, calls = np.random.default_rng(0), list[int]()

    differing: list[Callable[[Tensor], Any]] = [
        lambda x: x * random.standard_normal(2),
        lambda x: x * len(calls),
        lambda x: (x * 2,) * (3 - len(calls)),
        lambda x: x if len(calls) > 1 else x.reshape(1, 2),
    ]
    for f in differing:

        def counting(x: Tensor, f: Callable[[Tensor], Any] = f) -> Any:
            calls.append(1)
            return f(x)

        calls.clear()
        y = func.checkpoint(counting, x)
        with pytest.raises(GradError, match=r"counting gave something else.*arguments.*tg.generator"):
            (y[0] if isinstance(y, tuple) else y).sum().backward()
    h = x
    for t in (1.0, 2.0):
        h = func.checkpoint(lambda h: h * t, h)  # noqa: B023  # the mistake
    with pytest.raises(GradError, match="a loop's variable has moved on"):
        h.sum().backward()
    assert x.grad is None


def test_a_parameter_changed_between_the_two_runs_is_noticed() -> None:
    layer, x = nn.Linear(2, 2), tg.ones(1, 2, requires_grad=True)
    y = func.checkpoint(layer, x).sum()
    layer.W.data -= 0.1
    with pytest.raises(GradError, match=r"the data of W .* was changed"):
        y.backward()


def test_an_error_of_the_second_run_leaves_every_mode_as_it_was() -> None:
    x, calls = tg.tensor(2.0, requires_grad=True), []

    def f(x: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) > 1:
            raise ZeroDivisionError
        return x * 2

    y = func.checkpoint(f, x)
    state = tg.generator().bit_generator.state
    with pytest.raises(ZeroDivisionError):
        y.backward()
    assert tg.generator().bit_generator.state == state


def test_an_edge_of_it_bears_no_tag_of_an_edge_inside() -> None:
    c = tg.tensor([1.0, 2.0], requires_grad=True)
    y = func.checkpoint(lambda c: tg.tag(c, "carry") * 2 + c * 3, c).sum()
    assert {edge.tag for edge in tg.graph_of(y).edges} == {None}
    with tg.through(lambda edge, g: None if edge.tag == "carry" else g):
        (dc,) = tg.grad(y, c)
    assert dc.tolist() == [3.0, 3.0]


def test_it_is_one_vertex_named_after_what_it_runs() -> None:
    x = tg.tensor(2.0, requires_grad=True)

    def square(x: Tensor) -> Tensor:
        return x * x

    vertex = tg.graph_of(func.checkpoint(square, x)).vertices[-1]
    assert (vertex.op, str(vertex.params["f"])) == ("checkpoint", "square")
    assert vertex.place.file == __file__
