"""Which steps a loss really reads: the others have no chip of the loss, in any view."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from viz.diagram.reads import RULES

T, B, H = 5, 2, 4
LAST: dict[str, Callable[[nn.Trajectory], tg.Tensor]] = {
    "index": lambda run: run.output[-1],
    "slice": lambda run: run.output[4:],
    "ellipsis": lambda run: run.output[-1, ..., 1:],
    "list": lambda run: run.output[[4, -1]],
    "bool": lambda run: run.output[np.arange(T) == 4],
    "rows": lambda run: run.output[[4, 4], [0, 1]],
    "after an operation": lambda run: tg.tanh(2 * run.output)[-1],
    "after a head": lambda run: tg.log_softmax(run.output @ np.ones((H, 3)))[-1],
    "batch first": lambda run: tg.swapaxes(run.output, 0, 1)[:, -1],
    "transposed": lambda run: tg.transpose(run.output, (2, 0, 1))[:, -1],
    "flat": lambda run: tg.reshape(run.output, (T * B, H))[-B:],
    "unstacked": lambda run: tg.unstack(run.output)[-1],
    "split": lambda run: tg.split(run.output, [2, 4])[2],
    "joined": lambda run: tg.concatenate([run.output, run.output * 0.5])[[4, 9]],
    "stacked": lambda run: tg.stack([run.steps[0].h, run.steps[-1].h], axis=1)[:, 1],
}


def losses_drawn(picture: viz.Picture) -> list[str]:
    return [edge.source for edge in picture.scene.edges if "loss" in edge.reader]


def a_run(seed: int = 0, **options: Any) -> nn.Trajectory:
    tg.manual_seed(seed)
    return nn.LSTM(3, H).unroll(tg.randn(T, B, 3), **options)


@pytest.mark.parametrize("view", ["cell", "strip"])
@pytest.mark.parametrize("name", LAST)
def test_a_loss_of_the_last_step_is_drawn_at_the_last_step(name: str, view: Any) -> None:
    run = a_run()
    picture = viz.gradient_paths((LAST[name](run) ** 2).sum(), run, view=view)
    assert losses_drawn(picture) == ["h_5"]
    assert "zero" not in {edge.stroke.kind for edge in picture.scene.edges if "loss" in edge.reader}


@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
def test_of_a_masked_layer_as_well(view: Any) -> None:
    run = a_run(lengths=[5, 3])
    (source,) = losses_drawn(viz.gradient_paths((run.output[-1] ** 2).sum(), run, view=view))
    assert source in ("show_5", "h_5", "show_1")


def test_every_step_that_an_index_selects_has_a_chip_though_its_gradient_is_zero() -> None:
    run = a_run()
    picture = viz.gradient_paths((run.output[1:4] * np.array([0.0, 1.0, 0.0])[:, None, None]).sum(), run, view="cell")
    assert losses_drawn(picture) == ["h_2", "h_3", "h_4"]
    assert losses_drawn(viz.gradient_paths((run.output**2).sum(), run, view="cell")) == [f"h_{t}" for t in range(1, 6)]


def test_an_operation_without_a_rule_and_a_large_index_read_all() -> None:
    run, rows = a_run(), np.zeros(12, int) + 4
    for part in (tg.cumsum(run.output, 0)[-1], run.output[rows]):
        assert losses_drawn(viz.gradient_paths((part**2).sum(), run, view="cell")) == [f"h_{t}" for t in range(1, 6)]


def test_a_gate_that_is_read_outside_is_named_at_that_step_alone() -> None:
    run = a_run()
    picture = viz.gradient_paths(run["f"][-1].sum() + (run["c"][1:3] ** 2).sum(), run, view="cell")
    guide = [node.rows[0][0].text for name, node in picture.scene.nodes.items() if name.startswith("guide_")]
    assert "Read from outside as well, which is not drawn: f₅." in " ".join(guide)


def test_inner_states_of_which_a_slice_is_read_have_chips() -> None:
    run = a_run()
    assert losses_drawn(viz.gradient_paths((run["c"][1:3] ** 2).sum(), run, view="cell")) == ["c_2", "c_3"]


def test_of_two_directions_the_one_that_is_read() -> None:
    tg.manual_seed(0)
    run = nn.LSTM(3, H, bidirectional=True).unroll(tg.randn(T, B, 3))
    ends = tg.concatenate([run.output[-1, :, :H], run.output[0, :, H:]], axis=-1)
    picture = viz.gradient_paths((ends**2).sum(), run, view="cell")
    assert sorted(losses_drawn(picture)) == ["chain0_h_5", "h_1"]
    picture = viz.gradient_paths((run.output[-1, :, H:] ** 2).sum(), run, view="cell")
    assert losses_drawn(picture) == ["h_5"]


def test_what_the_layer_above_reads_is_drawn_as_before() -> None:
    tg.manual_seed(0)
    run = nn.LSTM(3, H, num_layers=2).unroll(tg.randn(T, B, 3))
    lower = run.chains[0].steps[2].h
    picture = viz.gradient_paths((run.output[-1] ** 2).sum() + (lower[0] ** 2).sum(), run, view="cell")
    assert losses_drawn(picture) == ["chain0_h_3", "h_5"]
    above = {edge.source for edge in picture.scene.edges if edge.stroke.kind == "depth"}
    assert above == {f"chain0_h_{t}" for t in range(1, 6)}


STEPS: list[Callable[[tg.Tensor, random.Random], tg.Tensor]] = [
    lambda x, choose: tg.tanh(x),
    lambda x, choose: x[(slice(None),) * (axis := choose.randrange(x.ndim)) + (choose.randrange(x.shape[axis]),)],
    lambda x, choose: x[choose.choice([slice(1), slice(None, None, 2), slice(None, -1), [0, -1], [0]])],
    lambda x, choose: tg.swapaxes(x, 0, -1),
    lambda x, choose: tg.transpose(x),
    lambda x, choose: tg.reshape(x, (-1, x.shape[-1])),
    lambda x, choose: tg.concatenate([x, x[:1] * 0.5], axis=0),
    lambda x, choose: tg.concatenate([np.ones(x.shape), x], axis=-1),
    lambda x, choose: x @ np.linspace(0.1, 1, 2 * x.shape[-1]).reshape(-1, 2),
    lambda x, choose: tg.stack([x, x + 1], axis=choose.randrange(x.ndim + 1)),
    lambda x, choose: choose.choice(tg.unstack(x)),
    lambda x, choose: tg.split(x, [1], axis=choose.randrange(x.ndim))[0],
    lambda x, choose: x * np.ones((2, *([1] * x.ndim))),
    lambda x, choose: tg.softmax(x, axis=-1) + x,
]


@pytest.mark.parametrize("seed", range(60))
def test_no_step_to_which_a_gradient_comes_is_left_out(seed: int) -> None:
    """Whatever is made of the stack of all steps: backward is the witness, with weights for which no gradient is 0."""
    choose, run = random.Random(seed), a_run(seed)
    x = run.output
    for _ in range(choose.randint(1, 5)):
        if x.ndim > 1 and 0 not in x.shape:
            x = choose.choice(STEPS)(x, choose)
    loss = (x**2).sum()
    drawn = {int(name.removeprefix("h_")) for name in losses_drawn(viz.gradient_paths(loss, run, view="cell"))}
    (stack,) = [event for event in tg.backward_events(loss, retain_graph=True, accumulate=False)
                if event.node is run.output.source.node]  # fmt: skip
    assert drawn >= {t for t, part in enumerate(stack.contributions, start=1) if part.array.any()}


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_is_of_an_operation(name: str) -> None:
    assert callable(getattr(tg, name, None)) or name in ("index", "linear", "cast")
