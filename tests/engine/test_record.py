"""What the graph knows and lets go: scopes, steps, places, labels, tags, arrays, the walk as events."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.engine.call_site import in_engine
from tinygrad_lstm.engine.source_line import source_line


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def node(tensor: Tensor) -> Any:
    return tensor.source.node


# Where a node was made ----------------------------------------------------------------------------------------------


def test_a_node_knows_scope_step_and_the_line_of_the_users_code() -> None:
    x = leaf(2.0)
    with tg.scope("lstm"), tg.scope("t=3", step=3), tg.scope("gate"):
        y = x * x
    assert node(y).scope.path == ("lstm", "t=3", "gate")
    assert str(node(y).scope) == "lstm/t=3/gate"
    assert node(y).step == 3, "inherited from the scope around it"
    assert node(x).scope is None
    assert node(x).step is None
    place = source_line(node(y).call_site)
    assert place.file == __file__
    with open(__file__, encoding="utf-8") as file:
        line = file.read().splitlines()[place.line - 1]
    assert line.strip() == "y = x * x"
    assert line[place.first_column : place.last_column] == "x * x"


@tg.primitive
def doubled(x: Any) -> Any:
    return 2 * x


doubled.defvjp(x=lambda g: 2 * g)


CALLS: dict[str, Callable[[Tensor], Any]] = {
    "operator": lambda x: -x,
    "operator of two": lambda x: x * x,
    "operator with a number": lambda x: 2.0 - x,
    "index": lambda x: x[0],
    "method": lambda x: x.sum(),
    "method of a method": lambda x: x.reshape(1, 2).T,
    "function": lambda x: tg.exp(x),
    "function of a keyword": lambda x: tg.sum(x, axis=0),
    "function of a list": lambda x: tg.stack([x, x]),
    "several outputs": lambda x: tg.unstack(x)[0],
    "in float32": lambda x: tg.softmax(tg.cast(x, np.dtype("f2"))),
    "composite": lambda x: tg.norm(x),
    "composite of composites": lambda x: tg.outer(x, x).trace(),
    "einsum": lambda x: tg.einsum("i,i->", x, x),
    "np ufunc": lambda x: np.tanh(x),
    "np function": lambda x: np.concatenate([x, x]),
    "np operator": lambda x: np.ones(2) @ x,
    "iteration": lambda x: next(iter(x)),
    "leaf": lambda x: tg.tensor(x.data, requires_grad=True),
    "created leaf": lambda x: tg.zeros(2, requires_grad=True),
    "detached": lambda x: (x * x).detach(),
    "rule that is recorded": lambda x: tg.grad((x**3).sum(), x, create_graph=True)[0],
    "transform": lambda x: tg.func.vjp(lambda y: y * y, x)[0],
    "recorded transform": lambda x: tg.func.grad(lambda y: (y**3).sum())(x),
    "checkpoint": lambda x: tg.func.checkpoint(lambda y: y * y, x),
    "op of the user's": lambda x: doubled(x),
}


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_the_call_site_is_the_users_line_however_the_op_is_called(call: Callable[[Tensor], Any], watched: bool) -> None:
    with tg.detect_anomaly() if watched else nullcontext():
        line = source_line(node(call(leaf([1.0, 2.0]))).call_site)
    assert (line.file, line.line) == (__file__, call.__code__.co_firstlineno)


@pytest.mark.parametrize("space", [{}, {"__name__": "tinygrad_lstm.engine.node"}, {"__name__": None}])
def test_code_in_a_namespace_of_any_name_is_the_users(space: dict[str, Any]) -> None:
    x = leaf([1.0, 2.0])
    found: dict[str, Any] = {}
    exec(compile("\n\ny = x * x", "<cell 3>", "exec"), {"x": x, **space}, found)
    assert str(source_line(node(found["y"]).call_site)) == "<cell 3>:3"


def test_no_line_of_the_engine_is_a_call_site() -> None:
    """Nor of a module that will be written tomorrow, whatever it does or forgets to do."""
    package = Path(tg.__file__).parent
    for path in package.rglob("*.py"):
        inside = {"engine", "func"} & {*path.relative_to(package).parts} or path.name in (
            "errors.py",
            "tags.py",
            "anomaly.py",
        )
        assert in_engine[str(path)] == bool(inside), path
    assert in_engine[str(package / "engine" / "tomorrow.py")]
    assert in_engine[str(package / "engine" / "ops" / "tomorrow.py")]
    for other in ("engineering.py", "functions.py", "engine.py"):
        assert not in_engine[str(package / other)]


def test_labels_and_tags_name_values_and_edges() -> None:
    c = leaf(2.0)
    h = tg.tag(c, "carry") * 0.5 + c * c
    tg.label(c=c, h=h)
    assert node(c).label == "c"
    assert node(h).label == "h"
    graph = tg.graph_of(h)
    assert [edge.tag for edge in graph.edges if edge.source == graph.id_of(c)] == ["carry", None, None]
    assert node(tg.tag(c, "carry")) is node(c), "no vertex of its own"
    assert tg.tag(c, "carry").data is c.data


def test_outputs_of_one_op_have_labels_of_their_own() -> None:
    f, i = tg.split(leaf([1.0, 2.0]), 2)
    tg.label(f=f, i=i)
    assert tg.graph_of(f * i).vertices[1].labels == ("f", "i")


def test_without_recording_only_leaves_are_named() -> None:
    x = leaf(1.0)
    with tg.no_grad():
        y = x * 2
        tg.label(x=x, y=y)
    graph = tg.graph_of(x * y)
    assert [vertex.label for vertex in graph.vertices] == ["x", "", ""]


def test_a_constant_has_a_vertex_a_number_has_none() -> None:
    x, c = leaf(2.0), tg.tensor(3.0)
    y = x * c * 4.0 + np.ones(())
    graph = tg.graph_of(y)
    assert [(v.op, v.kind) for v in graph.vertices] == [
        ("parameter", "parameter"), ("constant", "constant"), ("multiply", "op"), ("multiply", "op"), ("add", "op"),
    ]  # fmt: skip
    assert [edge.name for edge in graph.edges] == ["a", "b", "a", "a"]


# What is kept -------------------------------------------------------------------------------------------------------


def dies(tensor: Tensor) -> Any:
    """A weak reference to the tensor's array."""
    return weakref.ref(tensor.data)


def test_a_constant_keeps_its_place_in_the_graph_but_not_its_array() -> None:
    x, c = leaf(np.ones(3)), tg.tensor(np.full(3, 2.0))
    y = x + c
    array = dies(c)
    del c
    assert array() is None
    assert [v.op for v in tg.graph_of(y).vertices] == ["parameter", "constant", "add"]


def test_tanh_lets_its_input_go_and_keeps_its_output() -> None:
    x = leaf(np.ones(3))
    h = x * 2.0
    y = tg.tanh(h)
    before, after = dies(h), dies(y)
    z = y + 1.0
    del h, y
    assert before() is None
    assert after() is not None
    z.sum().backward()
    assert after() is None, "freed by the walk"


@pytest.mark.parametrize(
    ("op", "kept"),
    [
        (lambda a, b: a + b, ()), (lambda a, b: a - b, ()), (lambda a, b: a * b, ("b", "a")),
        (lambda a, b: a / b, ("b", "y")),
        (lambda a, b: a @ b, ("a_shape", "b", "a", "b_shape")), (lambda a, b: tg.exp(a), ("y",)),
        (lambda a, b: tg.sigmoid(a), ("y",)), (lambda a, b: tg.log(a), ("x",)), (lambda a, b: tg.relu(a), ("y",)),
        (lambda a, b: a.sum(), ("x_shape", "axis", "keepdims")), (lambda a, b: a.reshape(4), ("x_shape",)),
        (lambda a, b: tg.stack([a, b]), ("axis",)), (lambda a, b: a[0], ("key",)), (lambda a, b: -a, ()),
    ],
)  # fmt: skip
def test_only_what_the_rules_name_is_kept(op: Any, kept: tuple[str, ...]) -> None:
    y = op(leaf([[1.0, 2.0], [3.0, 4.0]]), leaf(np.eye(2) + 1))
    assert node(y).plan.keep == kept
    assert len(node(y).kept) == len(kept)


def test_only_what_the_wanted_rules_name_is_kept() -> None:
    """x · w with x a constant needs x for w, but not w for x."""
    x, w = tg.tensor(np.ones(3)), leaf(np.ones(3))
    assert node(x * w).plan.keep == ("a",)
    assert node(w * x).plan.keep == ("b",)
    assert node(w * 2.0).plan.keep == ("b",)


def test_a_rule_whose_input_needs_no_gradient_never_runs() -> None:
    calls: list[str] = []
    product = tg.primitive(lambda a, b: a * b)

    def for_a(g: Any, b: Any) -> Any:
        calls.append("a")
        return g * b

    def for_b(g: Any, a: Any) -> Any:
        calls.append("b")
        return g * a

    product.defvjp(a=for_a, b=for_b)
    x, c = leaf(2.0), tg.tensor(3.0)
    product(x, c).backward()
    assert calls == ["a"]
    product(c, x).backward()
    product(5.0, x).backward()
    assert calls == ["a", "b", "b"]
    y = leaf(3.0)
    tg.grad(product(x, y), y)
    assert calls == ["a", "b", "b", "b"], "nor does one that leads to no input asked for"


def test_a_graph_dies_by_reference_count_alone() -> None:
    gc.collect()
    gc.disable()
    try:
        w = leaf(np.ones((3, 3)))
        h = tg.tensor(np.ones(3))
        for t in range(5):
            with tg.scope(f"t={t}", step=t):
                h = tg.tanh(h @ w)
                tg.label(h=h)
        loss = (h * h).sum()
        array = dies(h)
        loss.backward()
        del h, loss
        assert array() is None
        del w
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_deep_graph_needs_no_recursion() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 1.0
    del y
