"""tg.paths as strangers use it: any tensor, any layer, loops of one's own, hooks around it, graphs it cannot read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.memory import peak_of
from tests.support.unrolled import MAKERS, B, D, H, T, gradient, make, unrolled
from tinygrad_lstm import losses, nn, paths
from tinygrad_lstm.errors import ArgumentError, GradError, UnsupportedError

CLOSE: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-13}
rng = np.random.default_rng
BOTH_WAYS = {"num_layers": 2, "bidirectional": True}


# Routes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKERS)
def test_parameters_inputs_and_initial_states_have_routes_too(kind: str) -> None:
    layer = make(kind)
    cell = layer.layers[0]
    x = tg.tensor(rng(0).normal(size=(T, B, D)), requires_grad=True)
    start = [tg.tensor(rng(1).normal(size=(1, B, size)), requires_grad=True) for size in cell.state_sizes]
    output, _ = layer(x, tuple(start) if len(start) > 1 else start[0])
    loss = (output * rng(2).normal(size=output.shape)).sum()
    wrt = [x, *start, *layer.parameters()]
    for route, g in zip(paths.routes(loss, wrt), tg.grad(loss, wrt, retain_graph=True), strict=True):
        np.testing.assert_allclose(route.total, g.data, **CLOSE)
        assert [part.shape for part in route.parts] == [g.shape] * 5
    first = paths.routes(loss, start[0], max_crossings=T)
    assert not np.any(first.parts[-1]), "at most T reads lie between h_0 and the loss"


@pytest.mark.parametrize("kind", ["GRU", "ResetBeforeGRU", "LayerNormGRU", "MGU"])
def test_the_belt_of_a_gru_is_the_product_of_what_it_keeps(kind: str) -> None:
    """λ₀ of dL/dh_t = Σ_τ (z_{t+1} ⊙ ... ⊙ z_τ) ⊙ ∂L/∂h_τ; an MGU keeps 1 - f."""
    trajectory, loss = unrolled(make(kind))
    (dh,) = tg.grad(loss, trajectory.output, retain_graph=True)
    kept = [1 - step.f.data if kind == "MGU" else step.z.data for step in trajectory.steps]
    for t, belt in enumerate(paths.routes(loss, [step.h for step in trajectory.steps], max_crossings=0)):
        expected = sum(np.prod(kept[t + 1 : tau + 1], axis=0) * dh.data[tau] for tau in range(t, T))
        np.testing.assert_allclose(belt.parts[0], expected, **CLOSE)


def test_what_zoneout_and_masks_keep_is_carried() -> None:
    zoneout = make("Zoneout").eval()  # h=0.2, c=0.5
    steps = zoneout.unroll(rng(0).normal(size=(T, D))).steps
    belt = paths.state_jacobian(steps[3].c, steps[2].c).belt
    np.testing.assert_allclose(belt, np.diag(0.5 + 0.5 * steps[3].f.data), **CLOSE)
    steps = make("LSTM").unroll(rng(0).normal(size=(T, 1, D)), mask=np.arange(T)[:, None] < 3).steps
    belt = paths.state_jacobian(steps[-1].c, steps[0].c).belt.reshape(H, H)
    np.testing.assert_allclose(belt, np.diag((steps[1].f.data * steps[2].f.data)[0]), **CLOSE)


def test_float32_stays_float32() -> None:
    layer = make("LSTM").astype(np.float32)
    trajectory, loss = unrolled(layer)
    assert loss.dtype == np.float64, "weighed by float64"
    loss = trajectory.output.sum()
    p = layer.layers[0].U
    route, book = paths.routes(loss, p), paths.ledger(loss, p)
    (g,) = tg.grad(loss, p, retain_graph=True)
    assert {part.dtype for part in route.parts} == {book.by_step.dtype, book.total.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(route.total, g.data, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(book.total, g.data, rtol=1e-4, atol=1e-5)


def test_a_loop_of_ones_own_says_its_steps_and_tags_what_it_scales() -> None:
    f, u = 0.8, tg.tensor(rng(0).normal(0, 0.5, (3, 3)), requires_grad=True)
    c = start = tg.tensor(rng(1).normal(size=(1, 3)), requires_grad=True)
    for t in range(1, T + 1):
        with tg.scope(f"t={t}", step=t):
            c = tg.tag(c, "initial") if t == 1 else c
            c = f * tg.tag(c, "carry") + tg.linear(tg.tanh(c), u)
    route = paths.routes(c.sum(), start, max_crossings=T)
    np.testing.assert_allclose(route.parts[0], f**T, **CLOSE)
    np.testing.assert_allclose(route.total, tg.grad(c.sum(), start, retain_graph=True)[0].data, **CLOSE)
    assert not np.any(route.parts[-1])
    assert paths.ledger(c.sum(), u).by_scope.keys() == {()}


def test_what_a_use_leads_to_is_looked_for_in_its_own_step() -> None:
    W, h = tg.tensor(np.eye(3), requires_grad=True), tg.tensor(np.ones((1, 3)))
    for t in range(1, 4):
        with tg.scope(f"t={t}", step=t):
            h = tg.tanh(tg.linear(h, W))
    tg.label(last=h)
    assert [bool(np.any(rows)) for rows in paths.ledger(h.sum(), W).by_gate["last"]] == [False, False, True]


def test_attention_over_earlier_states_crosses() -> None:
    h = [tg.tensor(np.ones((1, 3)), requires_grad=True)]
    for t in range(1, 5):
        with tg.scope(f"t={t}", step=t):
            h.append(tg.tanh(tg.stack(h).mean(axis=0) + 0.1 * t))
    route = paths.routes(h[-1].sum(), h[1], max_crossings=4)
    # from t=1 to t=4 by 1, 2 or 3 reads: at once, by 2 or 3, by both
    assert [bool(np.any(part)) for part in route.parts] == [False, True, True, True, False, False]


def test_the_graph_of_a_gradient_and_a_window_of_truncated_bptt_have_routes() -> None:
    trajectory, loss = unrolled(make("LSTM"))
    c = trajectory.steps[0].c
    (g,) = tg.grad(loss, c, create_graph=True)
    curved = (g * g).sum()
    (expected,) = tg.grad(curved, c, retain_graph=True)
    np.testing.assert_allclose(paths.routes(curved, c).total, expected.data, **CLOSE)
    layer = make("GRU")
    for loss in nn.truncated_bptt(layer, rng(0).normal(size=(T, B, D)), lambda h, now: h.sum(), k1=3):
        (expected,) = tg.grad(loss, layer.layers[0].U, retain_graph=True)
        np.testing.assert_allclose(paths.routes(loss, layer.layers[0].U).total, expected.data, **CLOSE)


def test_hooks_around_count_also_when_the_mean_is_asked_for_later() -> None:
    trajectory, loss = unrolled(make("LSTM"))
    c = trajectory.steps[0].c
    with paths.edge_weight("carry", 0.5):
        (g,) = tg.grad(loss, c, retain_graph=True)
        route, whole = paths.routes(loss, c, max_crossings=0), paths.routes(loss, c, max_crossings=T)
    np.testing.assert_allclose(route.total, g.data, **CLOSE)
    np.testing.assert_allclose(route.mean_crossings, whole.mean_crossings, rtol=1e-9)
    assert abs(route.mean_crossings - paths.routes(loss, c).mean_crossings) > 1e-3


@pytest.mark.alone
def test_what_is_kept_between_the_passes_grows_with_t_and_not_faster() -> None:
    peaks = []
    for steps in (40, 80):
        trajectory = make("LSTM").unroll(rng(0).normal(size=(steps, B, D)))
        loss, wrt = trajectory.output.sum(), trajectory.steps[0].c
        peaks.append(peak_of(partial(paths.routes, loss, wrt)))
    assert peaks[1] < 2.5 * peaks[0]


# What if -------------------------------------------------------------------------------------------------------------


class Detached(nn.LSTMCell):
    """h without its history into the gates; or the gates without theirs."""

    gates = False

    def forward(self, x: tg.Tensor, state: Any) -> Any:
        h, c = state
        z = self.preactivation(x, h if self.gates else h.detach())
        f, i, o, g = tg.split(z, 4, axis=-1)
        f, i, o = (tg.sigmoid(gate.detach() if self.gates else gate) for gate in (f, i, o))
        c = f * c + i * tg.tanh(g)
        return o * tg.tanh(c), c


@pytest.mark.parametrize("gates", [False, True], ids=["the gradient of 1997", "no gradient into the gates"])
def test_one_line_trains_as_a_cell_that_detaches_by_hand(gates: bool) -> None:
    ours, by_hand = make("LSTM"), nn.LSTM(D, H, cell=Detached).astype(float)
    by_hand.load_state_dict(ours.state_dict())
    by_hand.layers[0].gates = gates
    _, loss = unrolled(ours)
    with paths.cut((lambda edge: edge.reader.label in ("f", "i", "o")) if gates else "crossing"):
        loss.backward()
    unrolled(by_hand)[1].backward()
    for p, q in zip(ours.parameters(), by_hand.parameters(), strict=True):
        np.testing.assert_allclose(gradient(p), gradient(q), **CLOSE)


def test_a_cut_leaves_nothing_not_a_zero_that_an_infinity_would_make_nan() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    with paths.cut(lambda edge: edge.name == "a"):
        assert tg.grad((x * 2.0 * np.inf).sum(), x, allow_unused=True) == (None,)


def test_peepholes_are_a_class_and_correct_the_formula_of_the_belt() -> None:
    """∂C_t/∂C_{t-1}: f on the belt, with h held f + C f (1 - f) p_f + g i (1 - i) p_i, in full also by U and p_o."""
    layer = make("Peephole")
    cell: Any = layer.layers[0]
    steps = layer.unroll(rng(0).normal(size=(T, D))).steps
    before, now = steps[2], steps[3]
    f, i, g, c = now.f.data, now.i.data, now.g.data, before.c.data
    df, di, dg = c * f * (1 - f), g * i * (1 - i), i * (1 - g * g)
    held = f + df * cell.p_f.data + di * cell.p_i.data
    o, tanh_c = before.o.data, np.tanh(c)
    dh = o * (1 - tanh_c**2) + tanh_c * o * (1 - o) * cell.p_o.data
    U_f, U_i, _, U_g = np.split(cell.U.data, 4)
    full = np.diag(held) + (df[:, None] * U_f + di[:, None] * U_i + dg[:, None] * U_g) * dh
    jacobian = paths.state_jacobian(now.c, before.c)
    np.testing.assert_allclose(jacobian.belt, np.diag(f), **CLOSE)
    np.testing.assert_allclose(jacobian.matrix, full, **CLOSE)
    with paths.cut("crossing"):
        np.testing.assert_allclose(paths.state_jacobian(now.c, before.c).matrix, np.diag(held), **CLOSE)
    route = paths.routes(steps[-1].c.sum(), steps[0].c, crossing="peephole", max_crossings=T)
    with paths.cut("peephole"):
        (without,) = tg.grad(steps[-1].c.sum(), steps[0].c, retain_graph=True)
    np.testing.assert_allclose(route.parts[0], without.data, **CLOSE)
    assert np.any(route.parts[1])


# What cannot be known is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make_layer", [nn.MinGRU, nn.MinLSTM])
def test_a_scan_has_no_steps_but_its_unrolled_form_has(make_layer: Callable[..., Any]) -> None:
    layer = make_layer(D, H).astype(float)
    x = tg.tensor(rng(0).normal(size=(T, B, D)), requires_grad=True)
    output, _ = layer(x)
    with pytest.raises(UnsupportedError, match=r"no time steps.*layer\.unroll"):
        paths.routes(output.sum(), x)
    with pytest.raises(UnsupportedError, match="no time steps"):
        paths.lag_matrix([h.sum() for h in output], layer.layers[0].W)
    trajectory = layer.unroll(x)
    route = paths.routes(trajectory.output.sum(), trajectory.steps[0].h)
    assert route.mean_crossings == 0, "gates that see x alone: all of the gradient is on the belt"
    matrix = paths.lag_matrix([step.h.sum() for step in trajectory.steps], layer.layers[0].W)
    assert np.all(np.diagonal(matrix.norms, -1) > 0)


def test_a_class_of_edges_that_a_fused_layer_hides_cannot_be_cut() -> None:
    fused = nn.LSTM(D, H, fused=True)
    loss = fused(np.ones((T, B, D)))[0].sum()
    with pytest.raises(UnsupportedError, match="fused=False"), paths.cut("crossing"):
        loss.backward()
    trajectory, loss = unrolled(make("LSTM"))
    with pytest.raises(ArgumentError, match="no gate 'r'"):
        paths.routes(loss, trajectory.steps[0].c, gate="r")
    with pytest.raises(ArgumentError, match="whole number"):
        paths.routes(loss, fused.layers[0].U, max_crossings=1.5)  # type: ignore[call-overload]


# Flow and lag --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True], ids=["full", "masked"])
@pytest.mark.parametrize("kind", MAKERS)
def test_flow_is_conserved_in_layers_that_run_both_ways(kind: str, masked: bool) -> None:
    layer, head = make(kind, **BOTH_WAYS), nn.Linear(2 * make(kind).layers[0].state_sizes[0], 3).astype(float)
    trajectory, _ = unrolled(layer, **({"lengths": [T, 3]} if masked else {}))
    loss = losses.cross_entropy(head(trajectory.output[1]), np.array([0, 2]))
    source = trajectory.chains[0].steps[0].h
    result = paths.flow(loss, source)
    scale = 1e-12 * max(abs(edge.flow) for edge in result.edges)
    ends = {result.source, result.loss}
    for vertex in (result.inflow.keys() | result.outflow.keys()) - ends:
        np.testing.assert_allclose(result.inflow.get(vertex, 0), result.outflow.get(vertex, 0), rtol=1e-9, atol=scale)
    for t in range(1, T + 1):
        np.testing.assert_allclose(result.cut(t), result.total, rtol=1e-10, atol=scale)


def test_a_loss_made_inside_a_step_is_on_the_far_side_of_every_cut() -> None:
    trajectory, _ = unrolled(make("LSTM"))
    with tg.scope("t=4", step=4):
        loss = (trajectory.steps[3].h ** 2).sum()
    result = paths.flow(loss, trajectory.steps[0].c)
    np.testing.assert_allclose([result.cut(t) for t in range(1, T + 1)], result.total, rtol=1e-10)


def test_a_head_counts_as_used_at_the_step_of_its_loss() -> None:
    layer, head = make("LSTM"), nn.Linear(H, 2).astype(float)
    per_step = [(head(step.h) ** 2).sum() for step in layer.unroll(rng(0).normal(size=(T, B, D))).steps]
    params = [layer.layers[0].U, head.W]
    matrix = paths.lag_matrix(per_step, params, entries=True)
    tau, t = np.indices((T, T))
    assert not np.any(matrix.entries[1][tau != t])
    for k in (1, 2, 4, T):
        for entries, found in zip(matrix.entries, matrix.truncated(k), strict=True):
            np.testing.assert_allclose(found, entries[tau // k == t // k].sum(axis=0), rtol=1e-10, atol=1e-12)


def test_a_parameter_read_once_for_all_steps_has_no_row_in_the_lag_matrix() -> None:
    table, layer = nn.Embedding(5, D).astype(float), make("LSTM")
    steps = layer.unroll(table(rng(0).integers(0, 5, (T, B)))).steps
    with pytest.raises(UnsupportedError, match="parameter 1 is read before the steps"):
        paths.lag_matrix([step.h.sum() for step in steps], [layer.layers[0].U, *table.parameters()])


def test_every_result_is_told_in_a_line_and_in_a_table() -> None:
    layer = make("LSTM", **BOTH_WAYS)
    trajectory, loss = unrolled(layer, lengths=[T, 3])
    c, cell = trajectory.chains[0].steps[0].c, layer.layers[0]
    last = trajectory.chains[0].steps[-1].c
    results = [
        paths.routes(loss, c), paths.ledger(loss, cell.U), paths.flow(loss, c), paths.state_jacobian(last, c),
        paths.lag_matrix([step.h.sum() for step in trajectory.chains[0].steps], cell.U),
        paths.horizon(loss, trajectory), paths.strongest_path(loss, c),
    ]  # fmt: skip
    for result in results:
        assert "object at 0x" not in repr(result)
        lines = str(result).splitlines()
        assert len(lines) > 3
        assert max(map(len, lines)) <= 100
    assert "never" in str(results[0])
    loss.backward()
    with pytest.raises(GradError, match="freed"):
        _ = paths.routes(loss, c)
    assert "never" in str(results[0]), "a table needs the graph no more"
