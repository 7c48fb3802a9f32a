"""The player's tape is the engine's own, and its page one file that loads nothing and that no label can break."""

from __future__ import annotations

import gzip
import html
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.players import HOSTILE, small, unrolled
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, GradError
from viz.playback.laws import Laws
from viz.playback.page import Figure
from viz.playback.player import Player, figure_of, player
from viz.playback.sentences import names_of
from viz.playback.tape import FEW, Tape, tape_of


def taped(figure: Figure, loss: tg.Tensor) -> Tape:
    return tape_of(loss, figure.graph, figure.known)


# The tape


def test_the_backward_steps_are_the_engines_events() -> None:
    loss, trajectory = unrolled()
    figure = figure_of(loss, trajectory)
    events = list(tg.backward_events(loss, retain_graph=True))
    tape = taped(figure, loss)
    assert [turn.vertex for turn in tape.backward] == [figure.graph.id_of(event.node) for event in events]
    for turn, event in zip(tape.backward, events, strict=True):
        parts = event.cotangent if isinstance(event.cotangent, list) else [event.cotangent]
        assert turn.cotangent.norm == pytest.approx(np.linalg.norm(np.concatenate([p.ravel() for p in parts])))
        for handed, part in zip(turn.contributions, event.contributions, strict=True):
            assert (handed.name, handed.source) == (part.name, figure.graph.id_of(part.source))
            assert handed.contribution.norm == pytest.approx(np.linalg.norm(part.array))
            assert handed.contribution.shape == part.array.shape
            assert (handed.contribution.values is None) == (part.array.size > FEW)
            if handed.contribution.values is not None:
                assert np.array_equal(handed.contribution.values, part.array.ravel())


def test_no_grad_is_touched_and_the_graph_can_be_used_again() -> None:
    loss, trajectory = unrolled()
    c = trajectory.steps[0].c
    c.retain_grad()
    loss.backward(retain_graph=True)
    tensors = [*trajectory.chains[0].cell.parameters(), c]
    before = [tensor.grad for tensor in tensors]
    assert all(grad is not None for grad in before)
    player(loss, trajectory)
    assert all(tensor.grad is grad for tensor, grad in zip(tensors, before, strict=True))
    x = tg.tensor(2.0, requires_grad=True)
    y = x * x
    player(y)
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 4.0  # and not 8


def test_the_running_sum_where_a_value_is_read_more_than_once() -> None:
    """z = x x + x at x = 3: x gets 1 from the sum, then 3 and 3 from the product: 1, 4, 7."""
    x = tg.tensor(3.0, requires_grad=True)
    z = x * x + x
    tape = tape_of(z, tg.graph_of(z))
    into_x = [part for turn in tape.backward for part in turn.contributions if part.source == 0]
    assert [str(part.contribution) for part in into_x] == ["1", "3", "3"]
    assert [str(part.before) for part in into_x] == ["None", "1", "4"]
    assert [str(part.after) for part in into_x] == ["1", "4", "7"]
    assert [(part.nth, part.of, part.completes) for part in into_x] == [(1, 3, False), (2, 3, False), (3, 3, True)]


def test_four_contributions_reach_a_hidden_state_that_four_gates_read() -> None:
    tg.manual_seed(0)
    cell = nn.SeparateLSTMCell(2, 3)
    trajectory = nn.LSTM(2, 3, cell=lambda *a, **k: cell).unroll(tg.randn(2, 1, 2))
    loss = trajectory.steps[-1].h.sum()
    graph = tg.graph_of(loss)
    h = graph.id_of(trajectory.steps[0].h)
    into_h = [part for turn in tape_of(loss, graph).backward for part in turn.contributions if part.source == h]
    assert len(into_h) == 4
    (total,) = tg.grad(loss, trajectory.steps[0].h, retain_graph=True)
    assert np.allclose(into_h[-1].after.values, total.data.ravel())
    assert into_h[-1].completes


def test_incoming_times_local_is_outgoing() -> None:
    loss, _ = unrolled()
    count = 0
    for turn in tape_of(loss, tg.graph_of(loss)).backward:
        for part in turn.contributions:
            if part.slope is not None:
                count += 1
                assert np.allclose(np.multiply(turn.cotangent.values, part.slope.values), part.contribution.values)
    assert count >= 2 * 10  # every elementwise operation of both steps, f₁ too, whose gradient is 0 as C₀ is
    h = tg.tensor(np.eye(2), requires_grad=True)
    loss = (h @ tg.tensor(np.array([[2.0, 1.0], [1.0, 0.0]]))).sum()
    graph = tg.graph_of(loss)
    (matmul,) = [turn for turn in tape_of(loss, graph).backward if graph.vertices[turn.vertex].op == "matmul"]
    assert matmul.contributions[0].slope is None  # the shapes agree, but every number depends on every other


def test_every_value_of_the_forward_pass_is_on_the_tape() -> None:
    loss, trajectory = unrolled()
    figure = figure_of(loss, trajectory)
    tape = taped(figure, loss)
    made = {step.vertex: step for step in tape.forward}
    assert list(made) == [vertex.id for vertex in figure.graph.vertices]
    f, c, before = trajectory.steps[1].f, trajectory.steps[1].c, trajectory.steps[0].c
    assert np.allclose(made[figure.graph.id_of(c)].value.values, c.data.ravel())  # type: ignore[union-attr]  # it is there
    (keep,) = [e.reader for e in figure.graph.edges if e.source == figure.graph.id_of(f)]
    assert np.allclose(made[keep].value.values, (f.data * before.data).ravel())  # type: ignore[union-attr]  # it is there
    assert all(step.value is not None for step in tape.forward)


def test_the_graph_is_walked_once_and_the_loss_goes_back_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture and the tape show one pass, a second one cuts the crossings; slopes at 0 come from single rules."""
    counts: Counter[str] = Counter()

    def count(place: str) -> None:
        module, _, name = place.rpartition(".")
        real = getattr(sys.modules[module], name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(sys.modules[module], name, counting)

    loss, trajectory = unrolled(steps=3, num_layers=2)
    for place in ("tinygrad_lstm.graph_of", "tinygrad_lstm.backward_events", "viz.figures.selection.match_chain",
                  "viz.playback.tape.slope_at_ones"):  # fmt: skip
        count(place)
    player(loss, trajectory)
    assert counts.pop("slope_at_ones") == 2  # f₁ of both layers: C₀ is 0, and nothing else
    assert counts == {"graph_of": 1, "match_chain": 2, "backward_events": 2}


def test_a_slope_is_given_where_the_gradient_is_exactly_0() -> None:
    loss, trajectory = unrolled()
    figure = figure_of(loss, trajectory)
    f = trajectory.steps[0].f
    (turn,) = [turn for turn in taped(figure, loss).backward if turn.vertex == figure.graph.id_of(f)]
    assert turn.cotangent.norm == 0
    assert np.allclose(turn.contributions[0].slope.values, (f.data * (1 - f.data)).ravel())  # type: ignore[union-attr]  # it is there


# The equations


def equations(loss: tg.Tensor, trajectory: nn.Trajectory | None = None) -> dict[str, str]:
    """Every equation of a player, with the local derivative beside it."""
    figure = figure_of(loss, trajectory)
    tape = taped(figure, loss)
    laws = Laws(tape, names_of(figure.graph))
    return dict(laws.of(turn, part) for turn in tape.backward for part in turn.contributions)


def test_an_lstm_speaks_the_letters_of_the_notes() -> None:
    said = equations(*unrolled(steps=6))
    assert said["dL/df₆ = dL/dC₆ ⊙ C₅"] == "∂(f₆ ⊙ C₅)/∂f₆ = C₅"
    assert said["dL/dC₅ = dL/dC₆ ⊙ f₆"] == "∂(f₆ ⊙ C₅)/∂C₅ = f₆"
    assert said["dL/dC₆ = dL/dtanh(C₆) ⊙ (1 − tanh(C₆)²)"] == "∂tanh(C₆)/∂C₆ = 1 − tanh(C₆)²"
    assert said["dL/dnet(o₆) = dL/do₆ ⊙ o₆ ⊙ (1 − o₆)"] == "∂o₆/∂net(o₆) = o₆ ⊙ (1 − o₆)"
    assert said["dL/dh₅ = dL/d(Wx₆ + Uh₅ + b) U"] == ""
    assert said["dL/dU = dL/d(Wx₆ + Uh₅ + b)ᵀ h₅"] == ""
    assert "dL/db = dL/d(Wx₆ + Uh₅ + b), summed" in said
    assert "dL/d(Wx₆ + Uh₅ + b) = [dL/dnet(f₆), dL/dnet(i₆), dL/dnet(o₆), dL/dnet(C̃₆)]" in said
    assert not any(sign in law for law in said for sign in ("*", "np.", " - ", "·"))


@pytest.mark.parametrize("kind", ["GRU", "RNN"])
def test_other_cells_speak_theirs(kind: str) -> None:
    said = equations(*unrolled(kind))
    expected = {
        "GRU": {"dL/dz₂ = −dL/d(1 − z₂)", "dL/dn₂ = dL/dh₂ ⊙ (1 − z₂)", "dL/dnet(n₂) = dL/dn₂ ⊙ (1 − n₂²)"},
        "RNN": {"dL/d(Wx₂ + Uh₁ + b) = dL/dh₂ ⊙ (1 − h₂²)", "dL/dh₁ = dL/d(Wx₂ + Uh₁ + b) U"},
    }
    assert expected[kind] <= set(said)


def test_numbers_are_written_as_numbers_and_other_rules_as_they_are() -> None:
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    tg.label(x=x)
    assert "dL/dx = dL/d(x²) ⊙ 2 x" in equations((x**2).sum())
    assert "dL/dx = dL/dpower(x) ⊙ 3 x^2" in equations((x**3).sum())
    assert "dL/dx = dL/d(x ⊙ 4) ⊙ b, b = 4" in equations((x * 4).sum())
    assert "dL/d(x²) = dL/dL to every element" in equations((x**2).sum())
    assert any(law.startswith("∂L/∂x = ") for law in equations((tg.cumsum(x, axis=0) ** 2).sum()))


def test_what_an_equation_says_is_what_was_handed_on() -> None:
    """g ⊙ local = handed on, wherever an equation says that one multiplies."""
    loss, trajectory = unrolled()
    figure = figure_of(loss, trajectory)
    tape = taped(figure, loss)
    laws = Laws(tape, names_of(figure.graph))
    few = 0
    for turn in tape.backward:
        for part in turn.contributions:
            if laws.of(turn, part)[1] and part.contribution.values is not None and turn.cotangent.values is not None:
                few += 1
                assert part.slope is not None
    assert few > 15


# The picture


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}],
    ids=["one", "two", "both", "two both"],
)
def test_every_step_has_its_elements_in_the_cell_view(kind: str, options: dict[str, Any]) -> None:
    loss, trajectory = unrolled(kind, **options)
    figure = figure_of(loss, trajectory)
    svg = html.unescape(figure.picture.svg)
    kinds = ("node", "edge", "frame")
    nodes, edges, frames = (set(re.findall(rf'<g class="{kind}" id="([^"]*)"', svg)) for kind in kinds)
    lit = {name for names in figure.nodes.values() for name in names} | {
        name for names in figure.edges.values() for name in names
    }
    assert frames <= lit <= nodes | edges | frames
    assert {name for name in edges if not name.startswith("legend")} <= lit
    assert {f"{name}_{t}" for t in (1, 2) for name in trajectory.chains[0].cell.states} <= lit  # of the top layer
    assert {"x_1", "x_2", "weights"} <= lit


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}], ids=["one", "two", "both"])
def test_what_a_step_adds_belongs_to_the_turn_that_adds_the_last_of_it(kind: str, options: dict[str, Any]) -> None:
    _, trajectory = unrolled(kind, steps=3, **options)
    loss = (trajectory.output**2).sum()
    figure = figure_of(loss, trajectory)
    vertices = figure.graph.vertices
    adding: dict[str, list[int]] = {}  # by step of a chain, the vertices that add to its weights, in their turns
    for turn in taped(figure, loss).backward:
        for part in turn.contributions:
            if vertices[part.source].kind == "parameter":
                prefix = figure.nodes[part.source][0].removesuffix("weights")
                adding.setdefault(f"{prefix}step_{vertices[turn.vertex].step}", []).append(turn.vertex)
    assert len(adding) == 3 * len(trajectory.chains)
    for frame, turns in adding.items():
        assert frame in figure.nodes[turns[-1]]
        assert not any(frame in figure.nodes[vertex] for vertex in turns if vertex != turns[-1])


def test_shares_belong_to_the_turn_of_their_state() -> None:
    loss, trajectory = unrolled(steps=3)
    figure = figure_of(loss, trajectory)
    for t, step in enumerate(trajectory.steps[:-1], start=1):
        assert {f"share_carry_{t}", f"mean_{t}"} <= {*figure.nodes[figure.graph.id_of(step.c)]}


def test_every_vertex_and_edge_is_an_element_of_the_op_view() -> None:
    figure = figure_of(small())
    ids = re.findall(r'<g class="(?:node|edge)" id="([^"]*)"', html.unescape(figure.picture.svg))
    lines = [name for names in figure.edges.values() for name in names]
    assert sorted(lines) == sorted(name for name in ids if "-" in name and name.startswith("v"))
    assert {name for names in figure.nodes.values() for name in names} <= set(ids)


def test_what_has_no_cell_view_is_played_in_the_op_view() -> None:
    trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 0, 2))  # a batch of nothing
    page = player(trajectory.output.sum(), trajectory)
    assert str(page).startswith("A graph of")
    assert 'id="v0"' in page.html


# The page


def test_the_same_loss_gives_the_same_page() -> None:
    assert player(*unrolled()).html == player(*unrolled()).html
    assert player(small()).html == player(small()).html


def test_fifty_steps_fit_the_budget() -> None:
    for hidden in (3, 8):
        page = player(*unrolled(steps=50, hidden=hidden)).html.encode()
        assert len(page) < 2_000_000
        assert len(gzip.compress(page)) < 300_000


def test_norms_are_written_as_norms_of_something() -> None:
    page = player(*unrolled()).html
    assert not re.search(r"‖[−\d]", page)
    assert " gets ‖·‖ = 0." in page


@pytest.mark.slow
def test_of_a_large_graph_arrays_are_told_by_their_norms() -> None:
    loss, trajectory = unrolled(steps=40, hidden=8, num_layers=2, bidirectional=True)
    page = player(loss, trajectory).html
    assert len(gzip.compress(page.encode())) < 380_000
    (tape,) = re.findall(r'<script type="application/json" id="play-tape">(.*?)</script>', page, re.DOTALL)
    record = json.loads(tape)
    for _, cotangent, handed in record["backward"]:
        for amount in (cotangent, *(amount for part in handed for amount in part[8:])):
            shape = record["texts"][amount[0]] if amount else ""
            assert not amount or len(amount) == 2 or shape in ("", "1", "1 × 1")


def test_the_page_names_no_other_address() -> None:
    page = player(*unrolled()).html
    page += player(small()).html
    assert set(re.findall(r"https?://[^\s\"']+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in page
    assert not re.search(r"\b(src|href)=(?!\"#)", page.split("<script>")[0])


def test_the_script_is_short_enough_to_be_read() -> None:
    source = (Path(__file__).parents[2] / "viz/playback/player.js").read_text("utf-8")
    assert source.count("\n") < 280
    assert "innerHTML" not in source


def test_labels_cannot_break_the_page() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    tg.label(**{HOSTILE: x})
    with tg.scope(HOSTILE):
        page = player((x * x).sum()).html
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page
    (tape,) = re.findall(r'<script type="application/json" id="play-tape">(.*?)</script>', page, re.DOTALL)
    assert "<" not in tape
    assert any(text.startswith("</script><script>window.bad") and len(text) <= 60 for text in json.loads(tape)["texts"])


def test_numbers_that_are_not_finite_are_told() -> None:
    x = tg.tensor([0.0, np.inf], requires_grad=True)
    page = player((x * x).sum()).html
    (tape,) = re.findall(r'<script type="application/json" id="play-tape">(.*?)</script>', page, re.DOTALL)
    assert "inf" in json.dumps(json.loads(tape))


def test_saving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = player(small())
    path = page.save(tmp_path / "player.html")
    assert path.read_text("utf-8") == page.html
    with pytest.raises(ValueError, match=r"saved as .html, not '.svg'"):
        page.save(tmp_path / "player.svg")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        page.save(tmp_path / "nowhere" / "player.html")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        page.save(tmp_path)

    with pytest.raises(DtypeError, match="a path is a str or a Path, not a int"):
        page.save(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="no file can have the path"):
        page.save("a\0.html")

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        Player("", "", "other").save(path)
    assert path.read_text("utf-8") == page.html
    assert [file.name for file in tmp_path.iterdir()] == ["player.html"]


def test_a_notebook_shows_it_in_a_frame_of_its_own() -> None:
    page = player(small())
    bundle = page._repr_mimebundle_()
    assert bundle["text/plain"] == str(page)
    assert list(page._repr_mimebundle_(include=["text/plain"])) == ["text/plain"]
    assert list(page._repr_mimebundle_(exclude=["text/plain"])) == ["text/html"]
    frame = bundle["text/html"]
    assert 'sandbox="allow-scripts"' in frame
    (inside,) = re.findall(r'srcdoc="([^"]*)"', frame)
    assert html.unescape(inside) == page.html
    assert str(page).startswith("A graph of 7 vertices and 7 edges: 2 parameters, 5 operations")
    assert str(page).endswith("Played in 7 steps forward and 7 backward.")
    assert page.html not in repr(page)


def test_wrong_arguments_are_told_in_the_callers_words() -> None:
    loss, trajectory = unrolled()
    with pytest.raises(DtypeError, match=r"player\(loss, trajectory\) takes a tensor .* as loss, not a Trajectory"):
        player(trajectory, loss)  # type: ignore[call-overload]
    with pytest.raises(DtypeError, match=r"takes a trajectory, .* not the number"):
        player(loss, 3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="no chain 1: this trajectory has 1"):
        player(loss, trajectory, chain=1)
    with pytest.raises(GradError, match="requires a gradient"):
        player(tg.tensor(1.0))
    with pytest.raises(GradError, match="does not depend on this trajectory"):
        player(small(), trajectory)
    loss.backward()
    with pytest.raises(GradError, match="retain_graph=True"):
        player(loss, trajectory)
