"""The cells beside RNN, LSTM and GRU: what each shares with its sibling, and where exactly it differs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support import unrolled
from tests.support.second_order import Check, in_both_ways
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, ShapeError

T, B, D, H = 4, 2, 3, 4
MAKERS: dict[str, Callable[..., nn.Cell]] = unrolled.MAKERS | {
    "RNN relu": partial(nn.RNNCell, nonlinearity="relu"),
    "CandidateDropout": partial(nn.CandidateDropoutLSTMCell, p=0.4),
    "Zoneout of all": lambda D, H: nn.Zoneout(nn.GRUCell(D, H), h=0.3).eval(),
    "RecurrentDropout": lambda D, H: nn.RecurrentDropout(nn.LSTMCell(D, H), 0.3),
    "WeightDrop": lambda D, H: nn.WeightDrop(nn.GRUCell(D, H), 0.4),
}
cells = pytest.mark.parametrize("kind", MAKERS)


def make(kind: str, seed: int = 0, sizes: tuple[int, int] = (D, H)) -> nn.Cell:
    """A cell in float64 with random values in every parameter."""
    tg.manual_seed(seed)
    cell = MAKERS[kind](*sizes).astype(float)
    rng = np.random.default_rng(seed)
    for parameter in cell.parameters():
        parameter.data = rng.normal(0, 0.5, parameter.shape)
    return cell


def sequence(*shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(1).normal(size=shape or (T, B, D)), requires_grad=True)


def start(cell: nn.Cell) -> tuple[tg.Tensor, ...]:
    rng = np.random.default_rng(2)
    return tuple(tg.tensor(rng.normal(size=(B, size)), requires_grad=True) for size in cell.state_sizes)


def as_state(parts: Any) -> Any:
    return tuple(parts) if len(parts) > 1 else parts[0]


def through_time(kind: str) -> tuple[Callable[..., tuple[tg.Tensor, ...]], list[tg.Tensor]]:
    """Two steps of a cell, as a function of x, the initial state and every parameter; masks are drawn alike."""
    cell = make(kind, sizes=(2, 3))

    def run(x: tg.Tensor, *others: tg.Tensor) -> tuple[tg.Tensor, ...]:
        tg.manual_seed(3)
        chain = nn.unroll(cell, x, as_state(others[: len(cell.states)]))
        return (chain.output, *(chain.state if isinstance(chain.state, tuple) else (chain.state,)))

    return run, [sequence(2, B, 2), *start(cell), *cell.parameters()]


@cells
def test_gradients_through_time_element_by_element(kind: str) -> None:
    assert tg.gradcheck(*through_time(kind))


@cells
@in_both_ways
def test_second_derivatives_through_time(check_second_order: Check, kind: str) -> None:
    check_second_order(*through_time(kind))


@cells
def test_every_cell_in_a_stacked_layer_of_both_directions_with_lengths(kind: str) -> None:
    tg.manual_seed(0)
    layer = nn.LSTM(D, H, 2, bidirectional=True, cell=MAKERS[kind])
    trajectory = layer.unroll(tg.randn(T, B, D), lengths=[T, 2])
    width = 2 if kind == "Projected" else H
    assert trajectory.output.shape == (T, B, 2 * width)
    assert len(trajectory.chains) == 4
    for chain in trajectory.chains:
        assert [step.t for step in chain.steps] == [1, 2, 3, 4]
        assert set(chain.cell.states) <= set(chain.steps[0].named)
    final = trajectory.state if isinstance(trajectory.state, tuple) else (trajectory.state,)
    loss = (trajectory.output**2).sum() + sum((part**2).sum() for part in final)
    for chain in trajectory.chains:
        for name in chain.cell.states:
            for step, g in zip(chain.steps, tg.grad(loss, [getattr(s, name) for s in chain.steps], retain_graph=True),
                               strict=True):  # fmt: skip
                assert g.shape == getattr(step, name).shape
                assert np.any(g.data)


@cells
def test_float32_stays_float32(kind: str) -> None:
    cell = MAKERS[kind](D, H)
    output = nn.unroll(cell, np.ones((T, B, D), np.float32)).output
    assert output.dtype == np.float32


COUNTS = {
    "RNN": H * D + H * H + H,
    "LSTM": 4 * (H * D + H * H + H),
    "Separate": 4 * (H * D + H * H + H),
    "Peephole": 4 * (H * D + H * H + H) + 3 * H,
    "Coupled": 3 * (H * D + H * H + H),
    "Projected": 4 * (H * D + H * 2 + H) + 2 * H,
    "CandidateDropout": 4 * (H * D + H * H + H),
    "LayerNormLSTM": 4 * (H * D + H * H + H) + 8 * H + 2 * H,
    "GRU": 3 * (H * D + H * H + H) + H,
    "ResetBeforeGRU": 3 * (H * D + H * H + H),
    "LayerNormGRU": 3 * (H * D + H * H + H) + H + 6 * H,
    "MGU": 2 * (H * D + H * H + H),
}


@pytest.mark.parametrize("kind", COUNTS)
def test_parameter_counts(kind: str) -> None:
    assert make(kind).parameter_count() == COUNTS[kind]


# Siblings ------------------------------------------------------------------------------------------------------------


def same(a: nn.Cell, b: nn.Cell, others: Callable[[nn.Cell], list[tg.Tensor]] = lambda cell: []) -> None:
    """Output, final state, and the gradients of x and the initial state agree to 1e-12."""
    results = []
    for cell in (a, b):
        x, s = sequence(), start(cell)
        chain = nn.unroll(cell, x, as_state(s))
        gradients = tg.grad((chain.output**2).sum(), [x, *s, *others(cell)])
        states = chain.state if isinstance(chain.state, tuple) else (chain.state,)
        results.append([chain.output.data, *(part.data for part in states), *(g.data for g in gradients)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_separate_and_combined_matrices_are_one_function() -> None:
    """Both ways, every parameter's gradient included."""
    separate = make("Separate")
    assert isinstance(separate, nn.SeparateLSTMCell)
    combined = separate.combined()
    same(separate, combined)
    again = nn.SeparateLSTMCell.of(combined)
    same(separate, again)
    for (name, p), q in zip(separate.named_parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data, err_msg=name)
    for cell in (separate, combined):
        (nn.unroll(cell, sequence()).output ** 2).sum().backward()
    for letter in "WUb":
        stacked = [getattr(separate, f"{letter}_{gate}").grad.data for gate in "fioc"]
        np.testing.assert_allclose(getattr(combined, letter).grad.data, np.concatenate(stacked), rtol=1e-12, atol=1e-13)


def test_without_bias_separate_and_combined_agree_too() -> None:
    separate = nn.SeparateLSTMCell(D, H, bias=False).astype(float)
    combined = separate.combined()
    assert combined.b is None
    same(separate, combined)
    same(nn.SeparateLSTMCell.of(combined), combined)


def test_peepholes_at_zero_are_a_plain_lstm_and_else_see_old_and_new_c() -> None:
    peephole = make("Peephole")
    assert isinstance(peephole, nn.PeepholeLSTMCell)
    plain = nn.LSTMCell(D, H).astype(float)
    weights = {name: array for name, array in peephole.state_dict().items() if not name.startswith("p_")}
    plain.load_state_dict(weights)
    p = {name: getattr(peephole, name).data for name in ("p_f", "p_i", "p_o")}
    for name in p:
        getattr(peephole, name).data = np.zeros(H)
    same(peephole, plain)
    for name, array in p.items():
        getattr(peephole, name).data = array
    x, (h, c) = sequence().data[0], [part.data for part in start(plain)]
    z = x @ peephole.W.data.T + h @ peephole.U.data.T + weights["b"]
    z_f, z_i, z_o, z_g = np.split(z, 4, axis=-1)
    f, i = (1 / (1 + np.exp(-(z + peep * c))) for z, peep in ((z_f, p["p_f"]), (z_i, p["p_i"])))
    new = f * c + i * np.tanh(z_g)
    o = 1 / (1 + np.exp(-(z_o + p["p_o"] * new)))
    found_h, found_c = peephole(x, (h, c))
    np.testing.assert_allclose(found_c.data, new, rtol=1e-12)
    np.testing.assert_allclose(found_h.data, o * np.tanh(new), rtol=1e-12)


def test_the_direct_edge_of_a_peephole_cell_is_not_the_forget_gate_alone() -> None:
    """∂C'/∂C with h held: f + C f(1-f) p_f + g i(1-i) p_i, beside f for the plain LSTM (the notes' diag(f))."""
    cell = make("Peephole")
    assert isinstance(cell, nn.PeepholeLSTMCell)
    h, c = start(cell)
    step = nn.unroll(cell, sequence(1, B, D), (h, c)).steps[0]
    (direct,) = tg.grad(step.c.sum(), c)
    f, i, g = step.f.data, step.i.data, step.g.data
    expected = f + c.data * f * (1 - f) * cell.p_f.data + g * i * (1 - i) * cell.p_i.data
    np.testing.assert_allclose(direct.data, expected, rtol=1e-12)


def test_coupled_is_an_lstm_that_writes_what_it_forgets() -> None:
    coupled = make("Coupled")
    trajectory = nn.unroll(coupled, sequence())
    for step in trajectory.steps:
        np.testing.assert_array_equal(step.i.data, 1 - step.f.data)


def test_an_identity_projection_is_a_narrower_u() -> None:
    """With W_h = (I 0), h is the first P units of the plain cell's h, as long as only these are read."""
    cell = make("Projected")
    assert isinstance(cell, nn.ProjectedLSTMCell)
    plain = nn.LSTMCell(D, H).astype(float)
    cell.W_h.data = np.eye(2, H)
    plain.load_state_dict({"W": cell.W, "U": np.hstack([cell.U.data, np.zeros((4 * H, H - 2))]), "b": cell.b})
    x = sequence()
    np.testing.assert_allclose(nn.unroll(cell, x).output.data, nn.unroll(plain, x).output.data[..., :2], rtol=1e-12)
    for size in (0, H):
        with pytest.raises(ArgumentError, match="proj_size is at least 1 and below"):
            nn.ProjectedLSTMCell(D, H, proj_size=size)
    with pytest.raises(ShapeError, match=r"the tuple \(h, c\), of shape \(2, 2\), \(2, 4\), not \(2, 4\), \(2, 4\)"):
        cell(x.data[0], (np.ones((B, H)), np.ones((B, H))))


def test_reset_before_and_after_agree_where_r_is_one_number() -> None:
    """U_n (r ⊙ h) = r ⊙ (U_n h) when r is the same for all units, and differ otherwise."""
    after, before = make("GRU"), make("ResetBeforeGRU")
    assert isinstance(after, nn.GRUCell)
    assert isinstance(before, nn.ResetBeforeGRUCell)
    assert after.b_n is not None
    for cell in (after, before):
        cell.W.data[:H] = cell.U.data[:H] = 0
        assert cell.b is not None
        cell.b.data[:H] = 0.3
    before.load_state_dict({name: array for name, array in after.state_dict().items() if name != "b_n"})
    after.b_n.data = np.zeros(H)
    same(after, before)
    before.U.data[:H] = after.U.data[:H] = np.eye(H)  # a reset of its own for every unit
    x = sequence()
    assert not np.allclose(nn.unroll(after, x).output.data, nn.unroll(before, x).output.data)


def test_the_minimal_gated_unit_is_a_reset_before_gru_with_r_and_one_minus_z_the_same_gate() -> None:
    mgu = make("MGU")
    gru = nn.ResetBeforeGRUCell(D, H).astype(float)
    W, U, b = (getattr(mgu, name).data for name in "WUb")
    f, n = slice(0, H), slice(H, 2 * H)
    gru.load_state_dict({name: np.concatenate([p[f], -p[f], p[n]]) for name, p in (("W", W), ("U", U), ("b", b))})
    same(mgu, gru)


def test_layer_norm_lays_the_products_out_with_mean_0_and_variance_1() -> None:
    cell = make("LayerNormLSTM")
    assert isinstance(cell, nn.LayerNormLSTMCell)
    x, (h, _) = sequence().data[0], [part.data for part in start(cell)]
    for norm in (cell.norm_x, cell.norm_h):
        norm.w.data = np.ones(4 * H)
    cell.norm_x.eps = cell.norm_h.eps = 0.0
    cell.b = None
    z = cell.preactivation(tg.tensor(x), tg.tensor(h)).data
    a, b = x @ cell.W.data.T, h @ cell.U.data.T
    expected = sum((y - y.mean(-1, keepdims=True)) / y.std(-1, keepdims=True) for y in (a, b))
    np.testing.assert_allclose(z, expected, rtol=1e-10)
    np.testing.assert_allclose(expected.mean(-1), 0, atol=1e-14)


def test_scaling_all_weights_does_not_change_a_normalised_cell() -> None:
    for kind in ("LayerNormLSTM", "LayerNormGRU"):
        cell, scaled = make(kind), make(kind)
        for one in (cell, scaled):
            for _, part in one.children():
                assert isinstance(part, nn.LayerNorm)
                part.eps = 0.0
        assert isinstance(scaled, nn.Gates)
        scaled.W.data, scaled.U.data = 7.0 * scaled.W.data, 0.1 * scaled.U.data
        x, s = sequence(), start(cell)
        one, other = (nn.unroll(k, x, as_state(s)).output.data for k in (cell, scaled))
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_clip_holds_what_goes_into_the_gates_and_what_is_read_of_c() -> None:
    cell, plain = make("Clipped"), nn.LSTMCell(D, H).astype(float)
    assert isinstance(cell, nn.ClippedLSTMCell)
    plain.load_state_dict(cell.state_dict())
    cell.clip = 1e6
    same(cell, plain)
    cell.clip = 0.5
    x, (_, c) = 100 * sequence().data[0], [part.data for part in start(cell)]
    h, new = cell(x, (np.zeros((B, H)), 10 * c))
    z = np.clip(x @ cell.W.data.T + plain.b.data if plain.b is not None else x, -0.5, 0.5)
    f, i, o, g = np.split(z, 4, axis=-1)
    expected = 10 * c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    np.testing.assert_allclose(new.data, expected, rtol=1e-12)
    np.testing.assert_allclose(h.data, np.tanh(np.clip(expected, -0.5, 0.5)) / (1 + np.exp(-o)), rtol=1e-12)
    with pytest.raises(ArgumentError, match="a bound above 0"):
        nn.ClippedLSTMCell(D, H, clip=0.0)


# Wrappers ------------------------------------------------------------------------------------------------------------


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
