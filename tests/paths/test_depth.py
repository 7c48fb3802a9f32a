"""How many ops wait for one another, and the shortest way: closed forms, and which elements meet, op by op."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Case, cases
from tests.support.unrolled import D, H, make
from tinygrad_lstm import Tensor, func, nn, paths
from tinygrad_lstm.errors import DtypeError, GradError, UnsupportedError
from tinygrad_lstm.paths.meeting import RULES, Meeting


def words(T: int, B: int = 1) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((T, B, D))


def leaf(*shape: int) -> Tensor:
    return tg.tensor(np.ones(shape), requires_grad=True)


def attention(x: Tensor) -> Tensor:
    """x (T, D): every position reads every other at once."""
    return tg.softmax(x @ x.T, axis=-1) @ x


# The longest way -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "Separate", "Peephole", "GRU", "MGU", "LayerNormLSTM"])
def test_a_recurrent_layer_is_a_multiple_of_its_steps(kind: str) -> None:
    layer = make(kind)
    short, middle, long = (paths.depth(layer(words(T))[0]) for T in (5, 10, 25))
    assert (long - middle) == 3 * (middle - short) > 0
    assert len({*long.by_step.values()} - {long.by_step[1], long.by_step[25]}) <= 1


def test_an_lstm_takes_eight_a_step_whatever_the_batch() -> None:
    """linear, add, add, σ, ⊙, +, tanh, ⊙."""
    for T, B in ((1, 1), (25, 1), (25, 8)):
        longest = paths.depth(make("LSTM")(words(T, B))[0])
        assert longest == 8 * T
        assert longest.by_step == dict.fromkeys(range(1, T + 1), 8)
    ops = [one.op for one in longest.ops[-8:]]
    assert ops[:3] == ["linear", "add", "add"]
    assert ops[-4:] == ["multiply", "add", "tanh", "multiply"]
    assert longest.ops[-1].label == "h"


def test_layers_go_on_from_each_other_step_by_step_not_one_after_the_other() -> None:
    """Layer 2 at t waits for layer 1 at t and for itself at t - 1: T + 1 cells in a row, not 2 T."""
    assert paths.depth(make("LSTM", num_layers=2)(words(20))[0]) == 8 * 20 + 8
    assert paths.depth(make("LSTM", num_layers=3)(words(20))[0]) == 8 * 20 + 16
    both = make("LSTM", num_layers=2, bidirectional=True)(words(20))[0]
    assert paths.depth(both) == 2 * 8 * 20  # the second layer reads both directions, so all of the first


@pytest.mark.parametrize("T", [4, 64])
def test_what_has_no_recurrence_is_as_deep_at_every_length(T: int) -> None:
    first, second = nn.Linear(D, H), nn.Linear(H, H)
    assert paths.depth(second(tg.tanh(first(words(T))))) == 5
    assert paths.depth(attention(leaf(T, D))) == 3


@pytest.mark.parametrize("kind", [nn.MinLSTM, nn.MinGRU])
def test_a_scan_is_log_of_its_steps(kind: Any) -> None:
    layer = kind(D, H)
    depths = [paths.depth(layer(words(T))[0]) for T in (8, 16, 32, 64, 128)]
    assert {b - a for a, b in itertools.pairwise(depths)} == {2}  # ⊙ and +
    assert paths.depth(layer.unroll(words(128)).output) >= 2 * 128


def test_a_stacked_output_read_at_one_step_waits_for_the_steps_up_to_it() -> None:
    output = make("LSTM")(words(20))[0]
    assert [int(paths.depth(output[t])) for t in (0, 4, -1)] == [8, 40, 160]
    assert paths.depth(tg.unstack(output)[2]) == 24
    assert paths.depth(tg.split(tg.concatenate([output, output[:3]]), [20])[1]) == 24
    head = nn.Linear(H, 1).astype(float)
    assert paths.depth(head(output)[6]) == 8 * 7 + 2
    assert paths.depth(tg.flip(tg.swapaxes(output, 0, 2), 2)[:, :, 0]) == 160
    assert paths.depth(output.sum(axis=-1)[0]) == 9
    assert paths.depth(output.sum()) == 161
    padded = tg.index_put(tg.zeros(20, 1, H, dtype=float), 5, output[2])
    assert paths.depth(padded[5]) == 24
    assert paths.depth(tg.einsum("tbh,kh->tbk", output, tg.ones(2, H, dtype=float))[1]) == 17


def test_rows_of_a_batch_wait_for_their_own_steps() -> None:
    _, (h, _) = make("LSTM")(words(10, 3), lengths=[10, 4, 1])
    waits = [int(paths.depth(h[0, row])) for row in range(3)]
    assert waits == [80, 32, 8]


def test_nothing_is_counted_that_computes_nothing() -> None:
    x = leaf(4, 3)
    y = tg.stack(tg.split(tg.concatenate([x.T, x.T])[1:], 5)).reshape(-1)[3:]
    assert paths.depth(y) == 0
    assert paths.shortest(y, x) == 0


def test_an_op_of_the_users_own_reads_all_its_inputs() -> None:
    @tg.primitive
    def twice(x: Any) -> Any:
        return 2 * x

    twice.defvjp(x=lambda g: 2 * g)
    h = [leaf(1)]
    for _ in range(5):
        h.append(tg.tanh(h[-1]))
    assert paths.depth(twice(tg.stack(h))[0]) == 6
    assert paths.depth((2 * tg.stack(h))[0]) == 1


# The shortest way ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("T", [3, 10, 40])
def test_the_first_word_reaches_the_last_state_along_the_belt(T: int) -> None:
    trajectory = make("LSTM").unroll(words(T))
    first, last = trajectory.steps[0], trajectory.steps[-1]
    along = paths.shortest(last.c, first.c)
    assert along == 2 * (T - 1)
    assert [one.op for one in along.ops] == ["multiply", "add"] * (T - 1)
    assert [one.step for one in along.ops[::2]] == list(range(2, T + 1))
    whole = paths.shortest(last.h, first.x)  # linear, add, add, σ, ⊙, +; then the belt; then tanh, ⊙
    assert whole == 6 + 2 * (T - 1) + 2
    assert paths.shortest(trajectory.output[-1], first.x) == whole
    assert {one.module for one in whole.ops} == {("lstm", "layers.0")}


@pytest.mark.parametrize("T", [3, 40])
def test_attention_joins_any_two_words_alike_and_an_lstm_as_far_as_they_are_apart(T: int) -> None:
    inputs = [leaf(D) for _ in range(T)]
    assert paths.shortest(attention(tg.stack(inputs))[-1], inputs[0]) == 1  # as a value, which is a product
    assert paths.shortest(attention(tg.stack(inputs))[-1], inputs[-1]) == 1
    output = make("RNN")(tg.stack(inputs))[0]
    assert paths.shortest(output[-1], inputs[0]) == 4 * T
    assert paths.shortest(output, inputs[0]) == 4, "any element of the output: that of its own step"


def test_of_several_outputs_only_the_one_that_is_asked_for_counts() -> None:
    a, b = tg.split(leaf(4), 2)
    y = tg.tanh(tg.tanh(a)) + b
    assert [int(paths.shortest(y, one)) for one in (a, b, y)] == [3, 1, 0]


def test_where_no_way_leads() -> None:
    trajectory = make("LSTM").unroll(words(5))
    with pytest.raises(GradError, match="no way leads from"):
        paths.shortest(trajectory.output[1], trajectory.steps[3].h)
    with pytest.raises(GradError, match="no way leads from"):
        paths.shortest(trajectory.output, leaf(2))
    x = leaf(3)
    with pytest.raises(GradError, match="no way leads from"):
        paths.shortest(tg.where(np.array([True, False, True]), 0.0, x)[0], x)


# Both ----------------------------------------------------------------------------------------------------------------


PAIRS: list[Callable[[Tensor, Tensor], Tensor]] = [
    lambda a, b: a * b,
    lambda a, b: tg.concatenate([a[1:], b[:1]]),
    lambda a, b: tg.where(np.array([True, False, True]), a, b),
    lambda a, b: a.sum() + tg.flip(b),
    lambda a, b: tg.cumsum(a) * b,
    lambda a, b: tg.stack([a, 2.0 * b])[:, 1] @ tg.ones(2, 3, dtype=float),
]


def random_graph(rng: np.random.Generator, leaves: list[Tensor]) -> list[Tensor]:
    values = list(leaves)
    for _ in range(12):
        a, b = rng.integers(0, len(values), 2)
        values.append(PAIRS[rng.integers(len(PAIRS))](values[a], values[b]))
    return values


@pytest.mark.parametrize("seed", range(20))
def test_ways_are_ways_of_the_graph(seed: int) -> None:
    """Each op of a way is a node that leads to the next; the longest is no shorter than the shortest."""
    rng = np.random.default_rng(seed)
    x = leaf(3)
    for y in random_graph(rng, [x, leaf(3)])[2:]:
        longest = paths.depth(y)
        assert longest == len(longest.ops) >= 0
        moved = {vertex.op for vertex in tg.graph_of(y).vertices}
        assert {one.op for one in longest.ops} <= moved
        if any(vertex is x.source.node for vertex in tg.graph_of(y)._ids):
            try:
                shortest = paths.shortest(y, x)
            except GradError:
                continue
            assert shortest <= longest


def reached(case: Case, inputs: list[np.ndarray]) -> list[np.ndarray]:
    outputs = case.op(*case.leaves())
    node = outputs[0].source.node
    given = iter(inputs)
    return Meeting(node, [None if s is None else next(given) for s in node.sources], np.maximum, 0).outputs()


# What reads an element and yet has a slope of 0 there: steps, and choices made by the values.
FLAT = {"maximum", "minimum", "fmax", "fmin", "max", "min", "clip", "relu", "sign", "floor", "ceil", "trunc", "rint",
        "round", "floor_divide", "remainder", "fmod", "heaviside", "copysign", "var", "std", "norm", "prod",
        "cumprod"}  # fmt: skip


@cases(suits=lambda case: bool(case.slots))
def test_every_op_joins_the_elements_that_its_derivative_joins(case: Case) -> None:
    """Element by element: what ∂y/∂x says is joined is joined, and, of a smooth op, nothing else."""
    leaves = case.leaves()
    outputs = case.op(*leaves)
    for k, x in enumerate(leaves):
        slopes: list[list[Any]] = [[] for _ in outputs]
        for n, y in enumerate(outputs):
            for place in range(y.size):
                v = np.zeros(y.size)
                v[place] = 1
                (g,) = tg.grad(y, x, v.reshape(y.shape), retain_graph=True, allow_unused=True)
                slopes[n].append(np.zeros(x.shape, bool) if g is None else g.data != 0)
        for place in range(x.size):
            ones = [np.zeros(one.shape, np.int64) for one in leaves]
            ones[k].flat[place] = 1
            for n, numbers in enumerate(reached(case, ones)):
                joined = numbers.reshape(-1) > 0
                expected = np.array([slope.flat[place] for slope in slopes[n]], bool).reshape(-1)
                assert (joined >= expected).all()
                if x.size > 1 and case.record.op.name not in FLAT and case.record.op in RULES:
                    np.testing.assert_array_equal(joined, expected)


def test_it_is_a_number_that_shows_its_ops() -> None:
    longest = paths.depth(make("LSTM")(words(3))[0])
    assert (longest + 1, f"{longest:>4}", repr(longest)) == (
        25, "  24", "CriticalPath(ops that wait for one another: 24, 8 at each of 3 time steps)",
    )  # fmt: skip
    assert str(longest).splitlines()[0] == "ops that wait for one another: 24, 8 at each of 3 time steps"
    assert len(str(longest).splitlines()) == 2 + 24
    assert longest._repr_html_().count("<tr>") == 1 + 24
    for again in (pickle.loads(pickle.dumps(longest)), copy.deepcopy(longest)):
        assert (again, again.ops, type(again)) == (24, longest.ops, paths.CriticalPath)
    assert repr(paths.depth(tg.tanh(leaf(2)))) == "CriticalPath(ops that wait for one another: 1)"


@pytest.mark.parametrize("count", [paths.depth, lambda y: paths.shortest(y, leaf(1))], ids=["depth", "shortest"])
def test_what_hides_ops_is_refused(count: Callable[[Tensor], Any]) -> None:
    with pytest.raises(UnsupportedError, match="runs all steps as one op"):
        count(nn.LSTM(D, H, fused=True)(words(3).astype(np.float32))[0])
    with pytest.raises(UnsupportedError, match="records nothing of what it runs"):
        count(func.checkpoint(tg.tanh, leaf(2)))
    with pytest.raises(GradError, match="no ops were recorded"):
        count(tg.ones(3))
    with pytest.raises(DtypeError, match="takes a tensor as loss"):
        count(3.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("account", [
    lambda y, x: paths.routes(y, x, crossing=lambda edge: False), paths.ledger, paths.strongest_path, paths.flow,
    lambda y, x: paths.state_jacobian(y, x), lambda y, x: paths.lag_matrix([y], [x]),
], ids=["routes", "ledger", "strongest_path", "flow", "state_jacobian", "lag_matrix"])  # fmt: skip
def test_no_account_of_ways_passes_a_checkpoint_by(account: Any) -> None:
    x = leaf(2)
    with pytest.raises(UnsupportedError, match="records nothing of what it runs"):
        account(func.checkpoint(lambda x: tg.tanh(x).sum(), x), x)
