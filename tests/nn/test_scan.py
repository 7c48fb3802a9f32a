"""minGRU and minLSTM: the scan is the recurrence, values and gradients, in a graph log T deep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.scan import LinearCell, linear_scan, unroll_scanned

T, B, D, H = 7, 3, 4, 5
LENGTHS = [7, 2, 4]
CELLS: dict[str, type[LinearCell]] = {"MinGRU": nn.MinGRUCell, "MinLSTM": nn.MinLSTMCell}
every_kind = pytest.mark.parametrize("kind", CELLS)


def randomised(module: Any) -> Any:
    rng = np.random.default_rng(0)
    module.astype(float)
    for parameter in module.parameters():
        parameter.data = rng.normal(0, 0.7, parameter.shape)
    return module


def leaf(seed: int, *shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def depth(y: tg.Tensor) -> int:
    """How many ops lie on the longest path of the graph: what a machine of any width must do one after the other."""
    graph = tg.graph_of(y)
    longest = [0] * len(graph.vertices)
    reads: dict[int, list[int]] = {}
    for edge in graph.edges:
        reads.setdefault(edge.reader, []).append(edge.source)
    for reader in sorted(reads):  # ids are in topological order
        longest[reader] = 1 + max(longest[source] for source in reads[reader])
    return max(longest)


def sigma(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 8, 9, 100])
def test_the_scan_is_the_recurrence(steps: int) -> None:
    a, b, h0 = leaf(0, steps, B, H), leaf(1, steps, B, H), leaf(2, B, H)
    y = linear_scan(a, b, h0)
    h, hs = h0, []
    for t in range(steps):
        h = a[t] * h + b[t]
        hs.append(h)
    wanted = tg.stack(hs)
    np.testing.assert_allclose(y.data, wanted.data, rtol=1e-12, atol=1e-13)
    w = np.random.default_rng(3).normal(size=y.shape)
    for ours, theirs in zip(tg.grad((y * w).sum(), [a, b, h0]), tg.grad((wanted * w).sum(), [a, b, h0]), strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12, atol=1e-12)


def test_the_scan_to_second_order() -> None:
    leaves = [leaf(0, 5, 2), leaf(1, 5, 2), leaf(2, 2)]
    assert tg.gradcheck(linear_scan, leaves)
    assert tg.gradgradcheck(linear_scan, leaves)


def test_depth_grows_with_log_T() -> None:  # noqa: N802
    """Four ops a stage (slice, multiply, add, join), ceil(log₂ T) stages, then + a h₀, whose product waits: exact."""
    for steps, stages in ((2, 1), (3, 2), (4, 2), (5, 3), (64, 6), (65, 7), (4096, 12)):
        a, b, h0 = leaf(0, steps, 1), leaf(1, steps, 1), leaf(2, 1)
        assert depth(linear_scan(a, b, h0)) == 4 * stages + 1


@every_kind
def test_the_unrolled_cell_is_t_deep_and_the_scanned_one_is_not(kind: str) -> None:
    cell = randomised(CELLS[kind](D, H))
    chains = {steps: nn.unroll(cell, leaf(1, steps, B, D)).output for steps in (8, 16)}
    assert depth(chains[16]) - depth(chains[8]) == 2 * 8  # multiply and add, each step
    scans = {steps: depth(unroll_scanned(cell, leaf(1, steps, B, D)).output) for steps in (64, 1024)}
    assert scans[1024] - scans[64] == 4 * 4  # ten stages instead of six


@every_kind
def test_the_layer_runs_the_scan(kind: str) -> None:
    layer = getattr(nn, kind)(D, H, num_layers=2)
    depths = [depth(layer(tg.zeros(steps, B, D))[0]) for steps in (64, 128)]
    assert depths[1] - depths[0] == 2 * 4  # one more stage in each layer


@every_kind
@pytest.mark.parametrize("outside", ["zero", "repeat", "raw"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_a_scanned_cell_is_the_unrolled_cell(kind: str, outside: Any, reverse: bool, masked: bool) -> None:
    """Output, final state, and the gradients of x, of the first state and of every parameter; NaN in the padding."""
    cell = randomised(CELLS[kind](D, H))
    x, h0 = leaf(1, T, B, D), leaf(2, B, H)
    mask = np.arange(T)[:, None] < np.array(LENGTHS) if masked else None
    if mask is not None:
        x.data = np.where(mask[..., None], x.data, np.nan)
    rng = np.random.default_rng(5)
    w, v = rng.normal(size=(T, B, H)), rng.normal(size=(B, H))
    leaves = [x, h0, *cell.parameters()]
    found = []
    runs: list[Any] = [unroll_scanned, nn.unroll]
    for run in runs:
        chain = run(cell, x, h0, mask=mask, outside=outside, reverse=reverse)
        loss = (chain.output * w).sum() + (chain.state * v).sum()
        found.append([chain.output, chain.state, *tg.grad(loss, leaves)])
    for scanned, stepped in zip(*found, strict=True):
        np.testing.assert_allclose(scanned.data, stepped.data, rtol=1e-12, atol=1e-13)


@every_kind
@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_a_layer_and_its_trajectory_are_the_same_function(kind: str, options: dict[str, Any]) -> None:
    layer = randomised(getattr(nn, kind)(D, H, **options))
    x = leaf(1, B, T, D) if "batch_first" in options else leaf(1, T, B, D)
    output, h = layer(x, lengths=LENGTHS)
    trajectory = layer.unroll(x, lengths=LENGTHS)
    assert h.shape == (len(layer.layers), B, H)
    np.testing.assert_allclose(output.data, trajectory.output.data, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(h.data, trajectory.state.data, rtol=1e-12, atol=1e-13)
    assert len(trajectory.steps) == T
    assert {"z", "n", "h"} <= set(trajectory.steps[0].named) or {"f", "i", "g", "h"} <= set(trajectory.steps[0].named)
    alone, _ = layer(x[0] if "batch_first" in options else x[:, 0])  # one sequence, no batch axis
    np.testing.assert_allclose(alone.data, np.moveaxis(output.data, 0, -2)[..., 0, :] if "batch_first" in options
                               else output.data[:, 0], rtol=1e-12, atol=1e-13)  # fmt: skip


def test_min_gru_is_the_papers_equation() -> None:
    """h = (1 - z) h + z h̃ with z = σ(W_z x + b_z), h̃ = W_h x + b_h (their section 3.1); our z is their 1 - z."""
    cell = randomised(nn.MinGRUCell(D, H))
    (W_z, W_h), (b_z, b_h) = (np.split(p.data, 2) for p in (cell.W, cell.b))
    x = leaf(1, T, B, D).data
    h, hs = np.ones((B, H)), []
    for t in range(T):
        z = sigma(x[t] @ -W_z.T - b_z)
        h = (1 - z) * h + z * (x[t] @ W_h.T + b_h)
        hs.append(h)
    np.testing.assert_allclose(unroll_scanned(cell, tg.tensor(x), np.ones((B, H))).output.data, hs, rtol=1e-12)


def test_min_lstm_is_the_papers_equation() -> None:
    """h = f' h + i' h̃ with f' = f/(f + i), i' = i/(f + i) (their section 3.2)."""
    cell = randomised(nn.MinLSTMCell(D, H))
    (W_f, W_i, W_h), (b_f, b_i, b_h) = (np.split(p.data, 3) for p in (cell.W, cell.b))
    x = leaf(1, T, B, D).data
    h, hs = np.ones((B, H)), []
    for t in range(T):
        f, i = sigma(x[t] @ W_f.T + b_f), sigma(x[t] @ W_i.T + b_i)
        h = f / (f + i) * h + i / (f + i) * (x[t] @ W_h.T + b_h)
        hs.append(h)
    np.testing.assert_allclose(unroll_scanned(cell, tg.tensor(x), np.ones((B, H))).output.data, hs, rtol=1e-12)


def test_both_gates_shut_is_no_division_of_nothing_by_nothing() -> None:
    cell = nn.MinLSTMCell(1, 1)
    cell.W.data = np.array([[-1.0], [-1.0], [1.0]], np.float32)
    chain = unroll_scanned(cell, tg.tensor(np.full((3, 1, 1), 500.0, np.float32), requires_grad=True))
    f = 1 / (1 + np.exp(-1.0))  # only the forget bias tells the gates apart
    np.testing.assert_allclose(chain.output.data[0], (1 - f) * 500, rtol=1e-4)
    chain.output.sum().backward()
    assert cell.W.grad is not None
    assert np.isfinite(cell.W.grad.data).all()


@every_kind
def test_gradcheck_to_second_order(kind: str) -> None:
    cell = randomised(CELLS[kind](2, 2))
    leaves = [leaf(1, 3, 2, 2), leaf(2, 2, 2), *cell.parameters()]

    def run(x: tg.Tensor, h: tg.Tensor, *_: tg.Tensor) -> tg.Tensor:
        return unroll_scanned(cell, x, h).output

    assert tg.gradcheck(run, leaves)
    assert tg.gradgradcheck(run, leaves)


@pytest.mark.parametrize(("kind", "gates"), [("MinGRU", 2), ("MinLSTM", 3)])
def test_counts_bias_dtype_and_the_forget_bias(kind: str, gates: int) -> None:
    layer = getattr(nn, kind)(D, H)
    assert layer.parameter_count() == gates * (H * D + H)
    assert getattr(nn, kind)(D, H, bias=False).parameter_count() == gates * H * D
    assert layer(np.ones((T, B, D), np.float32))[0].dtype == np.float32
    b = nn.MinLSTMCell(D, H, forget_bias=2.0).b
    assert b is not None
    assert b.data.tolist() == [2.0] * H + [0.0] * 2 * H


class Decay(LinearCell):
    """A cell of one's own: h' = h/2 + x."""

    def coefficients(self, x: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
        return tg.ones_like(x) / 2, x


def test_a_linear_cell_of_ones_own() -> None:
    x = leaf(0, T, B, D)
    output, _ = nn.MinGRU(D, D, cell=lambda D, H: Decay(D, H))(x)
    np.testing.assert_allclose(output.data, nn.unroll(Decay(D, D), x).output.data, rtol=1e-12)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ArgumentError, match=r"linear in h, a LinearCell; run LSTMCell in nn\.RNN"):
        nn.MinGRU(D, H, cell=nn.LSTMCell)
    with pytest.raises(ShapeError, match=r"\(3, 2\) and \(2, 2\)"):
        linear_scan(tg.ones(3, 2), tg.ones(2, 2))
    with pytest.raises(ShapeError, match=r"\(T, \.\.\.\), not \(\) and \(\)"):
        linear_scan(tg.ones(), tg.ones())
    with pytest.raises(ShapeError, match=r"D = 4, not \(7, 3, 5\)"):
        nn.MinLSTM(D, H)(tg.ones(T, B, D + 1))
    with pytest.raises(ArgumentError, match="outside is one of 'zero', 'repeat', 'raw', not 'packed'"):
        unroll_scanned(nn.MinGRUCell(D, H), tg.ones(T, B, D), outside="packed")  # type: ignore[arg-type]  # the point
    with pytest.raises(TypeError, match="LinearCell has no coefficients"):
        LinearCell(D, H)(tg.ones(B, D))
