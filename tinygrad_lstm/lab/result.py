"""What a claim has found: its figures with their conditions, and its picture, in a notebook one below the other."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from tinygrad_lstm.escaping import markup
from tinygrad_lstm.lab.conditions import show
from tinygrad_lstm.tables import Column, Table, Tabular, as_html

if TYPE_CHECKING:
    from tinygrad_lstm.lab.claim import Claim

ThemeName: TypeAlias = Literal["light", "dark"]
Drawing: TypeAlias = Callable[[ThemeName], Any]  # gives a viz.Picture, Axes, or a list of Axes
COLUMNS = [Column("figure", words=True), Column("expected", words=True), Column("measured", words=True), Column("")]


class Check(NamedTuple):
    """One figure of a claim, and whether it meets its condition."""

    name: str
    value: Any
    condition: str
    holds: bool


@dataclass(frozen=True, repr=False)
class Result(Tabular):
    """One run of a claim: ``print`` writes it, a notebook shows it with its picture."""

    claim: Claim
    seed: int
    broken: str | None
    checks: tuple[Check, ...]
    seconds: float
    drawing: Drawing | None = field(default=None, compare=False)

    @property
    def passed(self) -> bool:
        """Whether every figure meets its condition."""
        return bool(self.checks) and all(check.holds for check in self.checks)

    @property
    def verdict(self) -> str:
        """PASS or FAIL."""
        return "PASS" if self.passed else "FAIL"

    @property
    def expected(self) -> dict[str, str]:
        """The condition of each figure, in words."""
        return {check.name: check.condition for check in self.checks}

    @property
    def measured(self) -> dict[str, Any]:
        """The value of each figure."""
        return {check.name: check.value for check in self.checks}

    @property
    def picture(self) -> Any:
        """The picture that shows it, a ``viz.Picture`` or matplotlib's Axes; None where none helps."""
        return self.draw("light")

    def draw(self, theme: ThemeName) -> Any:
        """The picture in the colours of a theme."""
        return None if self.drawing is None else self.drawing(theme)

    def svg(self, theme: ThemeName = "light") -> str | None:
        """The picture as SVG; None where there is none."""
        return None if self.drawing is None else svg_of(self.draw(theme))

    def _tables(self) -> Iterator[Table]:
        broken = f", broken on purpose: {self.broken}" if self.broken else ""
        title = f"{self.claim.id}  {self.claim.sentence}\n{self.claim.expected}"
        rows = [
            (check.name, check.condition, show(check.value), "" if check.holds else "FAIL") for check in self.checks
        ]
        note = f"{self.verdict} (seed {self.seed}{broken}, {self.seconds:.1f} s)"
        yield Table(title, COLUMNS, rows, f"{note}\n{self.claim.correction}" if self.claim.correction else note)

    def __repr__(self) -> str:
        return f"Result({self.claim.id} {self.verdict}: {'; '.join(map(show, self.measured.values()))})"

    def _repr_html_(self) -> str:
        drawn, words = self.svg(), markup(self.claim.sentence)
        data = b64encode(drawn.encode()).decode() if drawn else ""
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{words}" style="max-width:100%;background:#fff">'
        return as_html(self._tables()) + (image if drawn else "")


def svg_of(drawing: Any) -> str:
    """A picture of ``viz``, or the figure that Axes are on, as SVG, the same text every time."""
    if hasattr(drawing, "svg"):
        return str(drawing.svg)
    import matplotlib as mpl

    ax = drawing[0] if isinstance(drawing, list) else drawing
    text = StringIO()
    with mpl.rc_context({"svg.hashsalt": "lab", "svg.fonttype": "path"}):
        ax.get_figure(root=True).savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
