"""A recorded graph as a straight-line NumPy program: forward, then backward, one plain assignment after the other.

Every line is the text of an op's forward or of its rule, with the names of the values in it. What the backward loop
adds is written out too: sums over broadcast axes, and the sum of contributions. So the program runs without this
package, and checks the engine independently.

An op of one expression is written in place, so that the lines read as the equations do, ``c_1 = v14 + v15`` and
``dv15 = dc_1``; an op of several statements becomes a function above the program, and a line calls it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.arguments import ARRAY, LOSS, taken, takes
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, GradError
from tinygrad_lstm.explain.texts import unmarked
from tinygrad_lstm.explain.writer import Statement, Writer


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
    writer = Writer(loss)
    writer.forwards()
    begun = len(writer.statements)
    gradients = writer.backward()
    literals = {name: f"{np.shape(value)}, a literal of the graph" for name, value in writer.given.items()}
    inputs = writer.inputs | literals
    head = [f"    {name},  # {what}" for name, what in inputs.items()]
    lines = [*_listed(writer.statements[:begun]), "", "    # backward: dv is dL/dv"]
    lines += _listed(writer.statements[begun:])
    returned = f"{{{', '.join(f'{name!r}: {d}' for name, d in gradients.items())}}}"
    result = unmarked(writer.output(loss.source.node, loss.source.index))
    body = ["def program(", *head, "):", *lines, f"    return {result}, {returned}"]
    return Program(f"{writer.prelude}\n\n" + "\n".join(body) + "\n", inputs, writer.given)


def _listed(statements: list[Statement]) -> list[str]:
    """The lines of statements, with the scope above them where it changes; none is above the first of a loss."""
    lines, under = list[str](), ""
    for statement in statements:
        if statement.place and statement.scope != under:
            lines.append(f"    # {statement.scope or 'outside'}")
            under = statement.scope
        lines.append(f"    {statement}" + f"  # {statement.place}" * bool(statement.place))
    return lines
