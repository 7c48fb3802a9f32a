"""A table twice: as text for a terminal, as HTML for a notebook.

A result that is shown as tables is a ``Tabular``: it says once what its tables are, for both forms.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tinygrad_lstm.escaping import markup, printable

MOST = 60  # rows on a page; of more of them the first and the last are shown
WRAPPED = "overflow-x:auto;font-size:.93em;font-variant-numeric:tabular-nums"
NUMBER = "text-align:right;padding:.1em .8em"
WORDS = "text-align:left;padding:.1em .8em"


class Column(NamedTuple):
    """The head of a column, how wide its text is at least, and whether it holds words."""

    head: str
    width: int = 0
    words: bool = False


class Table(NamedTuple):
    """What stands above a table, its columns, the cells row by row, and what stands below it.

    ``total``: the last row is the sum of the others.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    note: str = ""
    total: bool = False

    def text(self) -> Iterator[str]:
        """Its lines; a table whose columns have no heads has no line for them."""
        heads = [column.head for column in self.columns]
        lines = [[*map(printable, cells)] for cells in ([heads, *self.rows] if any(heads) else self.rows)]
        widths = [max([column.width, *(len(cells[k]) for cells in lines)]) for k, column in enumerate(self.columns)]
        yield from map(printable, self.title.splitlines())
        for cells in lines:
            places = zip(cells, self.columns, widths, strict=True)
            yield " ".join([cell.ljust(w) if column.words else cell.rjust(w) for cell, column, w in places]).rstrip()
        yield from map(printable, self.note.splitlines())

    def html(self) -> Iterator[str]:
        """Its elements. Text and rules have the page's own colour, so that they can be read in light and dark."""
        yield f'<figure style="margin:.4em 0"><figcaption>{markup(self.title)}</figcaption>'
        if self.columns:
            yield '<table style="border-collapse:collapse;font-size:inherit;margin:.3em 0">'
            yield from self._rows()
            yield "</table>"
        for line in self.note.splitlines():
            yield f'<p style="margin:.2em 0;font-size:inherit">{markup(line)}</p>'
        yield "</figure>"

    def _rows(self) -> Iterator[str]:
        looks = [WORDS if column.words else NUMBER for column in self.columns]
        heads = [f'<th scope="col" style="{look};border-bottom:1px solid">{markup(column.head)}</th>'
                 for column, look in zip(self.columns, looks, strict=True)]  # fmt: skip
        if any(column.head for column in self.columns):
            yield f"<thead><tr>{''.join(heads)}</tr></thead>"
        last = self.rows[-1] if self.total else None
        for row in shorten(self.rows):
            if row is None:
                left_out = f"... {len(self.rows) - MOST} more rows, which print(...) shows ..."
                yield f'<tr><td colspan="{len(looks)}" style="{WORDS}">{left_out}</td></tr>'
            else:
                rule = ";border-top:1px solid" if row is last else ""
                yield f"<tr>{''.join(_cells(row, [look + rule for look in looks]))}</tr>"


def _cells(row: Sequence[str], looks: Sequence[str]) -> Iterator[str]:
    """A row's cells, of which the first names it."""
    for k, (cell, look) in enumerate(zip(row, looks, strict=True)):
        start, end = ('th scope="row"', "th") if k == 0 else ("td", "td")
        yield f'<{start} style="{look};font-weight:normal;white-space:pre">{markup(cell)}</{end}>'


def in_notebook() -> bool:
    """Whether a notebook runs this: it shows by itself what the last line of a cell gives."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def shorten(rows: Sequence[Sequence[str]]) -> list[Sequence[str] | None]:
    """The rows that a page has room for: first ones and last ones, and None where some are left out."""
    half = MOST // 2
    return list(rows) if len(rows) <= MOST else [*rows[:half], None, *rows[-half:]]


class Tabular:
    """What is read as one table or several: ``print`` writes them, a notebook shows them."""

    def _tables(self) -> Iterator[Table]:
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join([line for table in self._tables() for line in table.text()])

    def _repr_html_(self) -> str:
        return as_html(self._tables())


def as_html(tables: Iterator[Table]) -> str:
    """Tables one below the other, which scroll where the page is narrow.

    >>> print(as_html(iter([Table("", [Column("t"), Column("norm")], [("1", "<")])])))
    <div style="overflow-x:auto;...<table ...><tr><th ...>t</th>...</thead>...>&lt;</td></tr></table></figure></div>
    """
    return f'<div style="{WRAPPED}">' + "".join([part for table in tables for part in table.html()]) + "</div>"
