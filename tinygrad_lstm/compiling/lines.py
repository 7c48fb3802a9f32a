"""A program as lines: each gives one value a name that no other line gives, so it can be dropped, moved or rolled.

The text of ``tg.program`` gives a gradient its name several times, ``dW = dW + ...``. Here each of these values has a
name of its own, ``dW``, ``dW·2``, ``dW·3``; where lines are written straight again, the marks go.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tinygrad_lstm.errors import UnsupportedError
from tinygrad_lstm.explain.program import Program

Shapes = dict[str, tuple[int, ...]]  # of values by name
MARK = "·"
ADD = ("", " + ", "")  # the pieces of a sum
ADD_AT = """def add_at(x, where, values):
    np.add.at(x, where, values)
    return x"""


@dataclass(frozen=True)
class Line:
    """``target = text``, where the text has a hole for each value of the program and for each whole number."""

    target: str
    pieces: tuple[str, ...]  # the text around the holes, one more than there are holes
    holes: tuple[str | int, ...]
    scope: str = ""
    place: str = ""

    def fill(self, values: Sequence[str]) -> str:
        """The right side with these texts in the holes."""
        return "".join(piece + value for piece, value in zip(self.pieces, [*values, ""], strict=True))

    @property
    def reads(self) -> list[str]:
        """The values that it reads."""
        return [hole for hole in self.holes if isinstance(hole, str)]

    @property
    def form(self) -> tuple[tuple[str, ...], tuple[bool, ...]]:
        """What two lines have in common that do the same with other values."""
        return self.pieces, tuple(isinstance(hole, str) for hole in self.holes)


@dataclass
class Lines:
    """A program: what it takes, its functions, its lines, and the names of what it returns."""

    inputs: list[str]
    functions: str
    lines: list[Line]
    loss: Line
    gradients: dict[str, str]  # by leaf


def plain(name: str) -> str:
    """A name without the mark of a later value."""
    return name.partition(MARK)[0]


def read_lines(program: Program, inputs: Iterable[str]) -> Lines:
    """The lines of a program that takes these inputs."""
    if MARK in program.source:
        raise UnsupportedError(f"a name with {MARK} in it cannot be compiled")
    tree = ast.parse(program.source)
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    texts = program.source.splitlines()
    now = {name: name for name in inputs}  # of each name in the text, the name of its present value
    count: dict[str, int] = {}
    lines: list[Line] = []
    scope, last = "", function.body[0].lineno - 1
    *body, returned = function.body
    for statement in body:
        text = texts[statement.lineno - 1]
        for between in texts[last : statement.lineno - 1]:
            if between.startswith("    # "):
                scope = "" if between.startswith("    # backward") else between[6:]
        last = statement.lineno
        place = text.rpartition("  # ")[2] if "  # " in text else ""
        targets, line = _assigned(statement, text, now)
        fresh = [_version(name, count) for name in targets]
        if len(fresh) == 1:
            lines.append(replace(line, target=fresh[0], scope=scope, place=place))
        else:  # the output, and what a forward saves for its rules
            both = f"{fresh[0]}_both"
            lines.append(replace(line, target=both, scope=scope, place=place))
            lines += [Line(name, ("", "[", "]"), (both, k), scope, place) for k, name in enumerate(fresh)]
        now.update(zip(targets, fresh, strict=True))
    assert isinstance(returned, ast.Return)
    assert isinstance(returned.value, ast.Tuple)
    loss, found = returned.value.elts
    assert isinstance(found, ast.Dict)
    pairs = zip(found.keys, found.values, strict=True)
    gradients = {ast.literal_eval(key): now[ast.unparse(value)] for key, value in pairs if key is not None}
    functions = "\n".join(texts[: function.lineno - 1]).strip()
    functions += f"\n\n\n{ADD_AT}" * ("np.add.at(" in program.source)
    return Lines([*inputs], functions, lines, _cut(loss, texts[returned.lineno - 1], now), gradients)


def drop_second_names(program: Lines, lines: Sequence[Line]) -> tuple[Lines, list[Line]]:
    """The program and its lines, where ``dv = dc`` is left out and ``dc`` is read instead."""
    same: dict[str, str] = {}
    kept: list[Line] = []
    for line in lines:
        line = replace(
            line, holes=tuple([same.get(hole, hole) if isinstance(hole, str) else hole for hole in line.holes])
        )
        if line.pieces == ("", "") and isinstance(line.holes[0], str):
            same[line.target] = line.holes[0]
        else:
            kept.append(line)
    loss = replace(program.loss, holes=tuple([same.get(str(hole), hole) for hole in program.loss.holes]))
    gradients = {leaf: same.get(name, name) for leaf, name in program.gradients.items()}
    return replace(program, loss=loss, gradients=gradients), kept


def _assigned(statement: ast.stmt, text: str, now: dict[str, str]) -> tuple[list[str], Line]:
    """The names that a statement gives, and the line; adding in place gives a name anew."""
    if isinstance(statement, ast.Expr):
        assert isinstance(statement.value, ast.Call)
        into = statement.value.args[0]
        line = _cut(statement.value, text, now)
        return [ast.unparse(into)], replace(
            line, pieces=(line.pieces[0].replace("np.add.at", "add_at"), *line.pieces[1:])
        )
    assert isinstance(statement, ast.Assign)
    target = statement.targets[0]
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    return [ast.unparse(part) for part in parts], _cut(statement.value, text, now)


def _cut(value: ast.expr, text: str, now: dict[str, str]) -> Line:
    """An expression, cut at the values and the whole numbers in it."""
    row = text.encode()  # as Python counts columns
    at, pieces, holes = value.col_offset, [], list[str | int]()
    spots = [node for node in ast.walk(value) if _is_hole(node, now)]
    for node in sorted(spots, key=lambda node: node.col_offset):  # type: ignore[attr-defined]  # both kinds have one
        assert isinstance(node, ast.Name | ast.Constant)
        pieces.append(row[at : node.col_offset].decode())
        holes.append(now[node.id] if isinstance(node, ast.Name) else int(node.value))  # type: ignore[arg-type]  # an int
        at = node.end_col_offset or 0
    pieces.append(row[at : value.end_col_offset].decode())
    return Line("", tuple(pieces), tuple(holes))


def _is_hole(node: ast.AST, now: dict[str, str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in now
    return isinstance(node, ast.Constant) and type(node.value) is int


def _version(name: str, count: dict[str, int]) -> str:
    count[name] = count.get(name, 0) + 1
    return name if count[name] == 1 else f"{name}{MARK}{count[name]}"
