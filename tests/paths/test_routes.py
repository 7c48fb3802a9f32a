"""The crossing decomposition held to its identities: exact, for every cell, with a loss at every step."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.unrolled import MAKERS, B, D, H, T, gradient, make, unrolled
from tinygrad_lstm import nn, paths
from tinygrad_lstm.engine.current import current_scope
from tinygrad_lstm.errors import ArgumentError, GradError, UnsupportedError

CLOSE: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-13}
CELLS = pytest.mark.parametrize("kind", MAKERS)


def states(trajectory: nn.Trajectory) -> list[tg.Tensor]:
    """Every state of every step of every chain, in a list."""
    return [getattr(step, name) for chain in trajectory.chains for step in chain.steps for name in chain.cell.states]


@CELLS
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("masked", [False, True], ids=["full", "masked"])
def test_the_parts_sum_to_the_gradient(kind: str, options: dict[str, Any], masked: bool) -> None:
    """For every state of every step, layer and direction."""
    how = {"lengths": [T, 3]} if masked else {}
    trajectory, loss = unrolled(make(kind, **options), **how)
    wrt = [x for x in states(trajectory) if any(g is not None for g in tg.grad(loss, x, retain_graph=True,
                                                                             allow_unused=True))]  # fmt: skip
    assert len(wrt) > T - 2
    expected = tg.grad(loss, wrt, retain_graph=True)
    for route, g in zip(paths.routes(loss, wrt, max_crossings=2), expected, strict=True):
        np.testing.assert_allclose(route.total, g.data, rtol=0, atol=1e-12 * np.abs(g.data).max())
        np.testing.assert_allclose(route.shares.sum(), 1, rtol=1e-12)
        assert len(route.parts) == 4


@pytest.mark.parametrize("kind", ["LSTM", "Separate", "Coupled"])
def test_no_crossing_is_the_product_of_forget_gates(kind: str) -> None:
    """λ₀ of dL/dC_t = Σ_τ (f_{t+1} ⊙ ... ⊙ f_τ) ⊙ o_τ (1 - tanh² C_τ) ⊙ ∂L/∂h_τ, at every t."""
    trajectory, loss = unrolled(make(kind))
    steps = trajectory.steps
    direct = np.random.default_rng(1)
    direct.normal(size=(T, B, D))
    dh = direct.normal(size=trajectory.output.shape)  # the loss is linear, so these are its ∂L/∂h_τ
    belts = paths.routes(loss, [step.c for step in steps], max_crossings=0)
    for t, belt in enumerate(belts):
        carried = np.ones((B, H))
        expected = np.zeros((B, H))
        for tau in range(t, T):
            carried = carried * steps[tau].f.data if tau > t else carried
            expected += carried * steps[tau].o.data * (1 - np.tanh(steps[tau].c.data) ** 2) * dh[tau]
        np.testing.assert_allclose(belt.parts[0], expected, **CLOSE)


def test_no_crossing_in_a_peephole_cell_has_its_own_formula_with_the_new_c_in_o() -> None:
    """The belt is f, and what is read of c_τ goes through o as well: o (1 - tanh² c) + tanh c ⊙ o (1 - o) p_o.

    Peepholes into f and i count as crossings, so they are not in it.
    """
    layer = make("Peephole")
    cell = layer.layers[0]
    trajectory, loss = unrolled(layer)
    rng = np.random.default_rng(1)
    rng.normal(size=(T, B, D))
    dh = rng.normal(size=trajectory.output.shape)
    steps = trajectory.steps
    (belt,) = paths.routes(loss, [steps[1].c], max_crossings=0)
    carried, expected = np.ones((B, H)), np.zeros((B, H))
    for tau in range(1, T):
        carried = carried * steps[tau].f.data if tau > 1 else carried
        c, o = steps[tau].c.data, steps[tau].o.data
        read = o * (1 - np.tanh(c) ** 2) + np.tanh(c) * o * (1 - o) * cell.p_o.data
        expected += carried * read * dh[tau]
    np.testing.assert_allclose(belt.parts[0], expected, **CLOSE)


@CELLS
def test_at_zero_the_polynomial_is_the_gradient_with_the_crossings_cut(kind: str) -> None:
    trajectory, loss = unrolled(make(kind))
    wrt = trajectory.steps[0].named[trajectory.chains[0].cell.states[-1]]
    with paths.cut("crossing"), paths.cut("peephole"):
        (expected,) = tg.grad(loss, wrt, retain_graph=True, allow_unused=True)
    route = paths.routes(loss, wrt, max_crossings=0)
    np.testing.assert_allclose(route.parts[0], 0 if expected is None else expected.data, **CLOSE)


class DetachingLSTMCell(nn.LSTMCell):
    """h detached before it enters the gates, where the mask says so: h-detach (Arpit 2018) done by hand."""

    detached: tuple[bool, ...] = ()

    def forward(self, x: tg.Tensor, state: Any) -> Any:
        h, c = state
        scope = current_scope.get()
        assert scope is not None
        assert scope.step is not None
        return super().forward(x, (h.detach() if self.detached[scope.step - 1] else h, c))


def detached(mask: tuple[bool, ...]) -> tuple[tg.Tensor, list[tg.Tensor]]:
    layer = nn.LSTM(D, H, cell=DetachingLSTMCell).astype(float)
    layer.load_state_dict(make("LSTM").state_dict())
    layer.layers[0].detached = mask
    trajectory, loss = unrolled(layer)
    return loss, [step.c for step in trajectory.steps]


def test_detaching_h_into_the_gates_is_the_belt_alone() -> None:
    loss, cs = detached((True,) * T)
    trajectory, other = unrolled(make("LSTM"))
    belts = paths.routes(other, [step.c for step in trajectory.steps], max_crossings=0)
    for g, belt in zip(tg.grad(loss, cs), belts, strict=True):
        np.testing.assert_allclose(g.data, belt.parts[0], **CLOSE)


def test_the_mean_over_all_detach_masks_is_the_polynomial_at_one_minus_p() -> None:
    """All 2^T of them, each with its probability: exact, since each edge occurs at most once in a path."""
    p = 0.3
    trajectory, loss = unrolled(make("LSTM"))
    mean = np.zeros((B, H))
    for mask in product((False, True), repeat=T):
        masked_loss, cs = detached(mask)
        mean += p ** sum(mask) * (1 - p) ** (T - sum(mask)) * tg.grad(masked_loss, cs[0])[0].data
    route = paths.routes(loss, trajectory.steps[0].c, max_crossings=T)
    np.testing.assert_allclose(route.at(1 - p), mean, **CLOSE)
    with paths.edge_weight("crossing", 1 - p):
        (weighted,) = tg.grad(loss, trajectory.steps[0].c, retain_graph=True)
    np.testing.assert_allclose(weighted.data, mean, **CLOSE)


@CELLS
def test_roots_of_unity_give_the_same_series(kind: str) -> None:
    """λₙ = 1/K Σₖ λ(ωᵏ) ω⁻ⁿᵏ: complex weights on the crossings, another derivation altogether."""
    trajectory, loss = unrolled(make(kind))
    wrt = trajectory.steps[0].named[trajectory.chains[0].cell.states[-1]]
    route = paths.routes(loss, wrt, max_crossings=T)
    K = T + 1  # more than the highest power, T - 1: a path reads the step before it once, by whatever edge
    values = []
    for k in range(K):
        z = np.exp(2j * np.pi * k / K)
        with paths.edge_weight(lambda edge: paths.edge_class(edge) in ("crossing", "peephole"), complex(z)):
            (g,) = tg.grad(loss, wrt, np.ones((), complex), retain_graph=True, allow_unused=True)
        values.append(np.zeros(wrt.shape) if g is None else g.data)
    series = np.fft.fft(values, axis=0) / K
    for n in range(K):
        np.testing.assert_allclose(series[n], route.parts[n], rtol=1e-9, atol=1e-12)


@CELLS
def test_the_mean_number_of_crossings_is_the_slope_at_one(kind: str) -> None:
    trajectory, loss = unrolled(make(kind))
    wrt = trajectory.steps[0].named[trajectory.chains[0].cell.states[-1]]
    short, whole = (paths.routes(loss, wrt, max_crossings=n) for n in (0, T - 1))
    assert not np.any(whole.parts[-1])
    counted = sum(n * part for n, part in enumerate(whole.parts))
    expected = np.vdot(counted, whole.total) / np.vdot(whole.total, whole.total)
    np.testing.assert_allclose([short.mean_crossings, whole.mean_crossings], expected, rtol=1e-9)
    step = 1e-5
    slope = (whole.at(1 + step) - whole.at(1 - step)) / (2 * step)
    np.testing.assert_allclose(slope, counted, rtol=1e-6, atol=1e-9)


def test_by_gate_by_layer_and_by_a_predicate_of_ones_own() -> None:
    trajectory, loss = unrolled(make("LSTM", num_layers=2))
    wrt = trajectory.chains[0].steps[0].c
    (whole,) = tg.grad(loss, wrt, retain_graph=True)
    for options in (
        {"gate": "f"}, {"gate": "o"}, {"crossing": "depth"}, {"crossing": "carry"},
        {"crossing": lambda edge: paths.edge_class(edge) == "crossing" and "layers.1" in edge.reader.scope.path},
    ):  # fmt: skip
        route = paths.routes(loss, wrt, max_crossings=1, **options)
        np.testing.assert_allclose(route.total, whole.data, **CLOSE)
        assert np.any(route.parts[1])
    # from the lower layer's c every path goes up exactly once
    by_depth = paths.routes(loss, wrt, max_crossings=1, crossing="depth")
    assert [bool(np.any(part)) for part in by_depth.parts] == [False, True, False]
    # at o there is no way on but into h: cut all gates but o, and what is left passes o each time it crosses
    one = make("LSTM")
    trajectory, loss = unrolled(one)
    through_o = paths.routes(loss, trajectory.steps[0].c, max_crossings=0, gate="o").parts[0]
    with paths.cut(lambda edge: edge.reader.label == "o"):
        (without,) = tg.grad(loss, trajectory.steps[0].c, retain_graph=True)
    np.testing.assert_allclose(through_o, without.data, **CLOSE)
    with pytest.raises(ArgumentError, match="crossing or gate, not both"):
        paths.routes(loss, trajectory.steps[0].c, crossing="carry", gate="o")
    with pytest.raises(ArgumentError, match="edges are carry, peephole, crossing"):
        paths.routes(loss, trajectory.steps[0].c, crossing="jump")


def test_a_cell_of_ones_own_needs_no_tags_to_have_its_crossings_counted() -> None:
    class Own(nn.Cell):
        def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
            return tg.tanh(x + 0.5 * h)

    trajectory = nn.RNN(3, 3, cell=Own).unroll(np.random.default_rng(0).normal(size=(T, B, 3)),
                                               tg.tensor(np.zeros((1, B, 3)), requires_grad=True))  # fmt: skip
    loss = trajectory.output[-1].sum()
    route = paths.routes(loss, trajectory.steps[0].h, max_crossings=T)
    assert [bool(np.any(part)) for part in route.parts] == [n == T - 1 for n in range(T + 2)]
    assert route.mean_crossings == pytest.approx(T - 1)
    first = paths.routes(loss, trajectory.initial.h, max_crossings=T)
    assert first.mean_crossings == pytest.approx(T)  # the read of h_0 is a crossing too


def test_losses_several_outputs_and_a_state_that_is_the_loss() -> None:
    trajectory, _ = unrolled(make("LSTM"))
    last = trajectory.steps[-1]
    alone = paths.routes(last.c.sum(), last.c)
    np.testing.assert_array_equal(alone.parts[0], 1)
    assert alone.mean_crossings == 0
    unread = paths.routes(trajectory.steps[0].h.sum(), trajectory.steps[2].c)
    assert np.isnan(unread.shares).all()
    assert "nan" in str(unread)


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])  # an RNN has no belt: its first part is zero
def test_the_mean_is_that_of_all_paths_however_few_parts_are_asked_for(kind: str) -> None:
    trajectory, loss = unrolled(make(kind))
    state = trajectory.steps[0].h
    few, all_of_them = paths.routes(loss, state, max_crossings=1), paths.routes(loss, state, max_crossings=T)
    assert few.parts[-1].any()
    assert not all_of_them.parts[-1].any()
    expected = few.mean_crossings
    loss.backward()  # frees the graph, which only a mean with a rest needs
    assert all_of_them.mean_crossings == pytest.approx(expected, rel=1e-9)


def test_no_rule_runs_more_often_than_the_passes() -> None:
    calls = 0
    N = 3

    def rule(g: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        return g * (1 - y * y)

    squash: Any = tg.primitive(lambda x: np.tanh(x))
    squash.defvjp(x=rule)

    class Cell(nn.RNNCell):
        def forward(self, x: tg.Tensor, h: Any) -> Any:
            return squash(tg.linear(x, self.W) + tg.linear(h, self.U))

    trajectory = nn.Recurrent(2, 3, cell=Cell).unroll(np.ones((T, B, 2)))
    loss = trajectory.output.sum()
    tg.grad(loss, trajectory.steps[0].h, retain_graph=True)
    assert calls == T - 1
    paths.routes(loss, [step.h for step in trajectory.steps], max_crossings=N)
    assert T - 1 < calls - (T - 1) <= (N + 2) * (T - 1)


def test_nothing_is_changed_and_the_graph_is_kept() -> None:
    layer = make("GRU")
    trajectory, loss = unrolled(layer)
    paths.routes(loss, trajectory.steps[0].h)
    assert all(p.grad is None for p in layer.parameters())
    loss.backward()
    with pytest.raises(GradError, match="already used and freed"):
        paths.routes(loss, trajectory.steps[0].h)


def test_wrong_questions_are_told() -> None:
    trajectory, loss = unrolled(make("LSTM"))
    with pytest.raises(ArgumentError, match="at least 0"):
        paths.routes(loss, trajectory.steps[0].c, max_crossings=-1)
    with pytest.raises(GradError, match="does not require a gradient"):
        paths.routes(loss, tg.tensor([1.0]))
    with pytest.raises(ArgumentError, match="larger max_crossings"):
        paths.routes(loss, trajectory.steps[0].c, max_crossings=1).at(0.5)
    fused = nn.LSTM(D, H, fused=True)
    x = tg.tensor(np.ones((T, B, D)), requires_grad=True)
    with pytest.raises(UnsupportedError, match=r"fused_lstm.*layer.unroll\(x\), .* with fused=False"):
        paths.routes(fused(x)[0].sum(), x)


def test_weights_can_be_drawn_for_each_edge_as_in_h_detach() -> None:
    layer = make("LSTM")
    _, loss = unrolled(layer)
    rng = np.random.default_rng(0)
    with paths.edge_weight("crossing", lambda edge: float(rng.random() >= 0.5)):
        loss.backward(retain_graph=True)
    dropped = [gradient(p) for p in layer.parameters()]
    layer.zero_grad()
    loss.backward()
    assert any(not np.allclose(a, gradient(p)) for a, p in zip(dropped, layer.parameters(), strict=True))


def test_shares_of_a_gradient_whose_square_underflows_are_told() -> None:
    """Of float32 the square of 1e-30 is 0, but the gradient is not 0: its shares are those of the larger one."""
    tg.manual_seed(0)
    trajectory = tg.nn.LSTM(2, 3).unroll(tg.randn(5, 1, 2))
    loss, first = trajectory.steps[-1].h.sum(), trajectory.steps[0].c
    tiny = tg.paths.routes(loss * 1e-30, first, max_crossings=2)
    assert float(np.abs(tiny.total).max()) < 1e-23
    np.testing.assert_allclose(tiny.shares, tg.paths.routes(loss, first, max_crossings=2).shares, rtol=1e-3)
