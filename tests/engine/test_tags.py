"""Tags on edges: a word that is not registered is refused, and one call makes a new class of edges for all of paths."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths, tags
from tinygrad_lstm.errors import ArgumentError, DtypeError, UnsupportedError

D, H, T = 2, 3, 5


@pytest.fixture(autouse=True)
def words_as_they_were() -> Iterator[None]:
    before = dict(tags.TAGS)
    yield
    tags.TAGS.clear()
    tags.TAGS.update(before)


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("cary", "carry"),
        ("Carry", "carry"),
        ("peepholes", "peephole"),
        ("inital", "initial"),
        ("xyz", None),
        ("", None),
    ],
)
def test_a_word_that_is_not_registered_is_refused_with_the_one_that_is_near(word: str, near: str | None) -> None:
    c = tg.tensor(1.0, requires_grad=True)
    with pytest.raises(ArgumentError, match="takes carry, peephole, initial as name") as caught:
        tg.tag(c, word)
    assert (f"did you mean {near!r}?" in str(caught.value)) == (near is not None)
    assert "did you mean None" not in str(caught.value)
    assert "tg.register_tag(name, meaning)" in str(caught.value)


@pytest.mark.parametrize("word", [None, 3, b"carry", ["carry"], tags.TAGS["carry"]])
def test_a_tag_is_a_text(word: Any) -> None:
    with pytest.raises(DtypeError, match="takes carry, peephole, initial as name"):
        tg.tag(tg.tensor(1.0), word)


def test_a_cell_with_a_misspelt_tag_fails_at_its_line() -> None:
    class Leaky(nn.RNNCell):
        def forward(self, x: Any, state: Any) -> Any:
            return 0.5 * tg.tag(state, "cary")

    with pytest.raises(ArgumentError, match="did you mean 'carry'"):
        nn.RNN(D, H, cell=Leaky)(np.ones((T, 1, D)))


@pytest.mark.parametrize("name", ["carry", "peephole", "initial", "crossing", "depth", "weight", "read"])
def test_a_word_that_is_taken_cannot_get_another_sense(name: str) -> None:
    with pytest.raises(ArgumentError, match=rf"{name!r} is taken"):
        tg.register_tag(name, "something else")


@pytest.mark.parametrize("name", ["", "two words", "a-b", "1st", "a.b"])
def test_a_tag_is_one_word(name: str) -> None:
    with pytest.raises(ArgumentError, match="a single word"):
        tg.register_tag(name, "something")


def test_to_register_twice_in_the_same_sense_does_nothing() -> None:
    tg.register_tag("attention", "over earlier states")
    tg.register_tag("attention", "over earlier states")  # a notebook's cell is run again
    with pytest.raises(ArgumentError, match="'attention' is taken: over earlier states"):
        tg.register_tag("attention", "over earlier states", crosses=False)
    assert paths.edge_classes()[-1] == "attention"


# A class of one's own in every part of paths -------------------------------------------------------------------------


def attending(name: str | None) -> tuple[tg.Tensor, list[tg.Tensor], tg.Tensor]:
    """A loop in which each step adds half its state (a carry) and a tenth of the state two steps ago (the new edge)."""
    x = tg.tensor(np.random.default_rng(0).normal(size=(T, H)), requires_grad=True)
    states = [tg.tensor(np.ones(H), requires_grad=True)] * 2
    for t in range(1, T + 1):
        with tg.scope(f"t={t}", step=t):
            earlier = tg.tag(states[-2], name) if name else states[-2]
            states.append(0.5 * tg.tag(states[-1], "carry") + 0.1 * earlier + tg.tanh(x[t - 1]))
    return states[-1].sum(), states[2:], x


@pytest.mark.parametrize("crosses", [True, False])
def test_routes_count_a_new_class_by_name_and_by_default_if_it_crosses(crosses: bool) -> None:
    tg.register_tag("attention", "over earlier states", crosses=crosses)
    loss, states, _ = attending("attention")
    by_name = paths.routes(loss, states[0], crossing="attention", max_crossings=2)
    plain, plain_states, _ = attending(None)
    untagged = paths.routes(plain, plain_states[0], max_crossings=2)
    for ours, theirs in zip(by_name.parts, untagged.parts, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    by_default = paths.routes(loss, states[0], max_crossings=2)
    assert np.allclose(by_default.parts[0], by_name.parts[0]) == crosses, "what only scales is on the belt"
    belt = paths.state_jacobian(states[-1], states[0]).belt
    assert np.allclose(belt.sum(axis=0), by_default.parts[0])


def test_a_new_class_can_be_cut_and_weighed() -> None:
    tg.register_tag("attention", "over earlier states")
    loss, states, _ = attending("attention")
    with paths.cut("attention"):
        (cut,) = tg.grad(loss, states[0], retain_graph=True)
    np.testing.assert_allclose(cut.data, 0.5**4)
    route = paths.routes(loss, states[0], crossing="attention", max_crossings=3)
    with paths.edge_weight("attention", 0.3):
        (weighed,) = tg.grad(loss, states[0], retain_graph=True)
    np.testing.assert_allclose(weighed.data, route.at(0.3), rtol=1e-6)


def test_tables_and_records_have_a_column_for_a_new_class() -> None:
    tg.register_tag("attention", "over earlier states")
    loss, states, _ = attending("attention")
    flow = paths.flow(loss, states[0])
    assert {"carry", "attention"} <= flow.cuts.keys()
    assert "attention" in str(flow).splitlines()[1]
    graph = tg.graph_of(loss)
    kinds = [paths.edge_class(edge, graph) for edge in graph.edges]
    assert kinds.count("attention") == T
    assert sum(paths.is_crossing(edge, graph) for edge in graph.edges) == T
    with paths.cut("carry"):
        assert "attention" in str(paths.strongest_path(loss, states[0]))


def test_the_ledger_of_a_weight_behind_a_new_class_still_sums_to_the_gradient() -> None:
    tg.register_tag("attention", "over earlier states")
    loss, _, x = attending("attention")
    book = paths.ledger(loss, x)
    np.testing.assert_allclose(book.total, tg.grad(loss, x, retain_graph=True)[0].data)


@pytest.mark.parametrize(
    "ask",
    [
        lambda word: paths.cut(word),
        lambda word: paths.edge_weight(word, 0.5),
        lambda word: paths.routes(*attending(None)[:2], crossing=word),
    ],
)
@pytest.mark.parametrize(("word", "near"), [("attentoin", "attention"), ("crosing", "crossing"), ("belt", None)])
def test_a_class_that_is_not_registered_is_refused(ask: Callable[[str], Any], word: str, near: str | None) -> None:
    tg.register_tag("attention", "over earlier states")
    with pytest.raises(
        ArgumentError, match="edges are carry, peephole, crossing, depth, weight, read, attention"
    ) as no:
        ask(word)
    assert (f"did you mean {near!r}" in str(no.value)) == (near is not None)


@pytest.mark.parametrize("view", ["op", "cell"])
def test_a_picture_colours_a_new_class_that_crosses_as_a_crossing(view: Any) -> None:
    class Attending(nn.RNNCell):
        name: str | None = None

        def forward(self, x: Any, state: Any) -> Any:
            earlier = tg.tag(state, self.name) if self.name else state
            return 0.5 * tg.tag(state, "carry") + tg.tanh(self.preactivation(x, earlier))

    def routes_drawn(name: str | None) -> list[str]:
        tg.manual_seed(0)
        rnn = nn.RNN(D, H, cell=type("Attending", (Attending,), {"name": name}))
        trajectory = rnn.unroll(tg.randn(3, 1, D))
        picture = viz.gradient_paths(trajectory.output[-1].sum(), trajectory, view=view)
        return re.findall(r'data-route="(\w+)"', picture.svg)

    tg.register_tag("attention", "over earlier states")
    assert routes_drawn("attention") == routes_drawn(None)
    assert view != "op" or routes_drawn("attention").count("crossing") >= 2


def test_words_are_loaded_with_the_first_use() -> None:
    code = "import sys, tinygrad_lstm as tg; print('tinygrad_lstm.tags' in sys.modules); print(tg.tag.__module__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "tinygrad_lstm.tags"]


# Ops that hide the steps --------------------------------------------------------------------------------------------


def test_an_op_of_ones_own_says_that_it_hides_steps() -> None:
    @tg.primitive(hides_steps=True)
    def decayed(x: Any) -> Any:
        return 0.5**T * x

    decayed.defvjp(x=lambda g: 0.5**T * g)
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    loss = decayed(x).sum()
    for ask in (paths.routes, paths.flow, paths.strongest_path, paths.ledger):
        with pytest.raises(UnsupportedError, match=r"decayed.*runs all steps as one op.*compute it in smaller ops"):
            ask(loss, x)
    with pytest.raises(UnsupportedError, match="runs all steps as one op"), paths.cut("crossing"):
        loss.backward()


def test_an_op_is_not_refused_for_its_name() -> None:
    @tg.primitive
    def fused_lstm(x: Any) -> Any:
        return 2.0 * x

    fused_lstm.defvjp(x=lambda g: 2.0 * g)
    x = tg.tensor([1.0], requires_grad=True)
    assert paths.flow(fused_lstm(x).sum(), x).total == 4.0


@pytest.mark.parametrize("name", ["relu", "softmax", "where"])
def test_an_op_of_ones_own_is_not_explained_as_the_op_of_that_name(name: str) -> None:
    def flat(x: Any) -> Any:
        return x * 0.0

    flat.__name__ = name
    op = tg.primitive(flat)
    op.defvjp(x=lambda g: g * 0.0)
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    reasons = " ".join(tg.explain_grad(op(x).sum(), x).reasons)
    assert "has slope zero" in reasons
    assert not any(word in reasons for word in ("is off", "classes", "masked"))


def test_a_slope_is_declared_for_an_input_that_has_one() -> None:
    @tg.primitive
    def doubled(x: Any) -> Any:
        return 2 * x

    with pytest.raises(TypeError, match="no derivative by x"):
        doubled.defslope(x="2")
    doubled.defvjp(x=lambda g: 2 * g)
    with pytest.raises(TypeError, match="no derivative by a; it has one by x"):
        doubled.defslope(a="2")
