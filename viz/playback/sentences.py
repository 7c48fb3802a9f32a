"""What the player says in words: the name of every vertex, and one sentence for each step."""

from __future__ import annotations

from collections.abc import Sequence

import tinygrad_lstm as tg
from tinygrad_lstm.explain.trace import Amount
from tinygrad_lstm.graph import Vertex
from viz.diagram.names import INFIX, Names, brief
from viz.playback.tape import BackwardStep, ForwardStep, Tape
from viz.style.steps import at_step

LONGEST = 60  # letters of a line
PRODUCTS = frozenset({"linear"})  # of x and W, written Wx
POWERS = {("power", "2"): "²"}
SHORT = 24  # letters of a name that others may be made of
FEW = 4  # numbers that a sentence lists
MANY = 8  # inputs, or contributions


def names_of(graph: tg.Graph) -> list[str]:
    """What each vertex is called: its name, or what it does to named ones, or its operation and number.

    >>> x, f = tg.tensor(2.0, requires_grad=True), tg.tensor(0.5, requires_grad=True)
    >>> y = tg.tanh(f * x)
    >>> tg.label(x=x, f=f)
    >>> names_of(tg.graph_of(y))
    ['x', 'f', 'f ⊙ x', 'tanh(f ⊙ x)']
    """
    names = Names(graph)
    reads: list[list[int]] = [[] for _ in graph.vertices]
    for edge in graph.edges:
        reads[edge.reader].append(edge.source)
    known: list[str] = []  # of each vertex what others may be called after; '' where it would be too long
    said = []
    for vertex, sources in zip(graph.vertices, reads, strict=True):
        name = names.of(vertex)
        inputs = [known[source] for source in sources]
        if not name and inputs and all(inputs):
            name = _expression(vertex, inputs)
            known.append(name if len(name) <= SHORT else "")
        else:
            known.append(name)
        said.append(one_line(name or f"{vertex.op} #{vertex.id}"))
    return said


def _expression(vertex: Vertex, inputs: Sequence[str]) -> str:
    """What an operation makes of values of these names, and of the numbers that it was given."""
    op, numbers = vertex.op, {name: f"{x:g}" for name, x in vertex.params.items() if isinstance(x, int | float)}
    if op in PRODUCTS and len(inputs) == 2:
        x, weight = inputs
        return f"{weight}{' ' * (len(weight) > 1)}{x}"
    if exponent := POWERS.get((op, numbers.get("b", ""))):
        return f"({inputs[0]}){exponent}" if " " in inputs[0] else f"{inputs[0]}{exponent}"
    left = iter(inputs)
    terms = [numbers[name] if name in numbers else next(left, "") for name in ("a", "b")]
    if op not in INFIX or not all(terms):
        return f"{op}({', '.join(inputs)})"
    if op != "add":
        terms = [f"({term})" if " " in term else term for term in terms]
    return f"{terms[0]} {INFIX[op]} {terms[1]}"


def one_line(text: str) -> str:
    """A text in one line of limited length."""
    return brief(text, LONGEST)


def number(x: float) -> str:
    """Four digits: here the numbers are to be compared with the engine's own.

    >>> number(-0.123456), number(2.0), number(3.2e-7), number(-0.0)
    ('−0.1235', '2', '3.2e−7', '0')
    """
    digits, e, exponent = f"{x:z.4g}".partition("e")
    return f"{digits}{e}{int(exponent) if e else ''}".replace("-", "−")


def describe_amount(amount: Amount, letter: str) -> str:
    """An amount in a sentence: a number, or the norm, with the numbers where they are few."""
    values = amount.values
    if values is not None and not amount.shape:
        return f"{letter} = {number(values)}"
    listed = f", {letter} = [{', '.join(map(number, values))}]" if values and len(values) <= FEW else ""
    return f"‖{letter}‖ = {number(amount.norm)}{listed}"


def size(amount: Amount) -> str:
    """An amount in as few letters as can be: a number, or the norm."""
    single = amount.values is not None and not amount.shape
    return number(amount.values) if single else f"‖·‖ = {number(amount.norm)}"


def sentences(tape: Tape, names: list[str]) -> tuple[list[str], list[str]]:
    """A sentence for each forward step, and one for each backward step."""
    return [_describe_forward(step, tape, names) for step in tape.forward], [
        _describe_backward(turn, tape, names) for turn in tape.backward
    ]


def _subject(vertex: int, tape: Tape, names: list[str]) -> str:
    """A vertex by its name, and in brackets what the name does not say: operation and time step."""
    found = tape.graph.vertices[vertex]
    rest = [found.op] if found.label or found.kind == "constant" else []
    rest += [at_step(found.step)] if found.step is not None else []
    return f"{names[vertex]} ({', '.join(rest)})" if rest else names[vertex]


def _describe_forward(step: ForwardStep, tape: Tape, names: list[str]) -> str:
    said = _subject(step.vertex, tape, names)
    if step.reads:
        said += f" reads {', '.join(_first([f'{edge.name} = {names[edge.source]}' for edge in step.reads]))}"
    return f"{said}: {describe_amount(step.value, 'y')}" if step.value is not None else said


def _describe_backward(turn: BackwardStep, tape: Tape, names: list[str]) -> str:
    said = f"{_subject(turn.vertex, tape, names)}: {describe_amount(turn.cotangent, 'g')} came in"
    parts = []
    for part in turn.contributions:
        gets = f"{names[part.source]} gets {size(part.contribution)}"
        if part.of > 1:
            gets += f", contribution {part.nth} of {part.of}{' and now complete' if part.completes else ''}"
        parts.append(gets)
    return "; ".join([said, *_first(parts)])


def _first(things: list[str]) -> list[str]:
    """The first few, and how many more there are."""
    return things if len(things) <= MANY else [*things[:MANY], f"and {len(things) - MANY} more"]
