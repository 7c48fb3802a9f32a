"""Where each part of a cell sits: one template for a step, repeated along time, so the belts stay straight at any T.

Positions are in points, y upwards, the origin at the step's left. What belongs into a box is said by what it reads:
``reads={"f", "c-"}`` is the computation, without a name of its own, that uses f and the previous c. Which boxes are
joined is never said here: the edges come from the graph. A sibling cell is a template with the changed box.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias

from viz.layout.geometry import Place
from viz.style.text import letter

Look: TypeAlias = Literal["state", "gate", "candidate", "op", "product", "input", "cell"]
Reads: TypeAlias = frozenset[str]
Corners: TypeAlias = Mapping[tuple[str, str], tuple[Place, ...]]  # (source, reader) -> corners; "c-" is the previous c

SUMMED = "∂L/∂W = Σₜ δₜ xₜᵀ, δₜ = ∂L/∂(Wxₜ)"
OF_ALL = "(…)"  # of the sum of both products and the bias
USUAL = "tanh"  # what squashes a state, where the graph does not say
PREACTIVATION = frozenset({"linear", "matmul", "add", "split"})  # what makes the product that the gates share
SIZES: dict[Look, tuple[float, float]] = {
    "state": (68, 42), "gate": (94, 28), "candidate": (94, 28), "product": (84, 28), "op": (28, 28), "input": (32, 23),
    "cell": (62, 44),
}  # fmt: skip


@dataclass(frozen=True)
class Box:
    """One box of a step: where, what it looks like, and which computations are in it."""

    x: float
    y: float
    look: Look
    text: str = ""  # {t} and {p} stand for this and the previous step's index, {op} for the operation's name
    law: str = ""  # what a gate is, as its equation says it, by the usual function: a graph may have another
    note: str = ""  # what it is for, small, beside that
    reads: tuple[Reads, ...] = ()  # unnamed computations that read just these belong here
    wide: float = 0.0  # if not as wide as others of its look
    high: float = 0.0

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        width, height = SIZES[self.look]
        return self.wide or width, self.high or height


@dataclass(frozen=True)
class Template:
    """A cell's step as it is drawn."""

    pitch: float  # from one step to the next
    top: float
    bottom: float
    boxes: dict[str, Box]
    made_in: dict[str, str]  # a state -> the box of the operation that makes it
    belts: Mapping[str, tuple[str, ...]]  # a state that is carried -> the boxes along which it is, its pill among them
    belt_state: str  # the state of the first belt; the one that comes first where there is none
    gate: str = ""  # what the belt is multiplied by
    derivative: str = ""  # of the belt's next value by its last
    carry: str = ""  # what a gradient is multiplied by along the belt,
    joining: str = ""  # and where it comes to the belt,
    crossing: str = ""  # and by a crossing
    summed: str = ""  # how the steps' parts make up the gradient of the weights
    crossing_path: str = "through h into a gate"  # what a crossing is, in plain words
    caption: Place = (0, 0)  # where the derivative is written: x, and y of the line above
    asides: Mapping[str, Place] = field(default_factory=dict)  # where a loss that reads an inner state is drawn
    routing: Corners = field(default_factory=dict)  # of the lines that are not straight
    starts: Corners = field(default_factory=dict)  # of those from before the first step, where they are others

    @property
    def letters(self) -> tuple[str, ...]:
        """The names that a step has to have."""
        return tuple(name for name, box in self.boxes.items() if box.look in ("state", "gate", "candidate", "input"))

    @property
    def states(self) -> list[str]:
        """The states that a step makes, that of the belt first."""
        return list(dict.fromkeys([self.belt_state, *self.made_in]))

    @cached_property
    def on_belts(self) -> Mapping[str, str]:
        """Of each box on a belt, a mask among them, the state that is carried there."""
        return {role: name for name, roles in self.belts.items() for role in (*roles, f"hold_{name}")}

    def is_belt(self, source: str, reader: str) -> bool:
        """Whether the line from one box to another, or to a fold, is a piece of a belt."""
        return any({source, reader} <= {*roles, f"fold_{name}"} for name, roles in self.belts.items())

    @property
    def belt_path(self) -> str:
        """What the belt is, in plain words."""
        others = [letter(name, self.is_lstm) for name in self.belts if name != self.belt_state]
        first = "the cell state C" if self.is_lstm else letter(self.belt_state, lstm=False)
        return f"the path along {' or along '.join([first, *others])}"

    @property
    def definitions(self) -> str:
        """Both, as a sentence."""
        belt = f"The belt is {self.belt_path}. " if self.belts else ""
        return f"{belt}A crossing leads {self.crossing_path}."

    @property
    def is_lstm(self) -> bool:
        """Whether the letters are an LSTM's, whose c is written C."""
        return "c" in self.made_in

    def box_of(self, reads: Reads) -> str | None:
        """The box for a computation without a name that reads just these."""
        return next((role for role, box in self.boxes.items() if reads in box.reads), None)


def kind_of_gate(name: str) -> str:
    """What a value of this name is in the cells that have a template: a "gate", a "candidate", or neither, "".

    >>> kind_of_gate("f"), kind_of_gate("g"), kind_of_gate("h")
    ('gate', 'candidate', '')
    """
    return GATES.get(name, "")


def _reads(*sets: str) -> tuple[Reads, ...]:
    """Sets of names, written as ``"x h-"``."""
    return tuple(frozenset(names.split()) for names in sets)


def sibling(template: Template, boxes: Mapping[str, Box], **changed: object) -> Template:
    """The template with some boxes put in or replaced."""
    return replace(template, boxes={**template.boxes, **boxes}, **changed)  # type: ignore[arg-type]  # its own fields


def _with_long_names(template: Template) -> Template:
    """The template with room for any function's name where it squashes a state."""
    return sibling(template, {"squash": replace(template.boxes["squash"], wide=56)})


_PREACTIVATION = _reads("x", "h-", "x h-", "")

LSTM = Template(
    pitch=374,
    top=406,
    bottom=-36,
    boxes={
        "x": Box(76, -8, "input"),
        "z": Box(58, 46, "product", "Wx{t} + Uh{p} + b", reads=_PREACTIVATION),
        "f": Box(159, 262, "gate", law="σ(…)", note="forget"),
        "i": Box(159, 216, "gate", law="σ(…)", note="input"),
        "g": Box(159, 170, "candidate", law="tanh(…)", note="new"),
        "o": Box(159, 116, "gate", law="σ(…)", note="output"),
        "keep": Box(159, 320, "op", "⊙", reads=_reads("f c-")),
        "write": Box(244, 193, "op", "⊙", reads=_reads("i g", "f g")),
        "sum": Box(244, 320, "op", "+"),
        "c": Box(312, 320, "state"),
        "squash": Box(312, 206, "op", "{op}", reads=_reads("c")),
        "show": Box(312, 116, "op", "⊙", reads=_reads("o c")),
        "h": Box(312, 46, "state"),
    },
    made_in={"c": "sum", "h": "show"},
    belts={"c": ("keep", "sum", "c")},
    belt_state="c",
    gate="f",
    derivative="∂C{t}/∂C{p} = diag(f{t})",
    carry="only × f",
    joining="; from h × o, {op}′",
    crossing="× {gate}′, {op}′, Uᵀ",
    summed=SUMMED,
    caption=(76, 320),
    asides={"c": (338, 262), "h": (312, -8)},
    routing={
        **{("z", gate): ((x, y),) for gate, x, y in (("f", 28, 262), ("i", 48, 216), ("g", 68, 170), ("o", 88, 116))},
        ("weights", "z"): ((38, 0),),
        ("weights", "squash"): ((270, 206),),  # of a normalised C
    },
)

PEEPHOLE = replace(
    sibling(
        LSTM,
        {
            role: replace(LSTM.boxes[role], x=LSTM.boxes[role].x + 24)
            for role in ("write", "sum", "c", "squash", "show", "h")
        },
    ),
    pitch=398,
    asides={"c": (362, 262), "h": (336, -8)},
    routing={
        **LSTM.routing,
        ("c-", "f"): ((-40, 288), (140, 288)),
        ("c-", "i"): ((-54, 227),),
        ("c", "o"): ((308, 144), (178, 144)),
        ("sum", "o"): ((290, 304), (290, 144), (178, 144)),  # where a mask comes before the next C
        ("weights", "f"): ((240, 262),),
        ("weights", "i"): ((221, 210),),
    },
    derivative="belt: diag(f{t})",
    crossing="× {gate}′, {op}′, Uᵀ, p",
    crossing_path="through h into a gate, or through a peephole, C into a gate",
)

COUPLED = sibling(LSTM, {"i": replace(LSTM.boxes["i"], law="1 − f{t}")})

PROJECTED = sibling(
    LSTM,
    {"project": Box(312, 46, "op", "Wₕ"), "h": Box(380, 46, "state")},
    pitch=442,
    made_in={"c": "sum", "h": "project"},
    asides={"c": (338, 262), "h": (380, -8)},
)

GRU = Template(
    pitch=374,
    top=406,
    bottom=-36,
    boxes={
        "x": Box(58, 22, "input"),
        "zed": Box(58, 96, "product", "Wx{t} + b\nUh{p} + bₙ", reads=_PREACTIVATION, high=42),
        "z": Box(159, 262, "gate", law="σ(…)", note="keep"),
        "n": Box(159, 180, "candidate", law="tanh(…)", note="new", reads=_reads("x r h-", "x r")),
        "reset": Box(159, 96, "op", "⊙", reads=_reads("r h-", "r")),
        "r": Box(159, 16, "gate", law="σ(…)", note="reset"),
        "keep": Box(159, 320, "op", "⊙", reads=_reads("z h-")),
        "write": Box(244, 180, "op", "⊙", reads=_reads("z", "z n")),
        "sum": Box(244, 320, "op", "+"),
        "h": Box(312, 320, "state"),
    },
    made_in={"h": "sum"},
    belts={"h": ("keep", "sum", "h")},
    belt_state="h",
    gate="z",
    derivative="belt: diag(z{t})",
    carry="only × z",
    crossing="× {gate}′, {op}′, Uᵀ",
    summed=SUMMED,
    caption=(76, 320),
    asides={"h": (336, 262)},
    routing={
        ("zed", "z"): ((34, 262),),
        ("zed", "n"): ((70, 180),),
        ("zed", "r"): ((90, 16),),
        ("h-", "zed"): ((-72, 96),),
        ("weights", "zed"): ((32, 0),),
    },
)

RESET_BEFORE = sibling(
    GRU,
    {
        "zed": replace(GRU.boxes["zed"], text="Wx{t} + b\nUh{p}"),
        "reset": replace(GRU.boxes["reset"], text="⊙ U"),
    },
    routing={**GRU.routing, ("h-", "reset"): ((-54, 138), (130, 138))},
)

RNN = Template(
    pitch=300,
    top=126,
    bottom=-36,
    boxes={
        "x": Box(76, -8, "input"),
        "z": Box(58, 46, "product", "Wx{t} + Uh{p} + b", reads=_PREACTIVATION),
        "squash": Box(156, 46, "op", "{op}"),
        "h": Box(238, 46, "state"),
    },
    made_in={"h": "squash"},
    belts={},
    belt_state="h",
    crossing="× {op}′, Uᵀ",
    summed=SUMMED,
    crossing_path="through h into the next step",
    asides={"h": (238, -8)},
    routing={("weights", "z"): ((38, 0),)},
)

TEMPLATES = {
    "LSTMCell": LSTM, "SeparateLSTMCell": LSTM, "PeepholeLSTMCell": PEEPHOLE, "CoupledLSTMCell": COUPLED,
    "ProjectedLSTMCell": PROJECTED, "GRUCell": GRU, "ResetBeforeGRUCell": RESET_BEFORE, "RNNCell": RNN,
    "ActivatedLSTMCell": _with_long_names(LSTM), "ActivatedRNNCell": _with_long_names(RNN),
}  # fmt: skip

GATES = {
    name: box.look
    for template in TEMPLATES.values()
    for name, box in template.boxes.items()
    if box.look in ("gate", "candidate")
}
