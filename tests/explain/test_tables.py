"""Tables as text and as HTML: the same cells in both, whatever the names are."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.hostile import NAMES, ids
from tinygrad_lstm import paths
from tinygrad_lstm.tables import MOST, Column, Table, Tabular, as_html

SHOWN = {"figure", "figcaption", "table", "thead", "tbody", "tr", "th", "td", "p", "div"}


def tables() -> dict[str, Any]:
    """One of each kind that is read as a table."""
    tg.manual_seed(0)
    layer = tg.nn.LSTM(2, 3)
    trajectory = layer.unroll(tg.randn(5, 1, 2))
    loss, c = trajectory.output.sum(), trajectory.steps[0].c
    return {
        "routes": paths.routes(loss, c),
        "ledger": paths.ledger(loss, layer.layers[0].U),
        "outside": paths.ledger(loss + layer.layers[0].U.sum(), layer.layers[0].U),
        "lag matrix": paths.lag_matrix([step.h.sum() for step in trajectory.steps], layer.layers[0].U),
        "horizon": paths.horizon(loss, trajectory),
        "horizon without half-lives": paths.horizon(*gru_run()),
        "flow": paths.flow(loss, c),
        "jacobian": paths.state_jacobian(trajectory.steps[4].c, c),
        "path": paths.strongest_path(loss, c),
        "trace": tg.trace(loss),
    }


def gru_run() -> tuple[tg.Tensor, Any]:
    trajectory = tg.nn.GRU(2, 3).unroll(tg.randn(2, 1, 2))
    return trajectory.output.sum(), trajectory


KINDS = tables()


class Reader(HTMLParser):
    """The elements of a page and the texts in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.texts, self.attributes = set[str](), list[str](), set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", KINDS)
def test_the_page_says_what_print_says(name: str) -> None:
    one = KINDS[name]
    html = one._repr_html_()
    ElementTree.fromstring(html)
    page = Reader(html)
    assert page.tags <= SHOWN
    assert page.attributes <= {"style", "scope", "colspan"}
    if name == "trace":  # of which print cuts what is long
        assert page.texts[:6] == ["#", "node", "in", "g, what came in", "local derivative", "handed on"]
        return
    words = " ".join(" ".join(page.texts).split())
    missing = [word for word in str(one).split() if word not in words and word not in ("->", "by")]
    assert missing == []


@pytest.mark.parametrize("name", KINDS)
def test_a_table_has_no_colour_of_its_own(name: str) -> None:
    """So it is read in a light notebook as in a dark one."""
    html = KINDS[name]._repr_html_()
    assert "color" not in html
    assert "background" not in html


@pytest.mark.parametrize("name", NAMES, ids=ids)
def test_whatever_a_name_is_it_stays_a_name(name: str) -> None:
    table = Table(name, [Column(name), Column(name, 3, words=True)], [(name, name)], name)
    html = as_html(iter([table]))
    ElementTree.fromstring(html)
    assert Reader(html).tags <= SHOWN
    assert all(line.isprintable() for line in table.text())


@pytest.mark.parametrize("count", [0, 1, MOST - 1, MOST, MOST + 1, 1000])
def test_a_long_table_is_shortened_on_a_page_and_whole_in_print(count: int) -> None:
    class Long(Tabular):
        def _tables(self) -> Any:
            yield Table("numbers", [Column("n")], [(f"{k}.",) for k in range(count)])

    texts = Reader(Long()._repr_html_()).texts
    shown = [int(text[:-1]) for text in texts if text[:-1].isdecimal()]
    half = MOST // 2
    assert shown == (list(range(count)) if count <= MOST else [*range(half), *range(count - half, count)])
    said = [text for text in texts if "more rows" in text]
    assert said == ([f"... {count - MOST} more rows, which print(...) shows ..."] if count > MOST else [])
    assert len(str(Long()).splitlines()) == count + 2


def test_a_ledger_of_many_steps_is_shown_in_short() -> None:
    layer = tg.nn.RNN(2, 2)
    book = paths.ledger(layer(tg.randn(200, 1, 2))[0].sum(), layer.layers[0].U)
    assert book._repr_html_().count("<tr>") == MOST + 2
    assert len(str(book).splitlines()) == 203


def test_a_lag_matrix_whose_graph_is_freed_says_what_it_knows() -> None:
    layer = tg.nn.RNN(2, 2)
    losses = [h.sum() for h in layer(tg.randn(3, 1, 2))[0]]
    matrix = paths.lag_matrix(losses, layer.layers[0].U)
    whole = str(matrix)
    other = paths.lag_matrix(losses, layer.layers[0].U)
    sum(losses, tg.tensor(0.0)).backward()
    for text in (str(other), other._repr_html_()):
        assert "truncated BPTT in chunks of k steps is not known: it needs the graph, which is freed" in text
        assert "bias" not in text
    assert str(other).splitlines()[:5] == whole.splitlines()[:5]
    assert str(matrix) == whole  # it has been asked before


def test_short_reprs() -> None:
    layer = tg.nn.LSTM(4, 8)
    loss = layer(tg.randn(50, 1, 4))[0].sum()
    graph, program = tg.graph_of(loss), tg.program(loss)
    assert repr(graph) == f"Graph({len(graph.vertices)} vertices, {len(graph.edges)} edges)"
    assert str(graph) == f"graph of {len(graph.vertices)} vertices and {len(graph.edges)} edges"
    lines = len(str(program).splitlines())
    assert repr(program) == f"Program({len(program.inputs)} inputs, {lines} lines, which print(...) shows)"
    assert lines > 1000


def test_the_rows_of_a_parameter_stand_below_each_other() -> None:
    parameter = tg.nn.Parameter(np.eye(3))
    first, *others = repr(parameter).splitlines()
    column = first.index("[[") + 1
    assert [line.index("[") for line in others] == [column] * len(others)


@pytest.mark.parametrize("name", KINDS)
def test_what_a_terminal_shows_is_one_line(name: str) -> None:
    assert "\n" not in repr(KINDS[name])


def test_columns_of_text_are_as_wide_as_their_cells_need() -> None:
    table = Table("", [Column("t", 3), Column("w", 4, words=True)], [("1", "ab"), ("12345", "abcdef")], "end")
    assert list(table.text()) == ["    t w", "    1 ab", "12345 abcdef", "end"]
    assert list(itertools.islice(Table("x", [Column(""), Column("")], [("1", "2")]).text(), 2)) == ["x", "1 2"]
