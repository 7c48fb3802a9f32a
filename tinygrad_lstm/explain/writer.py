"""Writing a recorded graph as NumPy statements: one for each op's forward, then one for what each rule hands on.

What the backward loop adds is written out too: sums over broadcast axes, and the sum of contributions.
"""

from __future__ import annotations

import keyword
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.node import Node, input_name, topological_order
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.engine.ops.wide import HALF
from tinygrad_lstm.engine.rule_calls import call_rules
from tinygrad_lstm.engine.source_line import source_line
from tinygrad_lstm.engine.tensor import Tensor, seed
from tinygrad_lstm.errors import UnsupportedError
from tinygrad_lstm.escaping import identifier, printable
from tinygrad_lstm.explain.prelude import Prelude, atom, bracket, drop_defaults, unbroadcast
from tinygrad_lstm.explain.texts import mark, unmarked
from tinygrad_lstm.func.checkpoint import recomputed

MOST = 40  # letters of a label in a name


class Statement(NamedTuple):
    """``targets = text``, in which values are marked; ``adds`` is a call that adds to its target in place."""

    targets: tuple[str, ...]
    text: str
    scope: str
    place: str  # file and line of the user's code
    adds: bool = False

    def __str__(self) -> str:
        text = unmarked(self.text)
        return text if self.adds else f"{', '.join(self.targets)} = {text}"


class Writer:
    """Goes through the graph once forward and once backward, and writes a statement for what happens."""

    def __init__(self, loss: Tensor) -> None:
        self.loss = loss
        self.order = topological_order([loss.source.node], all_nodes=True)
        self.names: dict[Node, str] = {}
        self.taken = {*keyword.kwlist, *keyword.softkwlist, "np", "program"}
        self.uses: dict[str, int] = {}
        for number, node in enumerate(self.order):
            kind = "v" if node.op is not None else "p" if node.requires_grad else "k"
            step = f"_{node.step}" if node.step is not None else ""
            name = f"{node.label[:MOST]}{step}" if len(node.shapes) == 1 and node.label else f"{kind}{number}"
            self.names[node] = self.free(name, len(node.shapes) if _several(node) else 0)
        self.prelude = Prelude(self.taken)
        self.inputs, self.given = dict[str, str](), dict[str, Any]()
        self.literals: dict[tuple[Any, ...], str] = {}  # of an array that is handed in, by what it holds
        self.statements: list[Statement] = []
        self.gradients: dict[str, Any] = {}  # dL/d(leaf) by the leaf's name, as the engine computes them
        self.summed = set[str]()  # cotangents with something in them
        self.owned = set[str]()  # those made by the program, so that it may write into them

    def free(self, name: str, outputs: int = 0) -> str:
        """A name that is not in use, nor is any name that the program makes of it, as that of its cotangent."""
        name = free = identifier(name)
        k, of_each = self.uses.get(name, 1), range(outputs)
        while not self.taken.isdisjoint(made := {
            free, f"{free}_saved", f"d{free}", f"d{free}_parts",
            *[f"d{free}_{index}" for index in of_each], *[f"{free}_part{index}" for index in of_each],
        }):  # fmt: skip
            k += 1
            free = f"{name}__{k}"
        self.uses[name] = k
        self.taken |= made
        return free

    def write(self, node: Node, targets: tuple[str, ...], text: str, adds: bool = False) -> None:
        """One statement, with its scope and the line of the user's code."""
        self.statements.append(Statement(targets, text, _scope_text(node.scope), _place(node.call_site), adds))

    def output(self, node: Node, index: int) -> str:
        """An output of a node."""
        y = mark(self.names[node])
        return y if len(node.shapes) == 1 and not _several(node) else f"{y}[{index}]"

    def literal(self, node: Node, name: str, value: Any) -> str:
        """A bare value: as text, or by name if it is large, as an input of the program."""
        text = atom(value)
        if text is not None:
            return text
        key = (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else (id(value),)
        if key not in self.literals:
            assert node.op is not None
            self.literals[key] = self.free(f"{node.op.name[:MOST]}_{name}")
            self.given[self.literals[key]] = value
        return mark(self.literals[key])

    def input(self, node: Node, position: int) -> str:
        """What a node reads there: an output of another, or a literal."""
        assert node.op is not None
        source, name = node.sources[position], input_name(node.op, position)
        return self.output(source.node, source.index) if source else self.literal(node, name, node.params[name])

    def parameter(self, node: Node, name: str) -> str:
        """An input or option of a node's op by name, or what else a rule may ask for."""
        op = node.op
        assert op is not None
        wide = ".astype('float32')" if _is_wide(node) and name in (*op.inputs, op.spelling.y) else ""
        if name in (op.spelling.y, op.spelling.saved):
            y = self.names[node]
            return mark(y) + wide if name == op.spelling.y else mark(f"{y}_saved")
        if name == op.spelling.needs_input_grad:
            return str(tuple([source is not None and source.node.requires_grad for source in node.sources]))
        if (of := op.spelling.input_of.get(name)) is not None:
            texts = [str(self.shape(node, position)) for position in range(len(node.sources))]
            return f"[{', '.join(texts)}]" if op.sequence else texts[op.inputs.index(of)]
        if op.sequence and name == op.names[0]:
            return f"[{', '.join([self.input(node, position) for position in range(len(node.sources))])}]"
        if not op.sequence and name in op.inputs:
            return self.input(node, op.inputs.index(name)) + wide
        return self.literal(node, name, node.params[name])

    def shape(self, node: Node, position: int) -> tuple[int, ...]:
        """The shape of what a node reads there."""
        assert node.op is not None
        source = node.sources[position]
        return source.node.shapes[source.index] if source else np.shape(node.params[input_name(node.op, position)])

    def forwards(self) -> None:
        """Write the forward pass."""
        for node in self.order:
            if node.hooks:
                raise UnsupportedError(f"a hook cannot be written as a program: take it away from {node}")
            if node.op is None:
                kind = "leaf" if node.requires_grad else "constant"
                self.inputs[self.names[node]] = f"{node.shapes[0]} {node.dtypes[0]}, {kind}"
            else:
                self.forward(node)

    def forward(self, node: Node) -> None:
        """Write the statement of a node's forward."""
        assert node.op is not None
        if node.op is recomputed:
            raise UnsupportedError(f"the inside of a checkpoint is not recorded: call the function plainly, not {node}")
        name = self.names[node]
        called = self.prelude.call(node.op.forward, node.op.name, partial(self.parameter, node))
        called = drop_defaults(called)
        if _is_wide(node):
            called = f"({called}).astype('float16')"
        self.write(node, (name, f"{name}_saved") if node.op.saves else (name,), called)

    # Backward ---------------------------------------------------------------------------------------------------------

    def backward(self) -> dict[str, str]:
        """Write the backward pass; returns dL/d(leaf) by the leaf's name."""
        root = self.loss.source
        walk = backpropagate([root], [seed(self.loss, None, False)], retain_graph=True, hook=lambda edge, c: c)
        first = self.cotangent(root.node, root.index)
        text = f"np.ones_like({self.output(root.node, root.index)})"
        self.statements.append(Statement((first,), text, "", ""))
        self.summed.add(first)
        gradients = {}
        for node, g in walk:
            if node.plan is not None:
                self.rules(node, g)
            else:
                gradients[self.names[node]] = f"d{self.names[node]}"
                self.gradients[self.names[node]] = g
        return gradients

    def cotangent(self, node: Node, index: int) -> str:
        """The name of dL/d(output)."""
        return f"d{self.names[node]}_{index}" if _several(node) else f"d{self.names[node]}"

    def rules(self, node: Node, g: Any) -> None:
        """Write what a node hands on. Its rules are called once more, to see which shapes they give."""
        op = node.op
        assert op is not None
        came = [
            mark(d) if (d := self.cotangent(node, k)) in self.summed else f"np.zeros({shape}, {str(dtype)!r})"
            for k, (shape, dtype) in enumerate(zip(node.shapes, node.dtypes, strict=True))
        ]
        known = partial(self.parameter, node)
        cotangent = f"[{', '.join(came)}]" if op.multi_output else came[0] + ".astype('float32')" * _is_wide(node)
        if op.joint is not None:
            parts = f"d{self.names[node]}_parts"
            self.write(node, (parts,), self.prelude.call(op.joint[0], f"{op.name}_vjp", known, cotangent))
        for position, c in call_rules(node, g, node.kept):
            rule, _ = op.rule_for(position)
            if op.joint is not None:
                text = f"{mark(parts)}[{position}]"
            elif op.sequence:  # the rule for any of the inputs, and which
                text = self.prelude.call(rule, f"{op.name}_vjp", known, str(position), cotangent)
            else:
                text = self.prelude.call(rule, f"{op.name}_vjp_{op.inputs[position]}", known, cotangent)
            self.hand_on(node, position, text, c)

    def hand_on(self, node: Node, position: int, text: str, c: Any) -> None:
        """Write one contribution: its sum over broadcast axes, and that it is added to those before it."""
        source = node.sources[position]
        assert source is not None
        shape, dtype = source.node.shapes[source.index], source.node.dtypes[source.index]
        d = self.cotangent(source.node, source.index)
        if type(c) is IndexedCotangent:
            if d not in self.owned:
                fresh = f"np.zeros({shape}, {str(dtype)!r})" if d not in self.summed else f"np.array({mark(d)})"
                self.write(node, (d,), fresh)
            self.owned.add(d)
            self.summed.add(d)
            text = text[1:-1] if text.startswith("(") else f"*{text}"
            self.write(node, (d,), f"np.add.at({mark(d)}, {text})", adds=True)
            return
        if c.shape != shape:
            text = unbroadcast(text, c.shape, shape)
        if c.dtype != dtype:
            text = f"np.asarray({text}).astype({str(dtype)!r})"
        self.write(node, (d,), f"{mark(d)} + {bracket(text)}" if d in self.summed else text)
        self.owned.discard(d)
        self.summed.add(d)


@lru_cache(maxsize=4096)
def _scope_text(scope: Any) -> str:
    return printable(str(scope or ""))


@lru_cache(maxsize=4096)
def _place(call_site: Any) -> str:
    file, number, *_ = source_line(call_site)
    return f"{printable(Path(file).name)}:{number}"


def _several(node: Node) -> bool:
    return node.op is not None and node.op.multi_output


def _is_wide(node: Node) -> bool:
    return node.op is not None and node.op.wide and node.dtypes[0] == HALF
