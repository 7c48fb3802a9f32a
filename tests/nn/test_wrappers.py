"""Wrappers of cells: zoneout, recurrent dropout, dropped weights, and cells inside of each other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cells import MAKERS, B, D, H, T, make, same, sequence, start
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError


def wrapped(wrapper: Callable[[nn.Cell], nn.Cell]) -> tuple[nn.Cell, nn.Cell]:
    inner = make("LSTM")
    return inner, wrapper(inner)


def dropping_candidates(inner: nn.Cell) -> nn.Cell:
    cell = nn.CandidateDropoutLSTMCell(D, H, p=0.5).astype(float)
    cell.load_state_dict(inner.state_dict())
    return cell


def test_candidate_dropout_forgets_nothing() -> None:
    """What is dropped is not written, so c is f ⊙ c there: exactly; elsewhere twice the candidate is written."""
    tg.manual_seed(0)
    inner, outer = wrapped(dropping_candidates)
    h, c = start(inner)
    masks = []
    steps = nn.unroll(outer, np.ones((T, B, D)), (h, c)).steps
    for before, step in zip([c, *(step.c for step in steps)], steps, strict=False):
        dropped = step.g.data == 0
        np.testing.assert_array_equal(step.c.data[dropped], (step.f.data * before.data)[dropped])
        masks.append(dropped.tolist())
    first, plain = steps[0], nn.unroll(inner, np.ones((1, B, D)), (h, c)).steps[0]
    np.testing.assert_allclose(first.g.data[first.g.data != 0], 2 * plain.g.data[first.g.data != 0], rtol=1e-12)
    assert masks[0] != masks[1]  # a mask for each step
    assert 0 < np.mean(masks) < 1
    with pytest.raises(ArgumentError, match="probability"):
        nn.CandidateDropoutLSTMCell(D, H, p=1.0)


@pytest.mark.parametrize("kind", ["RecurrentDropout", "WeightDrop", "Zoneout", "CandidateDropout"])
def test_after_a_sequence_a_wrapper_holds_nothing_of_it(kind: str) -> None:
    """So it can be copied, and a loop written by hand, which gives no state at the first step, can train it."""
    layer = nn.LSTM(D, H, 2, bidirectional=True, cell=MAKERS[kind]).astype(float)
    x = sequence()
    layer(x)[0].sum().backward()
    twin = copy.deepcopy(layer).eval()
    fresh = nn.LSTM(D, H, 2, bidirectional=True, cell=MAKERS[kind]).astype(float).eval()
    fresh.load_state_dict(layer.eval().state_dict())
    for other in (twin, fresh):
        np.testing.assert_array_equal(other(x)[0].data, layer(x)[0].data)

    class Pair(nn.Cell):  # cells within a cell begin with it
        def __init__(self) -> None:
            super().__init__(D, H)
            self.cells = nn.ModuleList([make(kind)])

        @property
        def states(self) -> tuple[str, ...]:  # type: ignore[override]  # the cell's own
            return tuple(self.cells[0].states)

        def forward(self, x: tg.Tensor, state: Any) -> Any:
            return self.cells[0](x, state)

    for cell in (make(kind), Pair()):
        for _ in range(2):
            state: Any = None
            for x_t in x:
                state = cell(x_t, state)
            (state[0] if isinstance(state, tuple) else state).sum().backward()


def test_wrappers_go_around_cells_that_bear_them() -> None:
    with pytest.raises(ArgumentError, match="a Zoneout goes around one cell, not around a LSTM"):
        nn.Zoneout(nn.LSTM(D, H), h=0.1)  # type: ignore[arg-type]  # that is the error
    with pytest.raises(ArgumentError, match="Zoneout carries h itself"):
        nn.RecurrentDropout(nn.Zoneout(nn.LSTMCell(D, H), h=0.1))
    assert nn.RecurrentDropout(nn.Zoneout(nn.LSTMCell(D, H), c=0.1)).carried == ("c",)


@pytest.mark.parametrize(
    "wrapper",
    [
        lambda c: nn.RecurrentDropout(c, 0.5),
        dropping_candidates,
        lambda c: nn.WeightDrop(c, 0.5),
        lambda c: nn.Zoneout(c, h=0.0),
    ],
)
def test_in_evaluation_a_dropping_wrapper_is_not_there(wrapper: Any) -> None:
    inner, outer = wrapped(wrapper)
    same(inner, outer.eval())


def test_zoneout_keeps_whole_units_in_training_and_the_mean_in_evaluation() -> None:
    inner, outer = wrapped(lambda c: nn.Zoneout(c, h=0.3, c=0.6))
    x, (h, c) = sequence().data[0], start(inner)
    plain_h, plain_c = inner(x, (h, c))
    for _ in range(5):
        new_h, new_c = outer(x, (h, c))
        for new, old, plain in ((new_h, h, plain_h), (new_c, c, plain_c)):
            assert ((new.data == old.data) | (new.data == plain.data)).all()
    mean_h, mean_c = outer.eval()(x, (h, c))
    np.testing.assert_allclose(mean_c.data, 0.6 * c.data + 0.4 * plain_c.data, rtol=1e-12)
    np.testing.assert_allclose(mean_h.data, 0.3 * h.data + 0.7 * plain_h.data, rtol=1e-12)
    asleep = nn.unroll(nn.Zoneout(inner, h=1.0, c=1.0), sequence(), (h, c)).state
    np.testing.assert_array_equal(asleep[0].data, h.data)
    with pytest.raises(ArgumentError, match="has no state z"):
        nn.Zoneout(inner, z=0.1)


def test_each_row_of_a_batch_sleeps_by_itself() -> None:
    tg.manual_seed(0)
    state = (tg.ones(8, 16), tg.ones(8, 16))
    h, c = nn.Zoneout(nn.LSTMCell(D, 16), h=0.5, c=0.5)(np.ones((8, D), np.float32), state)
    for part in (h, c):
        asleep = part.data == 1
        assert len(np.unique(asleep, axis=0)) == 8, "two rows sleep alike"
        assert 0.3 < asleep.mean() < 0.7


def masks_seen(cell: nn.Cell, monkeypatch: pytest.MonkeyPatch, inner: nn.Cell) -> list[Any]:
    seen: list[Any] = []
    real = type(inner).forward

    def watch(running: Any, x: tg.Tensor, state: Any) -> Any:
        seen.append((state[0].data.copy(), running.U.data.copy()))
        return real(running, x, state)

    monkeypatch.setattr(type(inner), "forward", watch)
    nn.unroll(cell, np.ones((T, B, D)), (np.ones((B, H)), np.ones((B, H))))
    return seen


def test_recurrent_dropout_has_one_mask_for_each_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, outer = wrapped(lambda c: nn.RecurrentDropout(c, 0.5))
    first, second = (masks_seen(outer, monkeypatch, inner) for _ in range(2))
    zeros = [h == 0 for h, _ in first[:T]]
    assert zeros[0].any()
    assert not zeros[0].all()
    for dropped in zeros[1:]:
        np.testing.assert_array_equal(dropped, zeros[0])
    assert (second[0][0] == 0).tolist() != zeros[0].tolist()
    with pytest.raises(ArgumentError, match="GRUCell carries h itself"):
        nn.RecurrentDropout(nn.GRUCell(D, H))


def test_weight_drop_drops_connections_for_a_sequence_and_gives_the_whole_weights_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner, outer = wrapped(lambda c: nn.WeightDrop(c, 0.5))
    assert isinstance(inner, nn.Gates)
    U = inner.U
    seen = masks_seen(outer, monkeypatch, inner)
    assert inner.U is U
    dropped = seen[0][1]
    assert 0.2 < (dropped == 0).mean() < 0.8
    np.testing.assert_allclose(dropped[dropped != 0], 2 * U.data[dropped != 0], rtol=1e-12)
    for _, again in seen[1:]:
        np.testing.assert_array_equal(again, dropped)
    (nn.unroll(outer, sequence()).output ** 2).sum().backward()
    assert U.grad is not None
    assert (U.grad.data == 0).any()
    assert [name for name, _ in outer.named_parameters()] == ["cell.W", "cell.U", "cell.b"]
    with pytest.raises(ArgumentError, match="no parameter V"):
        nn.WeightDrop(inner, names=("V",))


def test_locked_dropout_between_layers() -> None:
    tg.manual_seed(0)
    layer = nn.LSTM(D, H, 2, dropout=nn.LockedDropout(0.5))
    trajectory = layer.unroll(tg.randn(T, B, D))
    inputs = np.stack([step.x.data for step in trajectory.chains[1].steps])
    dropped = inputs == 0
    assert dropped.any()
    np.testing.assert_array_equal(dropped, np.broadcast_to(dropped[:1], dropped.shape))
    with pytest.raises(ArgumentError, match="probability"):
        nn.LockedDropout(1.0)


def test_residual_adds_what_came_in() -> None:
    tg.manual_seed(0)
    gru, x = nn.GRU(D, D), sequence()
    output, state = nn.Residual(gru)(x)
    plain, plain_state = gru(x)
    np.testing.assert_allclose(output.data, plain.data + x.data, rtol=1e-6)
    np.testing.assert_array_equal(state.data, plain_state.data)
    packed = nn.utils.pack_padded_sequence(x, [3, 4], enforce_sorted=False)
    both, _ = nn.Residual(gru)(packed)
    np.testing.assert_allclose(both.data.data, packed.data.data + gru(packed)[0].data.data, rtol=1e-6)
    linear = nn.Linear(D, D)
    np.testing.assert_allclose(nn.Residual(linear)(x).data, linear(x).data + x.data, rtol=1e-6)
