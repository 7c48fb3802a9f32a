"""What a step does, as an equation in the letters of the notes: ``dL/df₆ = dL/dC₆ ⊙ C₅``.

An op's derivative comes in the op's own letters (``∂y/∂a = b``); here they become the names of the values. A gradient
that an unnamed operation only passes on is called after the value that it comes from: the ``f₆ ⊙ C₅`` of a sum C₆ has
the gradient of C₆.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeGuard

from tinygrad_lstm.graph import GraphEdge
from viz.playback.tape import BackwardStep, Contribution, Tape

LETTERS = re.compile(r"([A-Za-z_]+)")
SQUARE = re.compile(r"\b(\w+)·\1\b")
PRODUCT = re.compile(r"(?<=\b[a-z]) \(")  # a letter before brackets
BRACKETS = re.compile(r"\([^()]*\)")
UNCLEAR = re.compile("#|split")  # in a name: it does not say which output, or which operation
LONGEST = 120  # letters of an equation; a longer one is left in the op's own letters
BY_SHAPE = {  # what rules that only move numbers do with dL/dy, or, {1}, with those of several outputs
    "sum": "{0} to every element", "getitem": "{0} where it was read", "reshape": "{0} in the old shape",
    "transpose": "{0}, axes back", "expand_dims": "{0} in the old shape", "squeeze": "{0} in the old shape",
    "split": "[{1}]",
}  # fmt: skip


class Laws:
    """The equations of a tape."""

    def __init__(self, tape: Tape, names: list[str]) -> None:
        self._graph, self._names = tape.graph, names
        self._loss = tape.backward[0].vertex if tape.backward else -1
        self._known: dict[tuple[int, int], str] = {}
        self._readers: dict[tuple[int, int], list[int]] = {}
        self._passed_on: dict[int, int] = {}  # a vertex -> the only reader, whose gradient it gets as it is
        self._reads: dict[int, list[GraphEdge]] = {}
        for edge in tape.graph.edges:
            self._readers.setdefault((edge.source, edge.index), []).append(edge.reader)
            self._reads.setdefault(edge.reader, []).append(edge)
        for turn in tape.backward:
            for part in turn.contributions:
                whole = part.contribution.shape == turn.cotangent.shape
                if part.of == 1 and whole and part.derivative == ("1", "y") and self._is_unnamed(part.source):
                    self._passed_on[part.source] = turn.vertex

    def of(self, turn: BackwardStep, part: Contribution) -> tuple[str, str]:
        """What is handed on by what came in, ``dL/df₂ = dL/dC₂ ⊙ C₁``, and the local derivative ``∂C₂/∂f₂ = C₁``.

        The first is '' where no text of the rule is known, the second where there is none that g is multiplied by.
        """
        text, of = part.derivative
        if not text:
            return "", ""
        came, left = self._gradient(self._origin(turn.vertex)), self._gradient(part.source, part.index)
        rule = f"∂{of}/∂{part.name} = {text}"  # in the op's own letters
        if of == "L":
            moved = self._moved(turn.vertex, came)
            return (moved and _short(f"{left} = {moved}")) or rule, ""
        slope = self._in_names(turn, part, came)
        if not part.derivative.by_element:
            return _short(f"{left} = {slope}") or rule, ""
        right = came if slope == "1" else f"−{came}" if slope == "−1" else f"{came} ⊙ {_term(slope)}"
        summed = ", summed" if len(part.contribution.shape) < len(turn.cotangent.shape) else ""
        made, read = _factor(self.name(turn.vertex)), _factor(self.name(part.source, part.index))
        return _short(f"{left} = {right}{summed}") or rule, _short(f"∂{made}/∂{read} = {slope}")

    def _moved(self, vertex: int, came: str) -> str:
        """What a rule that only moves numbers hands on; '' for another rule."""
        found = self._graph.vertices[vertex]
        outputs = ", ".join([self._gradient(vertex, k) for k in range(len(found.shapes))])
        return BY_SHAPE.get(found.op, "").format(came, outputs)

    def _in_names(self, turn: BackwardStep, part: Contribution, came: str) -> str:
        """The derivative with the names of the values for the op's letters."""
        matrix = not part.derivative.by_element
        values = {edge.name: self.name(edge.source, edge.index) for edge in self._reads.get(turn.vertex, [])}
        values["y"] = self.name(turn.vertex)
        if matrix:
            values = {name.upper(): value for name, value in values.items()}
        text = part.derivative.text
        literals = {name: x for name, x in self._graph.vertices[turn.vertex].params.items() if _is_number(x)}
        exponent = literals.pop("b", None) if text == "b aᵇ⁻¹" else None
        if exponent is not None:
            text = "2 a" if exponent == 2 else f"{exponent:g} a^{exponent - 1:g}"
        words = list(_words(text, matrix))
        letters = words[1::2]
        words[1::2] = [_factor(values[word]) if word in values else word for word in letters]
        named = "".join(words)
        named = named.replace("G", came, 1) if matrix else named
        given = [f"{name} = {value:.4g}" for name, value in literals.items() if name in letters and name not in values]
        return ", ".join([named, *given]).replace("-", "−")

    def _origin(self, vertex: int) -> int:
        """The vertex whose gradient this one has, though operations in between passed it on."""
        while vertex in self._passed_on:
            vertex = self._passed_on[vertex]
        return vertex

    def _gradient(self, vertex: int, index: int = 0) -> str:
        """How the gradient of a value is written."""
        name = self.name(vertex, index)
        plain = name == "L" or self._graph.vertices[vertex].label or name.endswith((")", "]"))
        return f"dL/d{_factor(name) if plain else f'({name})'}"

    def name(self, vertex: int, index: int = 0) -> str:
        """What a value is called; one of several outputs is the net input of the one value that is made of it."""
        if (vertex, index) not in self._known:
            self._known[vertex, index] = self._find_name(vertex, index)
        return self._known[vertex, index]

    def _find_name(self, vertex: int, index: int) -> str:
        if vertex == self._loss:
            return "L"
        readers, name = self._readers.get((vertex, index), []), self._names[vertex]
        single = len(self._graph.vertices[vertex].shapes) == 1
        unclear = not single or (self._is_unnamed(vertex) and UNCLEAR.search(name))
        alone = len(readers) == 1 and len(self._reads[readers[0]]) == 1
        if unclear and alone and self._graph.vertices[readers[0]].label:
            return f"net({self._names[readers[0]]})"
        return name if single else f"{name}[{index}]"

    def _is_unnamed(self, vertex: int) -> bool:
        found = self._graph.vertices[vertex]
        return not found.label and len(found.shapes) == 1


@lru_cache(maxsize=1024)
def _words(text: str, matrix: bool) -> tuple[str, ...]:
    """The formula of an op in signs of mathematics: every second word is a name, the others stand between names."""
    text = SQUARE.sub(r"\1²", text).replace("·", " ⊙ ").replace("-", "−")
    return tuple(LETTERS.split(text if matrix else PRODUCT.sub(" ⊙ (", text)))


def _outside(text: str) -> str:
    """What of a text is in no brackets."""
    while (rest := BRACKETS.sub("", text)) != text:
        text = rest
    return text


@lru_cache(maxsize=4096)  # a name is a factor of many equations
def _factor(text: str) -> str:
    """A text as a factor, in brackets where it is a sum or a product."""
    return f"({text})" if " " in _outside(text) else text


@lru_cache(maxsize=4096)
def _term(text: str) -> str:
    """A text as a factor of a product that may go on, in brackets where it is a sum."""
    return f"({text})" if re.search("[+−] ", _outside(text)) else text


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else ""
