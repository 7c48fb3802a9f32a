"""A recorded graph as a straight-line NumPy program: forward, then backward, one plain assignment after the other.

Every line is the text of an op's forward or of its rule, with the names of the values in it. What the backward loop
adds is written out too: sums over broadcast axes, and the sum of contributions. So the program runs without this
package, and checks the engine independently.

An op of one expression is written in place, so that the lines read as the equations do, ``c_1 = v14 + v15`` and
``dv15 = dc_1``; an op of several statements becomes a function above the program, and a line calls it.
"""

from __future__ import annotations

import keyword
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lstm.arguments import ARRAY, LOSS, taken, takes
from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.node import Node, input_name, topological_order
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.engine.ops.wide import HALF
from tinygrad_lstm.engine.rule_calls import call_rules
from tinygrad_lstm.engine.source_line import source_line
from tinygrad_lstm.engine.tensor import Tensor, seed
from tinygrad_lstm.errors import ArgumentError, GradError, UnsupportedError
from tinygrad_lstm.escaping import identifier, printable
from tinygrad_lstm.explain.prelude import Prelude, atom, bracket, drop_defaults, unbroadcast
from tinygrad_lstm.func.checkpoint import recomputed

MOST = 40  # letters of a label in a name


class Program:
    """The text of a program, ``source``, and what it takes: ``inputs``, each with its shape and what it is.

    ``given`` holds those that the graph itself knows: large literal arrays, masks, indices.
    """

    def __init__(self, source: str, inputs: dict[str, str], given: dict[str, Any]) -> None:
        self.source, self.inputs, self.given = source, inputs, given

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"Program({len(self.inputs)} inputs, {self.source.count(chr(10))} lines, which print(...) shows)"

    def run(self, /, **arrays: Any) -> tuple[Any, dict[str, Any]]:
        """Execute it: the loss, and dL/d(leaf) by the leaf's name.

        Raises ArgumentError where an input is missing or unknown.
        """
        values = self.given | {name: taken("Program.run()", ARRAY, name, value) for name, value in arrays.items()}
        unfit = {"missing": self.inputs.keys() - values.keys(), "unknown": values.keys() - self.inputs.keys()}
        if wrong := [f"{what}: {', '.join(sorted(names))}" for what, names in unfit.items() if names]:
            raise ArgumentError(f"the program takes {', '.join(self.inputs)}; {'; '.join(wrong)}")
        namespace: dict[str, Any] = {}
        exec(compile(self.source, "<program>", "exec"), namespace)  # our own text
        return namespace["program"](**values)  # type: ignore[no-any-return]  # (loss, gradients)


@takes(loss=LOSS)
def program(loss: Tensor) -> Program:
    """The recorded forward of a loss and its backward as a NumPy program, a function of leaves and constants.

    The graph stays, and no ``grad`` is touched. Names are the labels, with the time step: ``f_3 = sigmoid(v12)``; dL/dW
    is ``dW``.

    Raises GradError for a loss that needs no gradient, or a freed graph; UnsupportedError for a hook, for a checkpoint,
    and for an op or a rule whose source is not known.

    >>> import tinygrad_lstm as tg
    >>> x = Tensor(3.0, requires_grad=True)
    >>> with tg.scope("toy"):
    ...     y = x * x + x
    >>> tg.label(x=x, y=y)
    >>> print(program(y))  # doctest: +ELLIPSIS
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def program(
        x,  # () float32, leaf
    ):
        # toy
        v1 = x * x  # ...
        y = v1 + x  # ...
    <BLANKLINE>
        # backward: dv is dL/dv
        dy = np.ones_like(y)
        # toy
        dv1 = dy  # ...
        dx = dy  # ...
        dx = dx + dv1 * x  # ...
        dx = dx + dv1 * x  # ...
        return y, {'x': dx}
    <BLANKLINE>
    >>> loss, gradients = program(y).run(x=3.0)
    >>> float(loss), float(gradients["x"])
    (12.0, 7.0)
    """
    if not loss.requires_grad:
        raise GradError("program() of a tensor that depends on nothing that requires a gradient")
    return Writer(loss).program()


class Writer:
    """Goes through the graph once forward and once backward, and writes a line for what happens."""

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
        self.lines: list[str] = []
        self.under = ""  # the scope of the line before
        self.summed = set[str]()  # cotangents with something in them
        self.owned = set[str]()  # those made by the program, so that it may write into them

    def free(self, name: str, outputs: int = 0) -> str:
        """A name that is not in use, nor is any name that the program makes of it, as that of its cotangent."""
        name = free = identifier(name)
        k, ends = self.uses.get(name, 1), ["", "_parts", *(f"_{index}" for index in range(outputs))]
        while not self.taken.isdisjoint(made := {free, f"{free}_saved", *(f"d{free}{end}" for end in ends)}):
            k += 1
            free = f"{name}__{k}"
        self.uses[name] = k
        self.taken |= made
        return free

    def program(self) -> Program:
        """The whole program."""
        for node in self.order:
            if node.hooks:
                raise UnsupportedError(f"a hook cannot be written as a program: take it away from {node}")
            if node.op is None:
                kind = "leaf" if node.requires_grad else "constant"
                self.inputs[self.names[node]] = f"{node.shapes[0]} {node.dtypes[0]}, {kind}"
            else:
                self.forward(node)
        loss, gradients = self.output(self.loss.source.node, self.loss.source.index), self.backward()
        self.inputs |= {name: f"{np.shape(value)}, a literal of the graph" for name, value in self.given.items()}
        head = [f"    {name},  # {what}" for name, what in self.inputs.items()]
        returned = f"{{{', '.join(f'{name!r}: {d}' for name, d in gradients.items())}}}"
        body = ["def program(", *head, "):", *self.lines, f"    return {loss}, {returned}"]
        return Program(f"{self.prelude}\n\n" + "\n".join(body) + "\n", self.inputs, self.given)

    def write(self, node: Node, line: str) -> None:
        """One line, with the scope above it where it changes and the line of the user's code beside it."""
        scope = printable(str(node.scope or ""))
        if scope != self.under:
            self.lines.append(f"    # {scope or 'outside'}")
            self.under = scope
        file, number, *_ = source_line(node.call_site)
        self.lines.append(f"    {line}  # {printable(Path(file).name)}:{number}")

    def output(self, node: Node, index: int) -> str:
        """An output of a node."""
        return self.names[node] if len(node.shapes) == 1 and not _several(node) else f"{self.names[node]}[{index}]"

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
        return self.literals[key]

    def input(self, node: Node, position: int) -> str:
        """What a node reads there: an output of another, or a literal."""
        assert node.op is not None
        source, name = node.sources[position], input_name(node.op, position)
        return self.output(source.node, source.index) if source else self.literal(node, name, node.params[name])

    def parameters(self, node: Node) -> dict[str, str]:
        """The inputs and options of a node's op by name, and what else a rule may ask for."""
        op, count = node.op, len(node.sources)
        assert op is not None
        found = {name: self.literal(node, name, value) for name, value in node.params.items() if name in op.names}
        inputs = [self.input(node, position) for position in range(count)]
        sources = enumerate(node.sources)
        shapes = [str(s.node.shapes[s.index] if s else np.shape(node.params[input_name(op, k)])) for k, s in sources]
        if op.sequence:
            found[op.names[0]], shape_of = f"[{', '.join(inputs)}]", {op.names[0]: f"[{', '.join(shapes)}]"}
        else:
            found |= dict(zip(op.inputs, inputs, strict=True))
            shape_of = dict(zip(op.inputs, shapes, strict=True))
        found |= {word: shape_of[name] for word, name in op.words.input_of.items() if name in shape_of}
        needs_input_grad = tuple(source is not None and source.node.requires_grad for source in node.sources)
        y = self.names[node]
        return found | {op.words.y: y, op.words.saved: f"{y}_saved", op.words.needs_input_grad: str(needs_input_grad)}

    def widen(self, node: Node, known: dict[str, str]) -> dict[str, str]:
        """The same, with the float16 arrays of an op that computes in float32 taken there."""
        assert node.op is not None
        arrays = {*node.op.inputs, node.op.words.y} if _is_wide(node) else ()
        return {name: f"{text}.astype('float32')" if name in arrays else text for name, text in known.items()}

    def forward(self, node: Node) -> None:
        """Write the line of a node's forward."""
        assert node.op is not None
        if node.op is recomputed:
            raise UnsupportedError(f"the inside of a checkpoint is not recorded: call the function plainly, not {node}")
        name = self.names[node]
        called = self.prelude.call(node.op.forward, node.op.name, self.widen(node, self.parameters(node)))
        called = drop_defaults(called)
        if _is_wide(node):
            called = f"({called}).astype('float16')"
        self.write(node, f"{name}, {name}_saved = {called}" if node.op.saves else f"{name} = {called}")

    # Backward ---------------------------------------------------------------------------------------------------------

    def backward(self) -> dict[str, str]:
        """Write the backward pass; returns dL/d(leaf) by the leaf's name."""
        root = self.loss.source
        walk = backpropagate([root], [seed(self.loss, None, False)], retain_graph=True, hook=lambda edge, c: c)
        self.lines += ["", "    # backward: dv is dL/dv"]
        self.under = ""
        first = self.cotangent(root.node, root.index)
        self.lines.append(f"    {first} = np.ones_like({self.output(root.node, root.index)})")
        self.summed.add(first)
        gradients = {}
        for node, g in walk:
            if node.plan is not None:
                self.rules(node, g)
            else:
                gradients[self.names[node]] = f"d{self.names[node]}"
        return gradients

    def cotangent(self, node: Node, index: int) -> str:
        """The name of dL/d(output)."""
        return f"d{self.names[node]}_{index}" if _several(node) else f"d{self.names[node]}"

    def rules(self, node: Node, g: Any) -> None:
        """Write what a node hands on. Its rules are called once more, to see which shapes they give."""
        plan, op = node.plan, node.op
        assert plan is not None
        assert op is not None
        zeros = [f"np.zeros({shape}, {str(dtype)!r})" for shape, dtype in zip(node.shapes, node.dtypes, strict=True)]
        came = [d if (d := self.cotangent(node, k)) in self.summed else zero for k, zero in enumerate(zeros)]
        known = self.widen(node, self.parameters(node))
        cotangent = f"[{', '.join(came)}]" if plan.multi_output else came[0] + ".astype('float32')" * _is_wide(node)
        if plan.joint is not None:
            parts = f"d{self.names[node]}_parts"
            self.write(node, f"{parts} = {self.prelude.call(plan.joint, f'{op.name}_vjp', known, cotangent)}")
        rules = {position: rule for position, rule, _ in plan.calls}
        for position, c in call_rules(node, g, node.kept):
            rule = rules[position]
            if plan.joint is not None:
                text = f"{parts}[{position}]"
            elif isinstance(rule, partial):  # of an op of many inputs: the rule for any of them, and which
                text = self.prelude.call(rule.func, f"{op.name}_vjp", known, str(position), cotangent)
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
                fresh = f"np.zeros({shape}, {str(dtype)!r})" if d not in self.summed else f"np.array({d})"
                self.write(node, f"{d} = {fresh}")
            self.owned.add(d)
            self.summed.add(d)
            self.write(node, f"np.add.at({d}, {text[1:-1] if text.startswith('(') else '*' + text})")
            return
        if c.shape != shape:
            text = unbroadcast(text, c.shape, shape)
        if c.dtype != dtype:
            text = f"np.asarray({text}).astype({str(dtype)!r})"
        self.write(node, f"{d} = {d} + {bracket(text)}" if d in self.summed else f"{d} = {text}")
        self.owned.discard(d)
        self.summed.add(d)


def _several(node: Node) -> bool:
    return node.op is not None and node.op.multi_output


def _is_wide(node: Node) -> bool:
    return node.op is not None and node.op.wide and node.dtypes[0] == HALF
