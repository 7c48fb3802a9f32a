"""Ops of one's own: the three doors, what a rule may ask for, and what is refused where it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import IndexedCotangent, Tensor, gradcheck, gradgradcheck
from tinygrad_lstm.errors import GradError, ShapeError


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


# The three doors ----------------------------------------------------------------------------------------------------


def test_defvjp_one_rule_for_each_named_input(rng: np.random.Generator) -> None:
    @tg.primitive
    def scaled(a: Any, b: Any, power: int = 2) -> Any:
        """A docstring of its own."""
        return a**power * b

    scaled.defvjp(
        a=lambda g, a, b, power: g * power * a ** (power - 1) * b,
        b=lambda g, a, power: g * a**power,
    )
    assert scaled.__doc__ == "A docstring of its own."
    assert scaled.name == scaled.__name__ == "scaled"
    a, b = leaf(rng.standard_normal((2, 3))), leaf(rng.standard_normal(3))
    for options in ({}, {"power": 3}):
        assert gradcheck(lambda a, b, options=options: scaled(a, b, **options), [a, b])
        assert gradgradcheck(lambda a, b, options=options: scaled(a, b, **options), [a, b])
    assert gradcheck(lambda a, b: scaled(power=3, b=b, a=a), [a, b])


def test_defvjp_for_some_inputs_only() -> None:
    @tg.primitive
    def masked(mask: Any, x: Any) -> Any:
        return mask * x

    masked.defvjp(x=lambda g, mask: g * mask)
    assert gradcheck(lambda x: masked(np.array([1.0, 0.0]), x), leaf([2.0, 3.0]))
    with pytest.raises(TypeError, match="masked has no derivative for mask: detach"):
        masked(leaf([1.0, 0.0]), leaf([2.0, 3.0]))


def test_defvjp_args_for_any_number_of_inputs(rng: np.random.Generator) -> None:
    @tg.primitive
    def weighted(arrays: Sequence[Any], weights: tuple[float, ...]) -> Any:
        return sum(w * a for w, a in zip(weights, arrays, strict=True))

    weighted.defvjp_args(lambda k, g, weights: weights[k] * g)
    xs = [leaf(rng.standard_normal(3)) for _ in range(4)]
    assert gradcheck(lambda *xs: weighted(xs, (1.0, 2.0, 3.0, 4.0)), xs)
    y = weighted([xs[0], np.ones(3), xs[1]], (1.0, 1.0, 5.0))
    assert [edge.name for edge in tg.graph_of(y).edges] == ["arrays[0]", "arrays[2]"]
    (g,) = tg.grad(y, xs[1], np.ones(3))
    assert g is not None
    assert g.tolist() == [5.0, 5.0, 5.0]


def test_defvjp_all_shares_work_and_is_told_what_is_wanted(rng: np.random.Generator) -> None:
    asked: list[tuple[bool, ...]] = []

    @tg.primitive
    def product(a: Any, b: Any, scale: float = 1.0) -> Any:
        return scale * a * b

    def rule(g: Any, a: Any, b: Any, scale: float, needs_input_grad: tuple[bool, ...]) -> tuple[Any, Any]:
        asked.append(needs_input_grad)
        g = scale * g
        return g * b if needs_input_grad[0] else None, g * a if needs_input_grad[1] else None

    product.defvjp_all(rule)
    a, b = leaf(rng.standard_normal(3)), leaf(rng.standard_normal(3))
    assert gradcheck(lambda a, b: product(a, b, 2.0), [a, b])
    assert gradgradcheck(lambda a, b: product(a, b, 2.0), [a, b])
    asked.clear()
    product(a, np.ones(3)).sum().backward()
    assert asked == [(True, False)]


def test_saves_hands_the_forwards_work_to_the_rule() -> None:
    @tg.primitive(saves=True)
    def cube(x: Any) -> Any:
        square = x * x
        return square * x, square

    cube.defvjp_all(lambda g, saved: (3 * g * saved,))
    x = leaf([1.0, 2.0])
    assert gradcheck(cube, x)
    with pytest.raises(
        GradError, match=r"cube saves arrays .* no second derivative .*create_graph=True.*composed form"
    ):
        tg.grad(cube(x).sum(), x, create_graph=True)
    with tg.no_grad():
        assert cube(x).tolist() == [1.0, 8.0]


def test_saves_with_one_rule_for_each_input() -> None:
    @tg.primitive(saves=True)
    def ratio(a: Any, b: Any) -> Any:
        inverse = 1 / b
        return a * inverse, inverse

    ratio.defvjp(a=lambda g, saved: g * saved, b=lambda g, y, saved: -g * y * saved)
    assert gradcheck(ratio, [leaf([1.0, 2.0]), leaf([3.0, -4.0])])
    c = tg.tensor(np.array([1.0, 1.0]))
    assert gradcheck(lambda a: ratio(a, c), leaf([1.0, 2.0]))


def test_primitive_multi_has_several_outputs_and_gets_gs() -> None:
    @tg.primitive_multi
    def sum_and_difference(a: Any, b: Any) -> Any:
        return a + b, a - b

    sum_and_difference.defvjp(a=lambda gs: gs[0] + gs[1], b=lambda gs: gs[0] - gs[1])
    a, b = leaf([1.0, 2.0]), leaf([3.0, 5.0])
    assert gradcheck(sum_and_difference, [a, b])
    assert gradgradcheck(sum_and_difference, [a, b])
    total, difference = sum_and_difference(a, b)
    assert difference.tolist() == [-2.0, -3.0]
    da, db = tg.grad(difference.sum(), [a, b])  # the other output was used by nobody
    assert da is not None
    assert db is not None
    assert (da.tolist(), db.tolist()) == ([1.0, 1.0], [-1.0, -1.0])
    (g,) = tg.grad((total * total).sum(), total)
    assert g is not None
    assert g.tolist() == [8.0, 14.0]


def test_primitive_multi_that_saves_with_outputs_of_different_shapes() -> None:
    @tg.primitive_multi(saves=True)
    def moments(x: Any) -> Any:
        mean = x.mean()
        return (x - mean, mean), x.size

    moments.defvjp_all(lambda gs, saved: (gs[0] - gs[0].sum() / saved + gs[1] / saved,))
    x = leaf([1.0, 2.0, 4.0])
    assert gradcheck(moments, x)
    for k in (0, 1):
        assert gradcheck(lambda x, k=k: moments(x)[k], x), "an unused output counts as zeros of its own shape"


def test_one_output_of_several_is_several_still() -> None:
    """A sequence of one step: the rule gets a list of one."""
    x = leaf([[1.0, 2.0]])
    (row,) = tg.unstack(x)
    (row * row).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[2.0, 4.0]]


def test_a_rule_may_ask_for_shapes_outputs_and_parameters() -> None:
    @tg.primitive
    def total(x: Any, factor: float = 2.0) -> Any:
        return np.sum(x * factor)

    total.defvjp(x=lambda g, x_shape, factor: np.broadcast_to(g * factor, x_shape))
    assert gradcheck(total, leaf(np.ones((2, 3))))
    plan = total(leaf(np.ones(2))).source.node.plan
    assert plan is not None
    assert plan.keep == ("x_shape", "factor")


def test_each_rule_gets_just_what_it_asks_for_in_its_own_order() -> None:
    got: dict[str, list[Any]] = {}

    def noted(name: str, *given: Any) -> Any:
        got[name] = list(given)
        return given[0]

    @tg.primitive
    def total(a: Any, b: Any, c: Any, d: Any) -> Any:
        return a + b + c + d

    total.defvjp(
        a=lambda g: noted("a", g),
        b=lambda g, c: noted("b", g, c),
        c=lambda g, y, b, a: noted("c", g, y, b, a),
        d=lambda g, a, y: noted("d", g, a, y),
    )
    total(*map(leaf, (1.0, 2.0, 4.0, 8.0))).backward()
    assert got == {"a": [1.0], "b": [1.0, 4.0], "c": [1.0, 15.0, 2.0, 1.0], "d": [1.0, 1.0, 15.0]}


def test_a_rule_may_return_an_indexed_cotangent() -> None:
    @tg.primitive
    def pick(x: Any, where: Any) -> Any:
        return x[where]

    pick.defvjp(x=lambda g, where: IndexedCotangent(where, g))
    x = leaf([1.0, 2.0, 3.0])
    assert gradcheck(lambda x: pick(x, np.array([0, 0, 2])), x)
    assert gradgradcheck(lambda x: pick(x, np.array([0, 0, 2])) ** 2, x)


def test_a_rule_may_return_none_for_no_path() -> None:
    half = tg.primitive(lambda a, b: a * 1.0)
    half.defvjp_all(lambda g: (g, None))
    assert gradcheck(half, [leaf([1.0]), leaf([2.0])])


@pytest.mark.alone
def test_np_functions_find_the_op_registered_for_them() -> None:
    @tg.primitive(numpy=np.sinc)
    def sinc(x: Any) -> Any:
        return np.sinc(x)

    sinc.defvjp(x=lambda g, x, y: g * (np.cos(np.pi * x) - y) / x)
    try:
        assert gradcheck(np.sinc, leaf([0.5, 1.2]))
    finally:
        del tg.Primitive.by_numpy[np.sinc]


# What is refused, and where -----------------------------------------------------------------------------------------


def test_a_rule_that_asks_for_what_is_not_there_is_refused_where_it_is_written() -> None:
    @tg.primitive
    def square(x: Any) -> Any:
        return x * x

    with pytest.raises(TypeError, match=r"a rule of square cannot ask for \{'z'\}; this one asks for \(g, z\)"):
        square.defvjp(x=lambda g, z: g)
    with pytest.raises(TypeError, match="square has no input called a; it has x"):
        square.defvjp(a=lambda g: g)


def test_a_rule_that_does_not_begin_with_its_cotangent_is_refused() -> None:
    square = tg.primitive(lambda x: x * x)
    with pytest.raises(TypeError, match=r"starts with g; this one asks for \(x, g\)"):
        square.defvjp(x=lambda x, g: g)
    several = tg.primitive_multi(lambda x: (x, x))
    with pytest.raises(TypeError, match=r"starts with gs"):
        several.defvjp(x=lambda g: g)
    joined = tg.primitive(lambda arrays: arrays[0])
    with pytest.raises(TypeError, match=r"starts with k, g"):
        joined.defvjp_args(lambda g, k: g)


def test_saved_only_where_the_forward_saves() -> None:
    square = tg.primitive(lambda x: x * x)
    with pytest.raises(TypeError, match=r"cannot ask for \{'saved'\}"):
        square.defvjp(x=lambda g, saved: g)


def test_an_op_opens_one_door_once() -> None:
    square = tg.primitive(lambda x: x * x)
    square.defvjp(x=lambda g, x: 2 * g * x)
    with pytest.raises(TypeError, match="has its derivatives already"):
        square.defvjp(x=lambda g, x: 2 * g * x)
    with pytest.raises(TypeError, match="has its derivatives already"):
        square.defvjp_all(lambda g: (g,))


def test_a_refused_rule_can_be_written_again() -> None:
    square = tg.primitive(lambda x: x * x)
    with pytest.raises(TypeError, match="cannot ask for"):
        square.defvjp(x=lambda g, z: g)
    square.defvjp(x=lambda g, x: 2 * g * x)
    assert gradcheck(square, leaf([1.0, 2.0]))


def test_an_op_without_derivatives_says_so_when_one_is_needed() -> None:
    @tg.primitive
    def floor(x: Any) -> Any:
        return np.floor(x)

    assert floor(tg.tensor([1.5])).tolist() == [1.0]
    with pytest.raises((GradError, TypeError), match=r"floor has no derivative"):
        floor(leaf([1.5]))


def test_a_rule_that_gives_the_wrong_shape_is_named_with_its_input() -> None:
    @tg.primitive
    def square(x: Any) -> Any:
        return x * x

    square.defvjp(x=lambda g, x: np.ones((5, 4)))
    with pytest.raises(ShapeError, match=r"the rule of square for x gave a cotangent of shape \(5, 4\).* shape \(3,\)"):
        square(leaf(np.ones(3))).sum().backward()


def test_a_wrong_call_is_pythons_own_error_with_the_signature() -> None:
    with pytest.raises(TypeError, match=r"softmax\(x.*axis.*unexpected keyword argument 'axes'"):
        tg.softmax(leaf([1.0]), axes=0)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"add\(a.*missing a required argument: 'b'"):
        tg.add(leaf([1.0]))  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"add\(a.*too many positional arguments"):
        tg.add(1.0, 2.0, 3.0)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"multiple values for argument 'a'"):
        tg.add(1.0, 2.0, a=3.0)
