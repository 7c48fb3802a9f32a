"""The cells beside RNN, LSTM and GRU: what each shares with its sibling, and where exactly it differs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cells import MAKERS, B, D, H, T, as_state, make, same, sequence, start
from tests.support.second_order import Check, in_both_ways
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, ShapeError

cells = pytest.mark.parametrize("kind", MAKERS)


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
