"""How a compiled program reads, and that no name in a loop is given away before its last read."""

from __future__ import annotations

import re
import threading
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support import cells
from tinygrad_lstm import nn
from tinygrad_lstm.compiling.factors import fold_products
from tinygrad_lstm.compiling.lines import SLICE, Line
from tinygrad_lstm.compiling.lives import assign_names, check_names, lives
from tinygrad_lstm.compiling.merging import merge
from tinygrad_lstm.compiling.places import Places
from tinygrad_lstm.compiling.repeats import Repeat, find_repeats
from tinygrad_lstm.compiling.rolling import Before, Count, Each, Here, Loop, make_loop, roll

T, B, D, H = 9, 2, 3, 4


def source(layer: nn.Module) -> str:
    step = tg.compile(lambda x: (layer(x)[0] ** 2).mean())
    step(np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32))
    return step.source


def loops(text: str) -> list[str]:
    return re.findall(r"    for t in (.*):\n", text)


FORWARD, BACKWARD = f"range({T})", f"reversed(range({T}))"


@pytest.mark.parametrize("kind", [name for name in cells.MAKERS if name != "Zoneout"])
def test_a_layer_is_one_loop_forward_and_one_backward(kind: str) -> None:
    layer = nn.LSTM(D, H, cell=cells.MAKERS[kind])
    if kind == "Zoneout of all":
        layer.eval()
    last_alone = kind == "Zoneout of all"  # its last step begins with another line
    assert loops(source(layer)) == [FORWARD, f"reversed(range({T - 1}))" if last_alone else BACKWARD]


def test_layers_and_directions() -> None:
    assert loops(source(nn.GRU(D, H, num_layers=2))) == [FORWARD, FORWARD, BACKWARD, BACKWARD]
    both = loops(source(nn.LSTM(D, H, bidirectional=True)))
    assert sorted(both) == [FORWARD, FORWARD, BACKWARD, BACKWARD]


def test_each_weight_has_one_product_and_the_inputs_one() -> None:
    """Counted, not timed: five products outside the loops, one in each of them."""
    text = source(nn.LSTM(D, H))
    body = text[text.index("def step") :]
    inside = [line for line in body.splitlines() if line.startswith("        ")]
    products = re.compile(r"_product\(|\.dot\(")
    assert len(products.findall(body)) == 5
    assert sum(bool(products.search(line)) for line in inside) == 2
    assert "_product(" not in "".join(inside)  # that they multiply matrices is known from the recording
    assert sum("sigmoid" in line for line in inside) == 1  # of f, i and o at once
    assert not any(name in line for line in inside for name in ("dW", "dU", "db"))
    assert len(inside) <= 22


def test_what_is_kept_is_written_where_it_is_read() -> None:
    """Nothing is copied into the arrays over time, concatenated or stacked."""
    text = source(nn.LSTM(D, H))
    body = text[text.index("def step") :]
    assert not re.search(r"_at\w*\[t(?: \+ 1)?\] = ", body)
    assert not re.search(r"np\.(concatenate|stack)|\.append|_each = \[(?!0\.0)", body)
    assert re.search(r"h_t = np\.multiply\(o_t, \w+, h_at\[t \+ 1\]\)", body)
    assert len(re.findall(r"        np\.multiply\(\w+, \w+\[t\], dv\w+_at\w*\[t\]\)", body)) == 4  # the gates of dz
    assert len(re.findall(r"np\.\w+\(", "".join(re.findall(r"        .*\n", body)))) == 8  # calls that write in place


def test_memory_serves_again_when_its_values_are_read() -> None:
    """The array of W x_t + b of all steps is that of dz later; with a reader in between it is not."""
    layer = nn.LSTM(D, H)
    assert re.search(r"\ndv\w+_at = v\w+_over_time\n", source(layer))

    def f(x: Any) -> Any:
        pre = tg.linear(x, layer.layers[0].W)
        z = [pre[t] + layer.layers[0].b for t in range(T)]
        h, total = tg.zeros(B, H), tg.zeros()
        for z_t in z:
            f, i, o, g = tg.split(z_t + tg.linear(h, layer.layers[0].U), 4, axis=-1)
            h = tg.sigmoid(f) * h + tg.tanh(i * g * o)
            total = total + (h * h).sum()
        return total + sum(((z_t * z_t).sum() for z_t in z), start=tg.zeros())

    step = tg.compile(f)
    for k in range(2):
        x = np.random.default_rng(k).normal(size=(T, B, D)).astype(np.float32)
        layer.zero_grad()
        step(x)
        found = [p.grad.data for p in layer.parameters() if p.grad is not None]
        layer.zero_grad()
        f(tg.tensor(x)).backward()
        for p, g in zip(layer.parameters(), found, strict=True):
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.data, g, rtol=1e-4, atol=1e-4 * np.abs(g).max())


def test_what_the_first_step_starts_from_is_not_lost() -> None:
    """h_0 stands before h_1 in the array of h, and the same state may start two loops."""
    tg.set_default_dtype("float64")
    try:
        w, h_0 = (tg.tensor(np.random.default_rng(k).normal(size=(D, D)), requires_grad=True) for k in range(2))

        def f(x: Any) -> Any:
            total = tg.zeros(dtype=float)
            for _ in range(2):
                h = h_0
                for x_t in x:
                    h = tg.tanh(tg.linear(h, w) * x_t)
                    total = total + (h * h).sum()
            return total + (h_0 * h).sum()

        step = tg.compile(f)
        for k in range(3):
            x = np.random.default_rng(k).normal(size=(T, D, D))
            w.grad = h_0.grad = None
            loss = step(x)
            again = f(tg.tensor(x))
            assert loss.item() == pytest.approx(again.item(), rel=1e-13)
            for leaf, g in zip((w, h_0), tg.grad(again, [w, h_0]), strict=True):
                assert leaf.grad is not None
                np.testing.assert_allclose(leaf.grad.data, g.data, rtol=1e-11, atol=1e-13)
                leaf.data = leaf.data * 0.9
    finally:
        tg.set_default_dtype("float32")


def line(target: str, pieces: tuple[str, ...], *holes: str | int) -> Line:
    return Line(target, pieces, holes)


SUM, SQUARE = ("", " + ", ""), ("", " * ", "")


def steps(count: int) -> list[Line]:
    """a_t = h_{t-1} + x_t; h_t = a_t * a_t."""
    made = []
    for t in range(1, count + 1):
        made += [line(f"a_{t}", SUM, f"h_{t - 1}", f"x_{t}"), line(f"h_{t}", SQUARE, f"a_{t}", f"a_{t}")]
    return made


def test_what_steps_read() -> None:
    lines = steps(4)
    assert find_repeats(lines) == [Repeat(0, 2, 4, 0)]
    (loop,) = roll(lines)
    assert isinstance(loop, Loop)
    assert loop.reads == [[Before(1, "h_0"), Each(("x_1", "x_2", "x_3", "x_4"))], [Here(0), Here(0)]]
    assert make_loop([*lines[:4], lines[5], lines[4]], 2) is None  # a read of what is not made yet
    numbered = [line(f"y_{k}", ("", "[", "]"), "x", 2 * k) for k in range(3)]
    (loop,) = roll(numbered)
    assert isinstance(loop, Loop)
    assert loop.reads == [["x", Count(0, 2)]]


def test_a_product_is_written_into_the_line_that_reads_it_unless_another_reads_it_too() -> None:
    """dg = dc * i; dz = dg * s, as dz = dc * i * s."""
    body = [line("dg_1", SQUARE, "dc_0", "i_1"), line("dz_1", SQUARE, "dg_1", "s_1"), line("dc_1", SUM, "dg_1", "dz_1")]
    i, s, waits = Each(("i_1", "i_2", "i_3")), Each(("s_1", "s_2", "s_3")), Before(2, "dc_0")
    made = [[f"{name}_{t}" for t in (1, 2, 3)] for name in ("dg", "dz", "dc")]
    twice = Loop(3, body, [[waits, i], [Here(0), s], [Here(0), Here(1)]], made, False)
    assert fold_products(twice, set()).made == made
    once = Loop(3, body, [[waits, i], [Here(0), s], ["x", Here(1)]], made, False)
    folded = fold_products(once, set())
    assert folded.made == made[1:]
    assert folded.reads[0] == [Before(1, "dc_0"), i, s]
    assert folded.body[0].fill(["dc", "i", "s"]) == "(dc * i) * s"
    assert fold_products(once, {"dg_2"}).made == made  # it is read after the loop


def test_values_at_equal_distances_in_an_array_are_a_row() -> None:
    places = Places(["a_0"])
    places.put("a_at", {f"a_{k}": k for k in range(6)}, length=6)
    assert places.row(["a_1", "a_3", "a_5"]) == ("a_at", 1, 2)
    assert places.row(["a_5", "a_4", "a_3"]) == ("a_at", 5, -1)
    assert places.row(["a_1", "a_2", "a_4"]) is None
    assert places.row(["a_1", "a_1", "a_1"]) is None
    assert places.spread(["a_1", "a_3", "a_5"]) == "*a_at[1::2]"
    assert places.spread(["a_4", "a_2", "a_0"]) == "*a_at[4::-2]"
    assert places.spread(["a_0", "a_1", "a_2", "a_5", "a_1", "a_3"]) == "*a_at[:3], a_at[5], a_at[1], a_at[3]"


@pytest.mark.parametrize("reverse", [False, True])
def test_the_steps_of_x_are_read_where_x_is(reverse: bool) -> None:
    """W x_t of all steps is one product of x itself, also where the loop goes from the last step to the first."""
    text = source(nn.LSTM(D, H, reverse=reverse))
    assert "np.dot(_rows(x), W.T, _rows(" in text
    assert "_product(_rows(dv" in text
    assert ".T, _rows(x))" in text
    assert loops(text) == ([BACKWARD, FORWARD] if reverse else [FORWARD, BACKWARD])


def test_gates_that_share_a_call_are_named_after_all_of_them() -> None:
    assert "f_i_o_t = sigmoid_into(v" in source(nn.LSTM(D, H))
    outputs = dict.fromkeys(("y_part0", "y_part1", "y_part2", "a_1", "b_1"), ((2, 2), "f4"))
    parts = [line(f"y_part{k}", ("", "[", "]"), "y", k) for k in range(3)]
    calls = [line(f"{name}_1", ("np.tanh(", ")"), f"y_part{k}") for k, name in ((0, "a"), (2, "b"))]
    for axis, is_last in ((("axis=-", 1), True), (("axis=", 1), True), (("axis=", 0), False), (("axis=-", 2), False)):
        split = line("y", ("split(", ", ", f", {axis[0]}", ")"), "z", 3, axis[1])
        apart = merge([split, *parts, *calls], dict(outputs))
        assert [one.pieces == SLICE for one in apart] == [False, *[is_last] * 3, False, False]  # a and b stay alone
        beside = [split, *parts, calls[0], calls[1]._replace(holes=("y_part1",))]
        shared = [one.holes for one in merge(beside, dict(outputs)) if one.target.startswith("a_b")]
        assert shared == [("z", 0, 4)] * is_last


def test_reads_two_steps_back_are_left_as_they_are() -> None:
    lines = [line(f"h_{t}", SUM, f"h_{t - 1}", f"h_{t - 2}") for t in range(2, 8)]
    assert roll(lines) == lines


def test_two_lives_never_share_a_name() -> None:
    """c·2 is read after the c of the next step is made: each has its own name; without that read they share one."""
    body = [line("dc_1", SUM, "g", "g"), line("dc_1·2", SUM, "dc_1", "x"), line("y_1", SUM, "dc_1", "dc_1·2")]
    apart = Loop(3, body, [["g", "g"], [Here(0), "x"], [Here(0), Here(1)]], [["dc_1"], ["dc_1·2"], ["y_1"]], False)
    assert lives(apart, set())[0] == {0, 1}
    first, second, _ = assign_names(apart, set(), free := names())
    assert first != second
    with pytest.raises(AssertionError, match="overwritten before its last read"):
        check_names(apart, set(), ["dc_t", "dc_t", "y_t"])
    shared = Loop(3, body, [["g", "g"], [Here(0), "x"], [Here(1), Here(1)]], apart.made, False)
    first, second, _ = assign_names(shared, set(), free)
    assert first == second
    with pytest.raises(AssertionError, match="overwritten"):
        check_names(shared, {0}, ["dc_t", "dc_t", "y_t"])


def test_a_state_that_is_read_after_the_next_one_is_made_is_held() -> None:
    w = tg.tensor(np.random.default_rng(0).normal(size=(D, D)), requires_grad=True)

    def f(x: Any) -> tg.Tensor:
        h, total = tg.zeros(B, D, dtype=float), tg.zeros(dtype=float)
        for x_t in x:
            new = tg.tanh(tg.linear(h, w) + x_t)
            total = total + (new * h * h).sum()
            h = new * x_t
            total = total + (h * new).sum()
        return total

    step, x = tg.compile(f), np.random.default_rng(1).normal(size=(T, B, D))
    loss = step(x)
    assert step.programs[next(iter(step.programs))][0].rolled
    expected = f(tg.tensor(x))
    (g,) = tg.grad(expected, w)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-13)
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.data, g.data, rtol=1e-11)


def names() -> Any:
    known: set[str] = set()

    def free(name: str) -> str:
        while name in known:
            name += "_2"
        known.add(name)
        return name

    return free


def test_threads_share_a_program() -> None:
    layer = nn.LSTM(D, H)
    step = tg.compile(lambda x: (layer(x)[0] ** 2).mean())
    xs = [np.random.default_rng(k).normal(size=(T, B, D)).astype(np.float32) for k in range(4)]
    expected = [step(x).item() for x in xs]
    layer.zero_grad()
    found: dict[int, list[float]] = {}

    def work(k: int) -> None:
        found[k] = [step(xs[k]).item() for _ in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[k] == [expected[k]] * 20 for k in range(4))


def test_training_goes_as_it_does_on_the_engine() -> None:
    results = []
    for compiled in (False, True):
        tg.manual_seed(0)
        layer = nn.LSTM(D, H, num_layers=2, dropout=0.2)
        optimiser = tg.optim.Adam(layer.parameters(), lr=0.01)

        def f(x: Any, layer: Any = layer) -> tg.Tensor:
            loss: tg.Tensor = (layer(x)[0] ** 2).mean()
            return loss

        step = tg.compile(f)
        losses = []
        for k in range(6):
            x = np.random.default_rng(k).normal(size=(T, B, D)).astype(np.float32)
            optimiser.zero_grad()
            if compiled:
                loss = step(x)
            else:
                loss = f(x)
                loss.backward()
            nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
            optimiser.step()
            losses.append(loss.item())
        results.append(losses)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
