"""Where each part of a cell sits: one template for a step, repeated along time, so the belts stay straight at any T.

Positions are in points, y upwards, the origin at the step's left. What belongs into a box is said by what it reads:
``reads={"f", "c-"}`` is the computation, without a name of its own, that uses f and the previous c. Which boxes are
joined is never said here: the edges come from the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Look: TypeAlias = Literal["state", "gate", "candidate", "op", "product", "input"]
Reads: TypeAlias = frozenset[str]


@dataclass(frozen=True)
class Box:
    """One box of a step: where, what it looks like, and which computations are in it."""

    x: float
    y: float
    look: Look
    text: str = ""  # {t} and {p} stand for this and the previous step's index
    note: str = ""  # small, beside the name
    reads: tuple[Reads, ...] = ()  # unnamed computations that read just these belong here


@dataclass(frozen=True)
class Template:
    """A cell's step as it is drawn."""

    cell: str
    pitch: float  # from one step to the next
    top: float
    bottom: float
    boxes: dict[str, Box]
    made_in: dict[str, str]  # a state -> the box of the operation that makes it
    belt: tuple[str, ...]  # the boxes along which a state is carried, its pill among them; () if nothing is
    belt_state: str
    gate: str  # what the belt is multiplied by
    derivative: str  # of the belt's next value by its last
    carried: str  # the legend's word for the belt
    gated: str
    caption: tuple[float, float]  # where the derivative is written: x, and y of the line above
    asides: dict[str, tuple[float, float]]  # where a loss that reads a state in the middle is drawn

    @property
    def letters(self) -> tuple[str, ...]:
        """The names that a step has to have."""
        return tuple(name for name, box in self.boxes.items() if box.look in ("state", "gate", "candidate", "input"))

    def box_of(self, reads: Reads) -> str | None:
        """The box for a computation without a name that reads just these."""
        return next((role for role, box in self.boxes.items() if reads in box.reads), None)


def _reads(*sets: str) -> tuple[Reads, ...]:
    """Sets of names, written as ``"x h-"``."""
    return tuple(frozenset(names.split()) for names in sets)


_PREACTIVATION = _reads("x", "h-", "x h-", "")

LSTM = Template(
    cell="LSTM",
    pitch=442,
    top=370,
    bottom=-26,
    boxes={
        "x": Box(34, 0, "input"),
        "z": Box(66, 60, "product", "Wx{t} + Uh{p} + b", reads=_PREACTIVATION),
        "f": Box(188, 236, "gate", note="forget"),
        "i": Box(188, 180, "gate", note="input"),
        "g": Box(188, 124, "candidate", note="new"),
        "o": Box(188, 60, "gate", note="output"),
        "keep": Box(188, 300, "op", "⊙", reads=_reads("f c-")),
        "write": Box(262, 152, "op", "⊙", reads=_reads("i g")),
        "sum": Box(262, 300, "op", "+"),
        "c": Box(328, 300, "state"),
        "squash": Box(328, 180, "op", "tanh", reads=_reads("c")),
        "show": Box(328, 60, "op", "⊙"),
        "h": Box(392, 60, "state"),
    },
    made_in={"c": "sum", "h": "show"},
    belt=("keep", "sum", "c"),
    belt_state="c",
    gate="f",
    derivative="∂C{t}/∂C{p} = diag(f{t})",
    carried="through the cell state: only × f",
    gated="through gates and hidden state: × σ′, tanh′, Uᵀ",
    caption=(84, 318),
    asides={"c": (392, 242), "h": (392, 0)},
)

GRU = Template(
    cell="GRU",
    pitch=500,
    top=366,
    bottom=-26,
    boxes={
        "x": Box(30, 34, "input"),
        "zed": Box(66, 96, "product", "Wx{t} + b, Uh{p}", reads=_PREACTIVATION),
        "z": Box(204, 236, "gate", note="keep σ"),
        "n": Box(204, 160, "candidate", note="new tanh", reads=_reads("x r h-")),
        "reset": Box(204, 96, "op", "⊙", reads=_reads("r h-")),
        "r": Box(204, 26, "gate", note="reset σ"),
        "keep": Box(204, 300, "op", "⊙", reads=_reads("z h-")),
        "write": Box(300, 160, "op", "⊙", reads=_reads("z", "z n")),
        "sum": Box(300, 300, "op", "+"),
        "h": Box(374, 300, "state"),
    },
    made_in={"h": "sum"},
    belt=("keep", "sum", "h"),
    belt_state="h",
    gate="z",
    derivative="carried: diag(z{t})",
    carried="carried from h to h: only × z",
    gated="through gates and candidate: × σ′, tanh′, Uᵀ",
    caption=(80, 316),
    asides={"h": (374, 240)},
)

RNN = Template(
    cell="RNN",
    pitch=330,
    top=126,
    bottom=-26,
    boxes={
        "x": Box(40, 0, "input"),
        "z": Box(80, 60, "product", "Wx{t} + Uh{p} + b", reads=_PREACTIVATION),
        "squash": Box(190, 60, "op", "tanh"),
        "h": Box(264, 60, "state"),
    },
    made_in={"h": "squash"},
    belt=(),
    belt_state="h",
    gate="",
    derivative="",
    carried="",
    gated="through the hidden state: × tanh′, Uᵀ",
    caption=(0, 0),
    asides={"h": (264, 0)},
)

TEMPLATES = {template.cell: template for template in (LSTM, GRU, RNN)}
