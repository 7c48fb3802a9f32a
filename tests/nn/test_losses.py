"""Losses: equal to PyTorch's, right at kinks and far out, and untouched by what a mask leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_lstm.nn import functional as F  # noqa: N812  # everybody's name for it

T, B, V = 5, 3, 4
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def scores(seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, (T, B, V))


def classes() -> np.ndarray:
    return np.random.default_rng(1).integers(0, V, (T, B))


def steps() -> np.ndarray:
    """Rows of 5, 2 and 4 steps."""
    return np.arange(T)[:, None] < np.array([5, 2, 4])


# name -> (loss, its target); all take reduction and mask
LOSSES: dict[str, tuple[Callable[..., tg.Tensor], np.ndarray]] = {
    "cross_entropy": (F.cross_entropy, classes()),
    "nll_loss": (F.nll_loss, classes()),
    "kl_div": (F.kl_div, np.random.default_rng(3).dirichlet(np.ones(V), (T, B))),
    "smooth_l1_loss": (F.smooth_l1_loss, scores(2)),
    "mse_loss": (F.mse_loss, scores(2)),
    "l1_loss": (F.l1_loss, scores(2)),
    "huber_loss": (F.huber_loss, scores(2)),
    "binary_cross_entropy_with_logits": (
        F.binary_cross_entropy_with_logits,
        np.random.default_rng(3).random((T, B, V)).round(1),
    ),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def value_and_slope(loss: Callable[..., tg.Tensor], x: np.ndarray, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    leaf = tg.tensor(x, requires_grad=True)
    y = loss(leaf, *args, **kwargs)
    y.sum().backward()
    assert leaf.grad is not None
    return y.data, leaf.grad.data


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:reduction")  # PyTorch on the "mean" of a divergence
@REDUCTIONS
@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cross_entropy", {}),
        ("cross_entropy", {"label_smoothing": 0.1}),
        ("cross_entropy", {"weight": np.array([0.5, 2.0, 0.0, 1.0]), "label_smoothing": 0.3}),
        ("cross_entropy", {"weight": np.array([0.5, 2.0, 0.1, 1.0]), "ignore_index": 2}),
        ("nll_loss", {}),
        ("nll_loss", {"weight": np.array([0.5, 2.0, 0.0, 1.0])}),
        ("nll_loss", {"weight": np.array([0.5, 2.0, 0.1, 1.0]), "ignore_index": 2}),
        ("kl_div", {}),
        ("kl_div", {"log_target": True}),
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.3}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 0.3}),
        ("binary_cross_entropy_with_logits", {}),
        ("binary_cross_entropy_with_logits", {"pos_weight": np.array([0.5, 2.0, 0.0, 7.0])}),
        ("binary_cross_entropy_with_logits", {"pos_weight": np.array(3.0), "weight": np.array([1.0, 2.0, 0.0, 0.5])}),
        ("binary_cross_entropy_with_logits", {"weight": np.random.default_rng(5).random((T, B, V))}),
        ("binary_cross_entropy_with_logits", {"pos_weight": np.random.default_rng(5).random((B, 1))}),
    ],
)
def test_values_and_gradients_are_pytorchs(name: str, options: dict[str, Any], scale: float, reduction: Any) -> None:
    """To 1e-12, also with scores in the hundreds. PyTorch has the classes on axis 1."""
    torch = pytest.importorskip("torch")
    loss, target = LOSSES[name]
    x = scores(0, scale)
    ours, slope = value_and_slope(loss, x, target, reduction, **options)

    theirs = torch.tensor(x, requires_grad=True)
    converted = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    moved = theirs.movedim(-1, 1) if target.ndim == 2 else theirs
    y = getattr(torch.nn.functional, name)(moved, torch.tensor(target), reduction=reduction, **converted)
    y.sum().backward()
    np.testing.assert_allclose(ours, y.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(slope, theirs.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:reduction")  # PyTorch on "mean"
@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", ["batchmean", "mean", "sum", "none"])
def test_a_divergence_is_pytorchs_in_value_and_both_gradients(reduction: Any, log_target: bool) -> None:
    torch = pytest.importorskip("torch")
    given = LOSSES["kl_div"][1]
    given = np.log(given) if log_target else np.where(given > 0.5, 0.0, given)
    ours = [tg.tensor(value, requires_grad=True) for value in (scores(), given)]
    theirs = [torch.tensor(value, requires_grad=True) for value in (scores(), given)]
    y = F.kl_div(ours[0], ours[1], reduction, log_target)
    expected = torch.nn.functional.kl_div(*theirs, reduction=reduction, log_target=log_target)
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    y.sum().backward()
    expected.sum().backward()
    for mine, hers in zip(ours, theirs, strict=True):
        assert mine.grad is not None
        there = given > 0 if not log_target else np.ones(given.shape, bool)  # at 0 the slope of y log y is -inf
        on = there if mine is ours[1] else np.ones(given.shape, bool)
        np.testing.assert_allclose(mine.grad.data[on], hers.grad.numpy()[on], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mask", [steps(), np.arange(T) >= 2, np.ones((T, B), bool), np.ones(T, bool)])
def test_batchmean_divides_by_the_entries_of_the_first_axis_that_count(mask: np.ndarray) -> None:
    target = LOSSES["kl_div"][1]
    x = tg.tensor(scores())
    total = F.kl_div(x, target, "sum", mask=mask).item()
    rows = mask.reshape(T, -1).any(axis=1).sum()
    assert F.kl_div(x, target, "batchmean", mask=mask).item() == pytest.approx(total / rows)
    with pytest.raises(ArgumentError, match="of no rows"):
        F.kl_div(x, target, "batchmean", mask=np.zeros(T, bool))


@pytest.mark.parametrize("mask", [steps(), np.arange(T) >= 2, np.random.default_rng(0).random((T, B, V)) > 0.5])
@pytest.mark.parametrize("shape", [(), (V,), (B, 1), (T, 1, V), (T, B, V), (1, 1)])
def test_weights_of_labels_go_with_what_the_mask_leaves(mask: np.ndarray, shape: tuple[int, ...]) -> None:
    loss, target = LOSSES["binary_cross_entropy_with_logits"]
    weights = np.random.default_rng(5).random(shape)
    x = tg.tensor(scores())
    for name in ("weight", "pos_weight"):
        whole = loss(x, target, "none", **{name: weights}).data
        on = np.broadcast_to(mask.reshape(mask.shape + (1,) * (3 - mask.ndim)), whole.shape)
        masked = loss(x, target, "none", mask=mask, **{name: weights}).data
        np.testing.assert_array_equal(masked, np.where(on, whole, 0))
        np.testing.assert_allclose(loss(x, target, mask=mask, **{name: weights}).data, whole[on].mean())


def test_cross_entropy_is_the_nll_of_the_log_softmax() -> None:
    x = tg.tensor(scores())
    for options in ({}, {"weight": [1.0, 2.0, 0.5, 3.0]}, {"ignore_index": 1}):
        one = F.cross_entropy(x, classes(), **options)
        np.testing.assert_allclose(one.data, F.nll_loss(F.log_softmax(x), classes(), **options).data)


@pytest.mark.oracle
def test_ignore_index_is_minus_100_unless_said_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    target = np.where(steps(), classes(), -100)
    ours, slope = value_and_slope(F.cross_entropy, scores(), target)
    theirs = torch.tensor(scores(), requires_grad=True)
    y = torch.nn.functional.cross_entropy(theirs.reshape(-1, V), torch.tensor(target).reshape(-1))
    y.backward()
    np.testing.assert_allclose(ours, y.item(), rtol=1e-12)
    np.testing.assert_allclose(slope, theirs.grad.numpy(), rtol=1e-12, atol=1e-15)


@every_loss
@REDUCTIONS
def test_gradcheck_to_second_order_with_a_mask(name: str, reduction: Any) -> None:
    loss, target = LOSSES[name]
    x = tg.tensor(scores(), requires_grad=True)

    def masked(x: tg.Tensor) -> tg.Tensor:
        return loss(x, target, reduction, mask=steps())

    assert tg.gradcheck(masked, x)
    assert tg.gradgradcheck(masked, x)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy_with_logits"])
def test_a_target_that_is_learned_gets_its_gradient(name: str) -> None:
    loss, target = LOSSES[name]
    inside = np.clip(target, 0.1, 0.9)
    leaves = [tg.tensor(scores(), requires_grad=True), tg.tensor(inside, requires_grad=True)]
    assert tg.gradcheck(lambda x, y: loss(x, y, mask=steps()), leaves)


@every_loss
@pytest.mark.parametrize("rubbish", [np.nan, np.inf, 1e300])
def test_what_the_mask_leaves_out_is_nowhere(name: str, rubbish: float) -> None:
    """The loss of the steps that count, taken alone; gradients of exactly 0 elsewhere; no warning on the way."""
    loss, target = LOSSES[name]
    on, x = steps(), scores()
    spoilt = np.where(on[..., None], x, rubbish)
    spoilt_target = np.where(on, target, -1) if target.ndim == 2 else np.where(on[..., None], target, rubbish)
    for reduction in ("mean", "sum"):
        alone, slope_alone = value_and_slope(loss, x[on], target[on], reduction)
        masked, slope = value_and_slope(loss, spoilt, spoilt_target, reduction, mask=on)
        np.testing.assert_allclose(masked, alone, rtol=1e-14)
        np.testing.assert_allclose(slope[on], slope_alone, rtol=1e-14)
        np.testing.assert_array_equal(slope[~on], 0)
    each, _ = value_and_slope(loss, spoilt, spoilt_target, "none", mask=on)
    np.testing.assert_array_equal(each[on], loss(tg.tensor(x), target, "none").data[on])
    np.testing.assert_array_equal(each[~on], 0)


@every_loss
def test_masks_of_one_axis_and_of_all_and_one_that_is_on_everywhere(name: str) -> None:
    loss, target = LOSSES[name]
    x = tg.tensor(scores())
    late = np.arange(T) >= 2
    expected = loss(x[2:], target[2:]).item()
    full = np.broadcast_to(late.reshape(-1, *[1] * (target.ndim - 1)), target.shape)
    for mask in (late, late.tolist(), full, tg.tensor(full, dtype=bool)):
        np.testing.assert_allclose(loss(x, target, mask=mask).item(), expected, rtol=1e-14)
    x.requires_grad = True
    whole, plain = (tg.graph_of(loss(x, target, **o)).vertices for o in ({"mask": np.ones(T, bool)}, {}))
    assert [v.op for v in whole] == [v.op for v in plain]


def test_a_mask_and_ignored_targets_together() -> None:
    target = np.where(classes() == 2, -100, classes())
    late = np.arange(T) >= 2
    x = scores()
    kept = late[:, None] & (target != -100)
    both, slope = value_and_slope(F.cross_entropy, x, target, mask=late)
    alone, _ = value_and_slope(F.cross_entropy, x[kept], target[kept])
    np.testing.assert_allclose(both, alone, rtol=1e-14)
    np.testing.assert_array_equal(slope[~kept], 0)


@every_loss
def test_where_nothing_counts_the_sum_is_0_and_the_mean_an_error(name: str) -> None:
    loss, target = LOSSES[name]
    nothing = np.zeros(T, bool)
    total, slope = value_and_slope(loss, scores(), target, "sum", mask=nothing)
    assert total == 0
    np.testing.assert_array_equal(slope, 0)
    with pytest.raises(ArgumentError, match=r"of no losses: of \(5, 3.* no element counts; reduction='sum' gives 0"):
        loss(tg.tensor(scores()), target, mask=nothing)
    with pytest.raises(ArgumentError, match="of no losses"):
        loss(tg.tensor(scores()[:0]), target[:0])


def test_slopes_at_the_kinks() -> None:
    """l1: 0, the middle of -1 and 1. Huber has no kink: at ±δ both sides say ±δ, and at 0 the second slope is 1."""
    x = np.array([-3.0, -2.0, 0.0, 2.0, 3.0])
    np.testing.assert_array_equal(value_and_slope(F.l1_loss, x, np.zeros(5), "sum")[1], [-1, -1, 0, 1, 1])
    np.testing.assert_array_equal(value_and_slope(F.huber_loss, x, np.zeros(5), "sum", delta=2.0)[1], [-2, -2, 0, 2, 2])
    at_zero = tg.tensor(0.0, requires_grad=True)
    (g,) = tg.grad(F.huber_loss(at_zero, 0.0), at_zero, create_graph=True)
    assert g is not None
    assert tg.grad(g, at_zero)[0].item() == 1


def test_far_out_nothing_overflows_and_small_losses_keep_their_digits() -> None:
    x = tg.tensor([-1e4, 1e4, 40.0], dtype=float, requires_grad=True)
    each = F.binary_cross_entropy_with_logits(x, [1.0, 1.0, 1.0], "none")
    np.testing.assert_allclose(each.data, [1e4, 0, np.exp(-40)], rtol=1e-15)
    each.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, [-1, 0, -np.exp(-40)], rtol=1e-15)
    logits = tg.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = F.cross_entropy(logits, [0, 0], "none")
    assert loss.tolist() == [0, 2e4]
    loss.sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [[0, 0], [-1, 1]]


@every_loss
def test_float32_stays_float32_whatever_the_target_is(name: str) -> None:
    loss, target = LOSSES[name]
    x = tg.tensor(scores().astype(np.float32), requires_grad=True)
    weights = {"weight": [1.0, 2.0, 3.0, 4.0], "label_smoothing": 0.1} if name == "cross_entropy" else {}
    for given in (target, target.tolist(), target.round().astype(int)):
        y = loss(x, given, mask=steps(), **weights)
        assert y.dtype == np.float32
        y.backward()
        assert x.grad is not None
        assert x.grad.dtype == np.float32


x = tg.ones(T, B, V)
k = np.zeros((T, B), int)
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.cross_entropy(x, k.T), ShapeError, r"input \(5, 3, 4\) goes with targets \(5, 3\), not \(3, 5\)"),
    (lambda: F.cross_entropy(x, k + V), ShapeError, r"targets 4\.\.4 for 4 classes, 0\.\.3"),
    (lambda: F.cross_entropy(x, k - 1), ShapeError, r"targets -1\.\.-1"),
    (lambda: F.cross_entropy(x, k * 1.0), DtypeError, "whole numbers"),
    (lambda: F.cross_entropy(x, k, weight=[1.0, 2.0]), ShapeError, r"each of the 4 classes, not \(2,\)"),
    (lambda: F.cross_entropy(x, k, label_smoothing=1.5), ArgumentError, "label_smoothing .* not 1.5"),
    (lambda: F.cross_entropy(x, k, weight=np.zeros(V)), ArgumentError, "no element counts"),
    (lambda: F.cross_entropy(tg.tensor(k), k[0]), DtypeError, "not int"),
    (lambda: F.mse_loss(np.ones(3), np.ones(3)), DtypeError, "in a Tensor, not float64"),  # type: ignore[arg-type]
    (lambda: F.mse_loss(x, x[0]), ShapeError, r"\(5, 3, 4\) goes with .* not \(3, 4\)"),
    (lambda: F.l1_loss(x, x, mask=np.ones((T, B))), ShapeError, "bools .* not float64"),
    (lambda: F.l1_loss(x, x, mask=np.ones((B, T), bool)), ShapeError, r"first axes of \(5, 3, 4\).* \(3, 5\)"),
    (lambda: F.l1_loss(x, x, mask=True), ShapeError, r"one or more, not bool \(\)"),
    (lambda: F.huber_loss(x, x, delta=0.0), ArgumentError, "delta .* above 0, not 0"),
    (lambda: F.huber_loss(x, x, "avg"), ArgumentError, "'mean', 'sum' or 'none', not 'avg'"),  # type: ignore[arg-type]
    (lambda: F.huber_loss(x, x, np.ones(V)), ArgumentError, "'none', not 'a ndarray'; weights are given by name"),  # type: ignore[arg-type]
    (lambda: F.cross_entropy(x, k, tg.ones(V)), ArgumentError, "not 'a Tensor'; weights are given by name: weight="),  # type: ignore[arg-type]
    (lambda: F.nll_loss(x, k + V), ShapeError, r"targets 4\.\.4 for 4 classes"),
    (lambda: F.nll_loss(x, k, weight=[1.0]), ShapeError, r"each of the 4 classes, not \(1,\)"),
    (lambda: F.kl_div(x, -x), ArgumentError, "targets are probabilities, not -1.0; for logarithms, log_target=True"),
    (lambda: F.kl_div(x, x * np.nan), ArgumentError, "targets are probabilities"),
    (lambda: F.kl_div(x, x, "batch"), ArgumentError, "reduction"),  # type: ignore[arg-type]
    (lambda: F.kl_div(x, x, np.ones(2)), ArgumentError, "reduction"),  # type: ignore[arg-type]
    (lambda: F.smooth_l1_loss(x, x, beta=0.0), ArgumentError, "beta .* above 0, not 0.0; 0 is l1_loss"),
    (
        lambda: F.binary_cross_entropy_with_logits(x, x, pos_weight=np.ones(3)),
        ShapeError,
        r"pos_weight broadcasts to the input \(5, 3, 4\), which \(3,\) does not",
    ),
    (lambda: F.binary_cross_entropy_with_logits(x, x, weight=np.ones((2, T, B, V))), ShapeError, "weight broadcasts"),
    (lambda: F.binary_cross_entropy_with_logits(x, x + 1), ArgumentError, "probabilities, 0 to 1, not 2.0 to 2.0"),
    (lambda: F.binary_cross_entropy_with_logits(x, x * np.nan), ArgumentError, "probabilities"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_what_does_not_fit_is_told(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
