"""Gates held at a value: every cell follows its equations with that value, and every other gradient stays exact."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import data, nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_lstm.paths import pinned
from tinygrad_lstm.training import SequenceModel, Training

LSTMS = ("f", "i", "o", "g")
GATES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "LSTM": (nn.LSTMCell, LSTMS),
    "separate": (nn.SeparateLSTMCell, LSTMS),
    "peephole": (nn.PeepholeLSTMCell, LSTMS),
    "coupled": (nn.CoupledLSTMCell, LSTMS),
    "clipped": (partial(nn.ClippedLSTMCell, clip=0.5), LSTMS),
    "candidate dropout": (partial(nn.CandidateDropoutLSTMCell, p=0.5), LSTMS),
    "projected": (partial(nn.ProjectedLSTMCell, proj_size=2), LSTMS),
    "layer norm": (nn.LayerNormLSTMCell, LSTMS),
    "GRU": (nn.GRUCell, ("r", "z", "n")),
    "reset before": (nn.ResetBeforeGRUCell, ("r", "z", "n")),
    "MGU": (nn.MGUCell, ("f", "n")),
    "layer norm GRU": (nn.LayerNormGRUCell, ("r", "z", "n")),
    "RNN": (nn.RNNCell, ("h",)),
    "minGRU": (nn.MinGRUCell, ("z", "n")),
    "minLSTM": (nn.MinLSTMCell, ("f", "i", "g")),
    "zoneout": (lambda D, H: nn.Zoneout(nn.LSTMCell(D, H), h=0.3, c=0.2), LSTMS),
    "recurrent dropout": (lambda D, H: nn.RecurrentDropout(nn.LSTMCell(D, H), 0.3), LSTMS),
    "weight drop": (lambda D, H: nn.WeightDrop(nn.LSTMCell(D, H), 0.3), LSTMS),
}
CASES = [pytest.param(make, gate, id=f"{name}, {gate}") for name, (make, gates) in GATES.items() for gate in gates]
HELD = np.array([0.25, 0.5, 0.75])


@pytest.fixture(autouse=True)
def _in_float64() -> Any:
    tg.manual_seed(0)
    tg.set_default_dtype(float)
    yield
    tg.set_default_dtype(np.float32)


def run(cell: nn.Cell, x: Any, **options: Any) -> nn.Chain:
    tg.manual_seed(1)
    return nn.unroll(cell, x, **options)


@pytest.mark.parametrize(("make", "gate"), CASES)
def test_every_gate_of_every_cell_has_the_value_at_every_step(make: Any, gate: str) -> None:
    cell, x = make(2, 3), tg.randn(4, 2, 2)
    value = HELD if (cell.state_sizes[0] == 3 or gate != "h") else 0.5
    free = run(cell, x)
    with pinned(**{gate: value}):
        chain = run(cell, x)
        again = run(cell, x)
    np.testing.assert_array_equal(chain[gate].data, np.broadcast_to(value, chain[gate].shape))
    assert (free.output.data != chain.output.data).any()
    if not isinstance(cell, nn.Zoneout | nn.RecurrentDropout | nn.WeightDrop | nn.CandidateDropoutLSTMCell):
        np.testing.assert_array_equal(again.output.data, chain.output.data)
    np.testing.assert_array_equal(run(cell, x).output.data, free.output.data)  # outside all is as before


@pytest.mark.parametrize(("make", "gate"), CASES)
def test_every_gradient_is_that_of_finite_differences(make: Any, gate: str) -> None:
    cell, x = make(2, 3).eval(), tg.randn(3, 2, 2)
    weights = np.random.default_rng(0).normal(size=(3, 2, cell.state_sizes[0]))

    def loss(*parameters: tg.Tensor) -> tg.Tensor:
        with pinned(**{gate: 0.4}):
            return (nn.unroll(cell, x).output * weights).sum()

    parameters = list(cell.parameters())
    value = loss()
    if not value.requires_grad:
        return  # an RNN held at a number depends on nothing
    for p in parameters:
        (found,) = tg.grad(loss(), p, allow_unused=True)
        got = np.zeros(p.shape) if found is None else found.data
        for index in np.ndindex(p.shape):
            kept, ends = p.data[index], []
            for step in (1e-5, -1e-5):
                changed = p.data.copy()
                changed[index] = kept + step
                p.data = changed
                ends.append(loss().item())
            changed = p.data.copy()
            changed[index] = kept
            p.data = changed
            assert got[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-7)


def test_an_lstm_by_hand() -> None:
    """Values and gradients of a loop with the value written in, to 1e-12; the pinned gate's weights get none."""
    cell, x = nn.LSTMCell(2, 3), tg.randn(5, 2, 2)
    with pinned(f=HELD):
        output = nn.unroll(cell, x).output
    h, c = tg.zeros(2, 3), tg.zeros(2, 3)
    outputs = []
    for t in range(5):
        _, i, o, g = tg.split(cell.preactivation(x[t], h), 4, axis=-1)
        c = HELD * c + tg.sigmoid(i) * tg.tanh(g)
        h = tg.sigmoid(o) * tg.tanh(c)
        outputs.append(h)
    expected = tg.stack(outputs)
    np.testing.assert_allclose(output.data, expected.data, rtol=1e-12)
    weights = np.random.default_rng(0).normal(size=output.shape)
    parameters = [*cell.parameters()]
    for mine, other in zip(
        tg.grad((output * weights).sum(), parameters), tg.grad((expected * weights).sum(), parameters), strict=True
    ):
        np.testing.assert_allclose(mine.data, other.data, atol=1e-12)
        assert (mine.data[:3] == 0).all()
        assert (mine.data[3:] != 0).any()


def test_what_follows_from_a_gate_follows() -> None:
    cell, x = nn.CoupledLSTMCell(2, 3), tg.randn(4, 2, 2)
    with pinned(f=1.0):
        chain = nn.unroll(cell, x)
    assert (chain["i"].data == 0).all()
    assert (chain["c"].data == 0).all()


def test_a_function_of_the_gate() -> None:
    cell, x = nn.LSTMCell(2, 3), tg.randn(4, 2, 2)
    even = np.array([1.0, 0.0, 1.0])
    with pinned(f=lambda f: f * even):
        chain = nn.unroll(cell, x, (np.ones((2, 3)), np.ones((2, 3))))
    assert (chain["f"].data[..., 1] == 0).all()
    (gradient,) = tg.grad(chain.output.sum(), cell.b)  # type: ignore[arg-type]  # it has one
    assert gradient.data[1] == 0
    assert (gradient.data[[0, 2]] != 0).all()


def test_fused_layers_and_scans_run_step_by_step_inside() -> None:
    x = tg.randn(6, 2, 2)
    for fused in (nn.LSTM(2, 3, num_layers=2, fused=True), nn.GRU(2, 3, bidirectional=True, fused=True)):
        plain = type(fused)(2, 3, num_layers=fused.num_layers, bidirectional=len(fused.directions) > 1)
        plain.load_state_dict(fused.state_dict())
        gate = {"f": 0.9} if isinstance(fused, nn.LSTM) else {"z": 0.9}
        with pinned(**gate):
            one, other = fused(x, lengths=[6, 4])[0], plain(x, lengths=[6, 4])[0]
        np.testing.assert_array_equal(one.data, other.data)
        assert (fused(x)[0].data != one.data).any()
    scan = nn.MinGRU(2, 3)
    with pinned(z=0.5):
        np.testing.assert_allclose(scan(x)[0].data, scan.unroll(x).output.data)
        assert (scan.unroll(x)["z"].data == 0.5).all()


def test_a_cell_by_itself_and_no_steps_at_all() -> None:
    cell = nn.GRUCell(2, 3)
    with pinned(z=1.0):
        np.testing.assert_array_equal(cell(np.ones((1, 2)), HELD[None]).data, HELD[None])
        assert nn.unroll(cell, np.zeros((0, 1, 2)))["z"].shape == (0, 1, 3)


def test_blocks_nest_and_the_inner_one_wins() -> None:
    cell, x = nn.LSTMCell(2, 3), tg.randn(2, 1, 2)
    with pinned(f=0.1, o=0.2):
        with pinned(f=0.3):
            inner = nn.unroll(cell, x)
        outer = nn.unroll(cell, x)
    assert (inner["f"].data.max(), inner["o"].data.max()) == (0.3, 0.2)
    assert (outer["f"].data.max(), outer["o"].data.max()) == (0.1, 0.2)


class TwoCells(nn.Cell):
    """A cell of cells; both name an f."""

    states = ("h", "c")

    def __init__(self) -> None:
        super().__init__(2, 3)
        self.first, self.second = nn.LSTMCell(2, 3), nn.MGUCell(3, 3)

    def forward(self, x: tg.Tensor, state: Any) -> Any:
        h, c = self.first(x, state)
        return self.second(h, h), c


class Own(nn.Cell):
    """The gate of a user, made by two ops; ``also`` is the input itself."""

    def __init__(self) -> None:
        super().__init__(3, 3)
        self.w = nn.Parameter(np.ones(3))

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        leak = tg.sigmoid(x * self.w)
        h = leak * h + (1 - leak) * x
        tg.label(leak=leak, also=x)
        return h


def test_cells_inside_a_cell() -> None:
    cell = TwoCells()
    with pinned(f=0.0) as _:
        h, c = cell(np.ones((1, 2)), (np.ones((1, 3)), np.full((1, 3), 7.0)))
        same, _ = cell(np.ones((1, 2)), (np.ones((1, 3)), np.full((1, 3), -7.0)))
    np.testing.assert_array_equal(h.data, same.data)  # the LSTM forgets c, and the MGU keeps its h
    assert (np.abs(c.data) < 1).all()


def test_a_cell_of_ones_own_by_the_names_it_gives() -> None:
    cell = Own()
    with pinned(leak=1.0):
        np.testing.assert_array_equal(cell(np.ones((1, 3)), HELD[None]).data, HELD[None])


def test_a_step_runs_twice_only_at_first() -> None:
    cell, calls = nn.LSTMCell(2, 3), []
    forward = cell.forward
    cell.forward = lambda *args: calls.append(1) or forward(*args)  # type: ignore[method-assign,func-returns-value]
    with pinned(f=1.0):
        nn.unroll(cell, tg.randn(10, 1, 2))
        nn.unroll(cell, tg.randn(10, 1, 2))
    assert len(calls) == 21


# With everything else ------------------------------------------------------------------------------------------------


def test_training_with_a_gate_held() -> None:
    task = data.adding(T=5)
    model = SequenceModel(task, 4, fused=True)
    b = model.layer.layers[0].b.data.copy()
    with pinned(f=0.0):
        Training(model, task, 5, batch=3).run()
    np.testing.assert_array_equal(model.layer.layers[0].b.data[:4], b[:4])
    assert (model.layer.layers[0].b.data[4:] != b[4:]).any()


def test_a_checkpoint_computed_again_after_the_block() -> None:
    layer, x = nn.LSTM(2, 3), tg.randn(4, 1, 2)
    with pinned(f=0.9):
        one = tg.func.checkpoint(lambda x: layer(x)[0], x).sum()
        other = layer(x)[0].sum()
    for a, b in zip(tg.grad(one, [*layer.parameters()]), tg.grad(other, [*layer.parameters()]), strict=True):
        np.testing.assert_allclose(a.data, b.data, atol=1e-14)


def test_a_compiled_function_inside_and_outside() -> None:
    layer, x = nn.LSTM(2, 3), tg.randn(4, 1, 2)
    step = tg.compile(lambda x: layer(x)[0].sum())
    free = step(x).item()
    with pinned(f=0.0):
        assert step(x).item() == pytest.approx(layer(x)[0].sum().item())
        assert step(x).item() != pytest.approx(free)
    assert step(x).item() == pytest.approx(free)


def test_with_anomaly_detection_and_pictures() -> None:
    import viz

    layer, x = nn.LSTM(2, 3), tg.randn(3, 1, 2)
    with tg.detect_anomaly(), pinned(f=1.0), tg.detect_anomaly():
        trajectory = layer.unroll(x)
        assert (trajectory["f"].data == 1).all()
        with pytest.raises(tg.errors.AnomalyError):
            tg.log(tg.zeros(1))
    assert "<svg" in viz.draw(trajectory)._repr_svg_()
    routes = tg.paths.routes(trajectory.steps[-1].c.sum(), trajectory.steps[0].c)
    np.testing.assert_allclose(np.asarray(routes.parts[0]), np.ones((1, 3)))  # the belt loses nothing


def test_threads_have_their_own() -> None:
    cell, x = nn.LSTMCell(2, 3), tg.randn(50, 1, 2)
    found: dict[float | None, Any] = {}

    def work(value: float | None) -> None:
        if value is None:
            found[value] = nn.unroll(cell, x)["f"].data
        else:
            with pinned(f=value):
                found[value] = nn.unroll(cell, x)["f"].data

    threads = [threading.Thread(target=work, args=(value,)) for value in (None, 0.25, 0.5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found[0.25] == 0.25).all()
    assert (found[0.5] == 0.5).all()
    np.testing.assert_array_equal(found[None], nn.unroll(cell, x)["f"].data)


# Errors --------------------------------------------------------------------------------------------------------------


def test_wrong_calls() -> None:
    cell, x = nn.LSTMCell(2, 3), tg.randn(2, 1, 2)
    with pytest.raises(ArgumentError, match="takes gates by name"):
        pinned()
    with pytest.raises(DtypeError, match=r"pinned\(f=\.\.\.\) takes a number, an array or a function"):
        pinned(f="one")
    with pinned(z=1.0), pytest.raises(ArgumentError, match="LSTMCell has no 'z': it names f, i, g, c, o, h"):
        cell(x[0])
    with pinned(leek=1.0), pytest.raises(ArgumentError, match="Own has no 'leek': did you mean 'leak'"):
        Own()(np.ones((1, 3)))
    with pinned(also=1.0), pytest.raises(ArgumentError, match="the 'also' of Own is not the output of an op"):
        Own()(np.ones((1, 3)))
    with pinned(f=np.ones(4)), pytest.raises(ShapeError, match=r"\(4,\) for a gate of shape \(1, 3\)"):
        cell(x[0])
    np.testing.assert_array_equal(cell(x[0])[0].data, nn.unroll(cell, x).output.data[0])
