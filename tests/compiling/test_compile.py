"""A compiled function gives the loss and the gradients of the engine, on other data and weights than were recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support import cells
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError

T, B, D, H = 5, 2, 3, 4


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    tg.set_default_dtype("float64")
    yield
    tg.set_default_dtype("float32")


def data(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape or (T, B, D))


def check(f: Callable[..., Tensor], parameters: Any, *calls: tuple[Any, ...]) -> Any:
    """Run a compiled function on each set of arguments, with other weights each time; returns it."""
    step, parameters = tg.compile(f), list(parameters)
    rng = np.random.default_rng(7)
    for k, args in enumerate(calls):
        for p in parameters:
            p.grad = None
        tg.manual_seed(k)
        loss = f(*args)
        loss.backward()
        expected = [p.grad for p in parameters]
        for p in parameters:
            p.grad = None
        for _ in range(2):  # the second time it is added
            tg.manual_seed(k)
            value = step(*args)
        np.testing.assert_allclose(value.data, loss.data, rtol=1e-12, atol=1e-13)
        assert not value.requires_grad
        for p, g in zip(parameters, expected, strict=True):
            if g is None:
                assert p.grad is None
                continue
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.data, 2 * g.data, rtol=1e-11, atol=1e-12)
            assert p.grad.dtype == g.dtype
        for p in parameters:
            p.data = p.data + rng.normal(0, 0.2, p.shape)
    assert all(compiled.rolled for known in step.programs.values() for compiled in known)
    return step


def weighed(y: Tensor) -> Tensor:
    """A loss over all steps, that weighs every output differently."""
    return (y * y * np.random.default_rng(5).uniform(0.5, 1.5, y.shape)).mean()


KINDS = [kind for kind in cells.MAKERS if kind != "Zoneout"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell(kind: str) -> None:
    layer = nn.LSTM(D, H, cell=lambda D, H: cells.make(kind, sizes=(D, H))).astype(float)
    if kind == "Zoneout of all":
        layer.eval()
    check(lambda x: weighed(layer(x)[0]), layer.parameters(), *[(data(k),) for k in range(3)])


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("options", [{"num_layers": 2}, {"bidirectional": True, "num_layers": 2}, {"reverse": True},
                                     {"batch_first": True}, {"bidirectional": "sum"}])  # fmt: skip
def test_layers(kind: Any, options: dict[str, Any]) -> None:
    layer = kind(D, H, **options).astype(float)
    check(lambda x: weighed(layer(x)[0]), layer.parameters(), *[(data(k),) for k in range(3)])


def test_lengths_and_masks() -> None:
    """Their values decide what is computed: a program is made for each."""
    layer = nn.LSTM(D, H, bidirectional=True).astype(float)
    lengths = [np.array([5, 3]), np.array([5, 5]), np.array([2, 5]), np.array([5, 3])]
    step = check(lambda x, n: weighed(layer(x, lengths=n)[0]), layer.parameters(),
                 *[(data(k), n) for k, n in enumerate(lengths)])  # fmt: skip
    assert sum(map(len, step.programs.values())) == 3
    masks = [np.random.default_rng(k).random((T, B)) < 0.6 for k in range(3)]
    check(lambda x, m: weighed(layer(x, mask=m)[0]), layer.parameters(), *[(data(k), m) for k, m in enumerate(masks)])


def test_words_and_classes_are_data() -> None:
    """One program for all of them, although embeddings read single numbers and whole columns."""
    words, layer, out = nn.Embedding(11, D), nn.GRU(D, H), nn.Linear(H, 7)
    for module in (words, layer, out):
        module.astype(float)

    def f(x: Any, y: Any) -> Tensor:
        h = layer(words(x))[0]
        return tg.losses.cross_entropy(out(h), y) + tg.losses.cross_entropy(out(h[-1]), y[-1])

    calls = [(rng.integers(0, 11, (T, B)), rng.integers(0, 7, (T, B))) for rng in map(np.random.default_rng, range(4))]
    step = check(f, [*words.parameters(), *layer.parameters(), *out.parameters()], *calls)
    assert sum(map(len, step.programs.values())) == 1
    tensors = [tuple(tg.tensor(part) for part in call) for call in calls]
    check(f, [*words.parameters(), *layer.parameters(), *out.parameters()], *tensors)


def test_a_class_that_does_not_count_appears_late() -> None:
    out = nn.Linear(D, 7).astype(float)
    step = tg.compile(lambda x, y: tg.losses.cross_entropy(out(x), y))
    step(data(0, 4, D), np.array([0, 1, 2, 3]))
    step(data(0, 4, D), np.array([3, 1, 2, 0]))
    with pytest.raises(UnsupportedError, match="depends on the values"):
        step(data(0, 4, D), np.array([3, 1, -100, 0]))


def test_dropout_is_drawn_anew() -> None:
    layer = nn.LSTM(D, H, num_layers=3, dropout=0.4).astype(float)
    step = check(lambda x: weighed(layer(x)[0]), layer.parameters(), *[(data(k),) for k in range(3)])
    values = {float(step(data(1)).data) for _ in range(3)}
    assert len(values) == 3
    locked = nn.LSTM(D, H, num_layers=2, dropout=nn.LockedDropout(0.4)).astype(float)
    check(lambda x: weighed(locked(x)[0]), locked.parameters(), *[(data(k),) for k in range(3)])


def test_a_network_without_steps() -> None:
    net = nn.Sequential(nn.Linear(D, 8), tg.tanh, nn.LayerNorm(8), nn.Linear(8, 2), tg.softplus).astype(float)
    check(
        lambda x, y: tg.losses.mse_loss(net(x), y),
        net.parameters(),
        *[(data(k, 6, D), data(k + 9, 6, 2)) for k in range(3)],
    )


def test_attention() -> None:
    Q, K, V = (tg.tensor(data(k, D, D), requires_grad=True) for k in range(3))

    def f(x: Tensor) -> Tensor:
        scores = tg.softmax((x @ Q) @ (x @ K).swapaxes(-1, -2) / D**0.5, axis=-1)
        return weighed(scores @ (x @ V))

    check(f, [Q, K, V], *[(data(k),) for k in range(3)])


def test_a_cell_of_ones_own() -> None:
    class Own(nn.Cell):
        def __init__(self) -> None:
            super().__init__(D, H)
            self.A = nn.Parameter(data(1, H, D))
            self.p = nn.Parameter(data(2, H))

        def forward(self, x: Tensor, h: Tensor) -> Tensor:
            gate = tg.sigmoid(tg.linear(x, self.A) + self.p * h)
            return gate * h + (1 - gate) * tg.relu(h * h - self.p)

    layer = nn.LSTM(D, H, cell=lambda D, H: Own())
    check(lambda x: weighed(layer(x)[0]), layer.parameters(), *[(data(k),) for k in range(3)])


def test_a_loop_written_out_without_any_module() -> None:
    U, W = (tg.tensor(data(k, H, n), requires_grad=True) for k, n in enumerate((H, D)))

    def f(xs: list[Any]) -> Tensor:
        h, total = tg.zeros(B, H), tg.zeros()
        for x in xs:
            h = tg.tanh(tg.linear(x, W) + tg.linear(h, U))
            total = total + (h * h).sum()
        return total

    check(f, [U, W], *[([data(10 * k + t, B, D) for t in range(T)],) for k in range(3)])


def test_arguments_that_require_a_gradient_get_it() -> None:
    layer = nn.LSTM(D, H).astype(float)
    x, h, c = (tg.tensor(data(0, *shape), requires_grad=True) for shape in ((T, B, D), (1, B, H), (1, B, H)))
    step = tg.compile(lambda x, state, *, scale: weighed(layer(x, state)[0]) * scale)
    for scale in (1.0, 3.0):
        x.grad = h.grad = c.grad = None
        (weighed(layer(x, (h, c))[0]) * scale).backward()
        expected = [leaf.grad.data for leaf in (x, h, c) if leaf.grad is not None]
        x.grad = h.grad = c.grad = None
        step(x, (h, c), scale=scale)
        for leaf, g in zip((x, h, c), expected, strict=True):
            assert leaf.grad is not None
            np.testing.assert_allclose(leaf.grad.data, g, rtol=1e-12)


def test_a_gradient_is_an_array_of_its_own() -> None:
    a, b = (tg.tensor(data(k, 3), requires_grad=True) for k in range(2))
    step = tg.compile(lambda x: (a + b + x).sum())
    step(data(2, 3))
    assert a.grad is not None
    assert b.grad is not None
    assert not np.shares_memory(a.grad.data, b.grad.data)
    a.grad.data[...] = 5.0
    assert b.grad.data.tolist() == [1.0, 1.0, 1.0]


def test_frozen_parameters_and_tensors_outside_are_read_at_each_call() -> None:
    frozen, w = tg.tensor([2.0, 3.0]), tg.tensor([1.0, 1.0], requires_grad=True)
    step = tg.compile(lambda x: (w * frozen * x).sum())
    assert step(np.ones(2)).item() == 5.0
    frozen.data = np.array([10.0, 10.0])
    assert step(np.ones(2)).item() == 20.0
    frozen.requires_grad = True  # no longer the same program
    step(np.ones(2))
    assert frozen.grad is not None
    assert frozen.grad.tolist() == [1.0, 1.0]


def test_the_source_runs_by_itself() -> None:
    layer = nn.LSTM(D, H).astype(float)
    step = tg.compile(lambda x: weighed(layer(x)[0]))
    with pytest.raises(ArgumentError, match="before the first call"):
        _ = step.source
    loss = step(data(0))
    assert "tinygrad" not in step.source
    namespace: dict[str, Any] = {}
    exec(step.source, namespace)
    cell, known = layer.layers[0], step.programs[next(iter(step.programs))][0].recording.inputs()
    value, gradients = namespace["step"](**known | {"x": data(0)})
    assert value == loss.item()
    np.testing.assert_allclose(gradients["U"], cell.U.grad.data, rtol=1e-12)


def test_what_is_read_from_outside_may_change() -> None:
    net = nn.Sequential(nn.Linear(D, 8), nn.Dropout(0.5), nn.Linear(8, 1)).astype(float)
    start, scale = tg.tensor(data(0, D)), 1.0
    step = tg.compile(lambda x: net(x + start).sum() * scale)
    f = step.f
    for change in ("nothing", "eval", "number", "tensor", "parameter", "train"):
        if change in ("eval", "train"):
            net.train(change == "train")
        scale = 3.0 if change == "number" else scale
        start = tg.tensor(data(1, D)) if change == "tensor" else start
        if change == "parameter":
            net[0].W = nn.Parameter(data(2, 8, D))
        tg.manual_seed(3)
        expected = f(data(5, 4, D)).item()
        tg.manual_seed(3)
        assert step(data(5, 4, D)).item() == pytest.approx(expected, rel=1e-12), change


# What cannot be compiled -------------------------------------------------------------------------------------------

w = tg.tensor(np.array([0.5, -1.0, 2.0]), requires_grad=True)


def branches(x: Tensor) -> Tensor:
    return (w * x).sum() if (w * x).sum() > 0 else (w * x * x).sum()


def reads_data(x: Tensor) -> Any:
    return (w * (x.data > 0.7)).sum()


def reads_by_numpy(x: Tensor) -> Any:
    return (w * np.isfinite(x)).sum()


def asks_item(x: Tensor) -> Any:
    return w.sum() * x.sum().item()


def detaches(x: Tensor) -> Tensor:
    return (w * (w * x).detach()).sum()


def computes_without_grad(x: Tensor) -> Tensor:
    with tg.no_grad():
        scale = tg.sum(x * x)
    return (w * scale).sum()


def draws_elsewhere(x: Tensor) -> Tensor:
    return (w * np.random.default_rng().normal(size=3)).sum() + x.sum()


def draws_inside(x: Tensor) -> Any:
    noise = tg.generator().normal(size=3)
    return (w * x * noise).sum()


def mask(shape: tuple[int, ...]) -> np.ndarray:
    return tg.generator().random(shape) < 0.5


def computes_from_a_draw(x: Tensor) -> Any:
    return (w * x * (1.0 - mask((3,)))).sum()


def zoneout(x: Tensor) -> Tensor:
    return nn.Zoneout(nn.LSTMCell(3, 2), h=0.5)(x)[0].sum() + w.sum()


def counts_calls(x: Tensor, calls: list[int] = []) -> Any:  # noqa: B006  # on purpose
    calls.append(1)
    return (w * x).sum() * len(calls)


def hooks(x: Tensor) -> Tensor:
    y = w * x
    y.register_hook(lambda g: g * 2)
    return y.sum()


def checkpoints(x: Tensor) -> Any:
    return tg.func.checkpoint(lambda x: (w * x).sum(), x)


def test_derivatives_inside_are_ops_like_others() -> None:
    w = tg.tensor(data(0, D), requires_grad=True)

    def f(x: Tensor) -> Tensor:
        (g,) = tg.grad((w * w * w * x).sum(), w, create_graph=True)
        return (g * g).sum()

    check(f, [w], *[(data(k, D),) for k in range(3)])


def own_leaf(x: Tensor) -> Tensor:
    return (tg.tensor([1.0, 2.0, 3.0], requires_grad=True) * x).sum()


def retains(x: Tensor) -> Tensor:
    y = w * x
    y.retain_grad()
    return y.sum()


REFUSED = [branches, reads_data, reads_by_numpy, asks_item, detaches, computes_without_grad, draws_elsewhere,
           draws_inside, computes_from_a_draw, zoneout, counts_calls,
           hooks, checkpoints, own_leaf, retains]  # fmt: skip


@pytest.mark.parametrize("f", REFUSED)
def test_what_cannot_be_compiled_is_refused(f: Callable[[Tensor], Tensor]) -> None:
    w.grad = None
    with pytest.raises(UnsupportedError):
        tg.compile(f)(np.array([0.5, 1.5, 1.0]))
    assert w.grad is None


def test_a_checkpoint_is_refused_by_its_name() -> None:
    layer = nn.LSTM(3, 2, checkpoint=2)
    for f in (checkpoints, lambda x: layer(x)[0].sum()):
        with pytest.raises(UnsupportedError, match="without checkpoint"):
            tg.compile(f)(data(0, 9, 1, 3))


def test_whole_numbers_that_are_data_and_also_computed_with_are_refused() -> None:
    table = tg.tensor(data(0, 6, D), requires_grad=True)
    step = tg.compile(lambda ids: (tg.embedding(table, ids) * tg.embedding(table, (ids + 1) % 6)).sum())
    with pytest.raises(UnsupportedError):
        step(np.array([0, 3, 2, 5] * 6))
    step = tg.compile(lambda ids: tg.embedding(table, (ids + 1) % 6).sum())  # a program for each
    for ids in (np.array([0, 3]), np.array([3, 0]), np.array([3, 3])):
        assert step(ids).item() == pytest.approx(table.data[(ids + 1) % 6].sum())


def test_a_draw_that_is_used_as_it_is_is_drawn_anew() -> None:
    step = tg.compile(lambda x: (w * x * mask((3,))).sum())
    tg.manual_seed(1)
    values = [step(np.ones(3)).item() for _ in range(8)]
    tg.manual_seed(1)
    assert values == [(w.data * mask((3,))).sum() for _ in range(8)]
    assert len(set(values)) > 2


def test_what_depends_on_parameters_is_refused_when_they_change() -> None:
    w = tg.tensor(np.array([0.5, 1.0]), requires_grad=True)

    def f(x: Tensor) -> Tensor:
        with tg.no_grad():
            length = (w * w).sum()
        return (w / length * x).sum()

    step = tg.compile(f)
    step(np.ones(2))
    w.data = w.data * 2
    with pytest.raises(UnsupportedError, match="outside the graph"):
        step(np.ones(2))


def test_a_hook_put_on_later_is_refused() -> None:
    w = tg.tensor(np.array([0.5, 1.0]), requires_grad=True)
    step = tg.compile(lambda x: (w * x).sum())
    step(np.ones(2))
    with w.register_hook(lambda g: g * 2), pytest.raises(UnsupportedError, match="hook"):
        step(np.ones(2))
    step(np.ones(2))


def test_wrong_results_and_arguments() -> None:
    with pytest.raises(DtypeError, match="takes a function"):
        tg.compile(3)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="returns a loss"):
        tg.compile(lambda x: (x, x))(np.ones(2))
    with pytest.raises(ShapeError, match="reduce it"):
        tg.compile(lambda x: x * x)(np.ones(2))
    with pytest.raises(DtypeError, match="computed from other"):
        tg.compile(lambda x: x.sum())(w * 2)
