"""A batch in shards, on one rank: the mean is the whole batch's, and nothing but the shards decides the bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import data, losses, nn, optim
from tinygrad_lstm.distributed import DataParallel, cutting, from_first, rank, size, summing, together
from tinygrad_lstm.training import SequenceModel, Training

T, B, D, H = 5, 10, 3, 4


def setting(shards: int, dtype: str = "float64", **options: Any) -> tuple[nn.LSTM, DataParallel]:
    tg.manual_seed(0)
    lstm = nn.LSTM(D, H, **options).astype(dtype)
    return lstm, DataParallel(optim.SGD(lstm.parameters(), lr=0.1), shards)


def gradients(lstm: nn.LSTM) -> list[np.ndarray]:
    return [p.grad.data for p in lstm.parameters() if p.grad is not None]


def inputs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(T, B, D)), rng.normal(size=(T, B, H))


# The mean of the whole batch ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 10])
def test_loss_and_gradient_are_those_of_the_whole_batch(shards: int, rng: np.random.Generator) -> None:
    """Also where S does not divide the rows."""
    x, y = inputs(rng)
    lstm, parallel = setting(shards)
    whole = losses.mse_loss(lstm(x)[0], y)
    expected = tg.grad(whole, list(lstm.parameters()))
    loss = parallel.backward(lambda x, y: losses.mse_loss(lstm(x)[0], y), x, y)
    assert isinstance(loss, float)
    assert loss == pytest.approx(whole.item(), rel=1e-13)
    for g, e in zip(gradients(lstm), expected, strict=True):
        np.testing.assert_allclose(g, e.data, rtol=1e-11, atol=1e-14)


def test_rows_that_count_more_than_others(rng: np.random.Generator) -> None:
    """A mask, with a shard in which nothing counts, and whose loss is no number."""
    x, y = inputs(rng)
    mask = np.arange(T)[:, None] < np.array([0, 0, 5, 1, 2, 3, 0, 4, 5, 1])
    lstm, parallel = setting(5)

    def loss_of(x: Any, y: Any, mask: Any) -> Any:
        return losses.mse_loss(lstm(x)[0], y, mask=mask) if mask.any() else (lstm(x)[0] * np.nan).sum()

    whole = losses.mse_loss(lstm(x)[0], y, mask=mask)
    expected = tg.grad(whole, list(lstm.parameters()))
    loss = parallel.backward(loss_of, x, y, mask, weights=mask.sum(axis=0))
    assert loss == pytest.approx(whole.item(), rel=1e-13)
    for g, e in zip(gradients(lstm), expected, strict=True):
        np.testing.assert_allclose(g, e.data, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", ["adding", "france", "reber", "sine", "recall"])
def test_a_training_in_shards_learns_what_one_in_whole_batches_learns(name: str) -> None:
    """Every kind of answer: at the end, at every step, with lengths, with masks."""

    def losses_of(shards: int) -> list[float]:
        tg.manual_seed(0)
        task = data.TASKS[name]()
        model = SequenceModel(task, 5).astype("float64")
        return [update.loss for update in Training(model, task, 3, 6, measured=4, seed=1, shards=shards)]

    assert losses_of(4) == pytest.approx(losses_of(1), rel=1e-5)


def test_with_one_shard_a_training_is_what_it_was() -> None:
    """The bits of a loop by hand, dropout included."""
    task = data.adding(T=6)

    def model() -> SequenceModel:
        tg.manual_seed(0)
        return SequenceModel(task, 5, num_layers=2, dropout=0.5)

    trained = Training(model(), task, 3, 4, seed=7, measured=4).run().model
    by_hand = model()
    adam = optim.Adam(by_hand.parameters(), lr=1e-2)
    for k in (1, 2, 3):
        batch = task.batch(4, rng=[7, k])
        adam.zero_grad()
        task.loss(by_hand(batch.inputs)[0], batch).backward()
        nn.utils.clip_grad_norm_(by_hand.parameters(), 1.0)
        adam.step()
    for own, other in zip(trained.parameters(), by_hand.parameters(), strict=True):
        assert own.data.tobytes() == other.data.tobytes()


def test_with_one_shard_the_parts_of_a_batch_may_be_anything() -> None:
    """Rows along another axis, a nest without arrays: nothing is cut, so nothing of it is looked at."""
    w = tg.ones(1, requires_grad=True)
    parallel = DataParallel(optim.SGD([w]), 1)
    loss, more = parallel.backward(lambda x, name: ((w * x).sum(), name), np.ones(3), "a word", axis=(5, 0))
    assert (loss, more) == (3.0, "a word")
    assert w.grad is not None
    assert w.grad.item() == 3.0


# What goes in, and what comes out -----------------------------------------------------------------------------------


def test_a_shard_gets_its_rows_of_every_part() -> None:
    seen: list[Any] = []
    lstm, parallel = setting(3)
    x = np.arange(T * B * D, dtype=float).reshape(T, B, D)
    state = (tg.zeros(1, B, H, dtype=float), tg.ones(1, B, H, dtype=float))

    def loss_of(x: Any, target: Any, nothing: Any, state: Any) -> Any:
        seen.append((x, target, nothing, state))
        h, state = lstm(x, state)
        return h.sum(), {"state": state, "none": None}, len(target)

    loss, more, number = parallel.backward(loss_of, x, np.arange(B), None, state, axis=(1, 0, 0, -2))
    assert [target.tolist() for _, target, _, _ in seen] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    np.testing.assert_array_equal(np.concatenate([x for x, *_ in seen], axis=1), x)
    assert all(nothing is None and h.shape == (1, len(target), H) for _, target, nothing, (h, _) in seen)
    whole, (h, c) = lstm(x, state)
    np.testing.assert_allclose(more["state"][0].data, h.data, rtol=1e-12)
    np.testing.assert_allclose(more["state"][1].data, c.data, rtol=1e-12)
    assert not more["state"][0].requires_grad
    assert more["none"] is None
    assert number == pytest.approx(0.4 * 4 + 0.3 * 3 + 0.3 * 3)
    assert loss == pytest.approx(sum(n / B * whole.data[:, rows].sum() for n, rows in
                                     ((4, slice(4)), (3, slice(4, 7)), (3, slice(7, 10)))))  # fmt: skip


def test_rows_by_their_numbers_need_not_be_in_memory(rng: np.random.Generator) -> None:
    x, _ = inputs(rng)
    lstm, parallel = setting(4)
    parallel.backward(lambda rows: (lstm(x[:, rows])[0] ** 2).mean(), np.arange(B), axis=0)
    by_numbers = gradients(lstm)
    lstm, parallel = setting(4)
    parallel.backward(lambda x: (lstm(x)[0] ** 2).mean(), x)
    for one, other in zip(by_numbers, gradients(lstm), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_gradients_are_added_to_those_that_are_there_and_none_stays_none(rng: np.random.Generator) -> None:
    x, _ = inputs(rng)
    used, unused = tg.ones(D, dtype=float, requires_grad=True), tg.ones(2, requires_grad=True)
    at_times = tg.ones(D, dtype=float, requires_grad=True)
    parallel = DataParallel(optim.SGD([used, unused, at_times]), 2)

    def loss_of(x: Any) -> Any:
        loss = (used * x).sum() / x.shape[1]
        return loss + (at_times * x).sum() if x[0, 0, 0] == first else loss

    first = x[0, 0, 0]
    parallel.backward(loss_of, x)
    assert used.grad is not None
    once = used.grad.data.copy()
    np.testing.assert_allclose(once, x.sum(axis=(0, 1)) / B)
    parallel.backward(loss_of, x)
    np.testing.assert_array_equal(used.grad.data, 2 * once)
    assert unused.grad is None
    assert at_times.grad is not None
    np.testing.assert_allclose(at_times.grad.data, x[:, :5].sum(axis=(0, 1)))


def test_parameters_of_several_dtypes() -> None:
    weights = [tg.ones(2, dtype=dtype, requires_grad=True) for dtype in (np.float16, np.float64, np.float32)]
    parallel = DataParallel(optim.SGD(weights), 2)
    parallel.backward(lambda x: sum((w * x).sum().astype(float) for w in weights), np.ones((4, 2)), axis=0)
    for w in weights:
        assert w.grad is not None
        assert (w.grad.dtype, w.grad.data.tolist()) == (w.dtype, [2.0] * 2)


def test_a_compiled_step_runs_in_shards(rng: np.random.Generator) -> None:
    x, y = inputs(rng)
    lstm, parallel = setting(2)
    parallel.backward(lambda x, y: losses.mse_loss(lstm(x)[0], y), x, y)
    expected = gradients(lstm)
    lstm, parallel = setting(2)
    step = tg.compile(lambda x, y: losses.mse_loss(lstm(x)[0], y))
    assert parallel.backward(step, x, y) > 0
    for one, other in zip(gradients(lstm), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


# Random numbers -----------------------------------------------------------------------------------------------------


def test_random_numbers_are_those_of_the_shard_and_of_the_batch() -> None:
    drawn: list[list[float]] = []
    w = tg.ones(1, requires_grad=True)
    parallel = DataParallel(optim.SGD([w]), 3)

    def loss_of(x: Any) -> Any:
        drawn.append(tg.generator().random(2).tolist())
        return (w * x).sum()

    tg.manual_seed(5)
    for _ in range(2):
        parallel.backward(loss_of, np.ones(6), axis=0)
    after = tg.generator().random()
    assert len({number for pair in drawn for number in pair}) == 12
    tg.manual_seed(5)
    common = [int(tg.generator().integers(2**63)) for _ in range(2)]
    assert tg.generator().random() == after, "one draw a batch, whatever the shards draw"
    expected = [np.random.default_rng([number, shard]).random(2).tolist() for number in common for shard in range(3)]
    assert drawn == expected


# The parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "parts"), [(10, 4), (4, 4), (3, 5), (0, 2), (1000, 7)])
def test_spans_cover_all_in_order(length: int, parts: int) -> None:
    spans = cutting.spans(length, parts)
    assert len(spans) == parts
    assert [k for span in spans for k in range(span.start, span.stop)] == list(range(length))
    sizes = [span.stop - span.start for span in spans]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


def test_the_sum_is_that_of_one_after_the_other(rng: np.random.Generator) -> None:
    """Not one that NumPy would add up in pairs."""
    rows, weights = rng.normal(size=(9, 50)).astype(np.float32), [1 / 9] * 9
    expected = np.zeros(50, np.float32)
    for row in rows:
        expected = expected + row * np.float32(1 / 9)
    found = summing.add_up(rows, weights)
    assert found.tobytes() == expected.tobytes()
    assert summing.sum_in_order(rows, weights, None).tobytes() == expected.tobytes()
    assert found.tobytes() != summing.add_up(rows[::-1], weights).tobytes()


def test_one_rank_is_alone() -> None:
    assert (rank(), size()) == (0, 1)
    assert together("a call", lambda: "said") == ["said"]
    assert from_first("a call", lambda: [1]) == [1]
