"""What the player says in words: the name of every vertex, and one sentence for each step."""

from __future__ import annotations

import tinygrad_lstm as tg
from tinygrad_lstm.explain.trace import Amount
from viz.diagram.names import INFIX, Names, brief
from viz.playback.tape import BackwardStep, ForwardStep, Tape
from viz.style.text import at_step

LONGEST = 60  # letters of a line
FEW = 4  # numbers that a sentence lists
MANY = 8  # inputs, or contributions


def names_of(graph: tg.Graph) -> list[str]:
    """What each vertex is called: its name, or what it does to named ones, or its operation and number.

    >>> x, f = tg.tensor(2.0, requires_grad=True), tg.tensor(0.5, requires_grad=True)
    >>> y = tg.tanh(f * x)
    >>> tg.label(x=x, f=f)
    >>> names_of(tg.graph_of(y))
    ['x', 'f', 'f ⊙ x', 'tanh #3']
    """
    names = Names(graph)
    given = [names.of(vertex) for vertex in graph.vertices]
    reads: list[list[str]] = [[] for _ in graph.vertices]
    for edge in graph.edges:
        reads[edge.reader].append(given[edge.source])
    said = []
    for vertex, name, inputs in zip(graph.vertices, given, reads, strict=True):
        if not name and len(inputs) == 2 and all(inputs) and vertex.op in INFIX:
            name = f"{inputs[0]} {INFIX[vertex.op]} {inputs[1]}"
        elif not name and inputs and all(inputs):
            name = f"{vertex.op}({', '.join(inputs)})"
        said.append(one_line(name or f"{vertex.op} #{vertex.id}"))
    return said


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
