"""What a user may rely on of a Tensor: dtypes, modes, copies, and errors that say what to do."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.engine.methods import Methods
from tinygrad_lstm.errors import CallError, DtypeError, GradError, ShapeError, TinygradError, UnsupportedError


def leaf(data: Any, dtype: Any = float) -> Tensor:
    return tg.tensor(np.asarray(data, dtype), requires_grad=True)


# Leaves -------------------------------------------------------------------------------------------------------------


def test_tensor_copies_and_data_is_the_array_itself() -> None:
    array = np.ones(3)
    x = tg.tensor(array)
    array[0] = 7
    assert x.tolist() == [1, 1, 1]
    assert x.data is x.data
    x.data[0] = 5
    assert x.tolist() == [5, 1, 1]


def test_a_list_of_tensors_is_refused_with_advice() -> None:
    with pytest.raises(DtypeError, match=r"tg\.stack or tg\.concatenate"):
        tg.tensor([leaf(1.0), leaf(2.0)])
    with pytest.raises(GradError, match=r"tg\.stack"):
        tg.tensor([[leaf(1.0)], [leaf(2.0)]])


def test_assignment_is_refused_with_advice() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(UnsupportedError, match=r"tg\.stack a list of steps.*tg\.where"):
        x[0] = 5.0
    assert x.tolist() == [1.0, 2.0]


def test_detach_shares_the_array_and_cuts_the_history() -> None:
    x = leaf([1.0, 2.0])
    d = (x * 2).detach()
    assert not d.requires_grad
    assert d.is_leaf
    assert x.detach().data is x.data
    (x * d).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 4.0]


def test_requires_grad_of_a_computed_tensor_cannot_be_set() -> None:
    y = leaf(1.0) * 2
    with pytest.raises(GradError, match=r"detach\(\)"):
        y.requires_grad = False


def test_requires_grad_can_be_turned_on_and_off_on_a_leaf() -> None:
    x = tg.tensor([1.0])
    x.requires_grad = True
    (x * 3).sum().backward()
    assert x.grad is not None
    x.requires_grad = False
    assert not (x * 3).requires_grad


def test_item_and_numpy() -> None:
    x = leaf([[4.0]])
    assert x.item() == 4.0
    assert float(x) == 4.0
    assert int(x) == 4
    assert x.detach().numpy().tolist() == [[4.0]]
    with pytest.raises(GradError, match=r"detach\(\)\.numpy\(\)"):
        x.numpy()
    with pytest.raises(ShapeError, match=r"item\(\) of a tensor of shape \(2,\)"):
        tg.tensor([1.0, 2.0]).item()


def test_deepcopy_and_pickle_of_a_leaf() -> None:
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.tolist() == x.tolist()
    assert y.requires_grad
    assert y.grad is not None
    assert y.grad.tolist() == [2.0, 4.0]
    y.data[0] = 7
    y.grad.data[0] = 7
    assert x.tolist() == [1.0, 2.0]
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 4.0]
    z = pickle.loads(pickle.dumps(x))
    assert z.tolist() == x.tolist()
    assert z.requires_grad
    assert z.dtype == x.dtype
    twice = copy.deepcopy([x, x])
    assert twice[0] is twice[1]


def test_deepcopy_and_pickle_of_a_computed_tensor_are_refused() -> None:
    y = leaf(1.0) * 2
    with pytest.raises(GradError, match=r"deepcopy of a computed tensor.*detach\(\)"):
        copy.deepcopy(y)
    with pytest.raises(GradError, match=r"pickle of a computed tensor.*detach\(\)"):
        pickle.dumps(y)
    assert copy.deepcopy(y.detach()).item() == 2.0


def test_comparisons_give_masks_and_tensors_can_be_keys() -> None:
    x = leaf([1.0, 2.0, 3.0])
    for mask in (x > 1.5, x >= 2, x == tg.tensor([0.0, 2.0, 3.0]), x != 1):
        assert isinstance(mask, np.ndarray)
        assert mask.tolist() == [False, True, True]
    assert np.isfinite(x).all()
    assert len({x, x, leaf(1.0)}) == 2
    assert (x < 2).tolist() == [True, False, False]
    assert (x <= 2).tolist() == [True, True, False]


def test_repr_shows_what_a_learner_prints() -> None:
    assert repr(tg.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tg.tensor(1.0, requires_grad=True)) == "tensor(1., requires_grad=True)"
    assert repr(tg.tensor(1.0, requires_grad=True) * 2) == "tensor(2., op=multiply)"
    assert repr(tg.tensor(np.array(1.0))) == "tensor(1., dtype=float64)"


# Modes --------------------------------------------------------------------------------------------------------------


def recording() -> bool:
    return (leaf(1.0) * 2).requires_grad


def test_no_grad_and_enable_grad_as_blocks() -> None:
    seen = []
    with tg.no_grad():
        seen.append(recording())
        with tg.enable_grad():
            seen.append(recording())
        seen.append(recording())
    assert seen == [False, True, False]
    assert recording()


def test_no_grad_and_enable_grad_as_decorators() -> None:
    x = leaf(1.0)

    @tg.no_grad()
    def predict(x: Tensor, factor: float = 2.0) -> Tensor:
        """Doubles."""
        return x * factor

    @tg.enable_grad()
    def train(x: Tensor) -> Tensor:
        return x * 2

    assert not predict(x, factor=3.0).requires_grad
    assert predict.__doc__ == "Doubles."
    with tg.no_grad():
        assert train(x).requires_grad
    assert (x * 2).requires_grad


def test_an_error_inside_leaves_no_mode_behind() -> None:
    with pytest.raises(ZeroDivisionError), tg.no_grad(), tg.scope("here"):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), tg.through(lambda edge, g: g):
        raise ZeroDivisionError
    assert (leaf(1.0) * 2).requires_grad


def test_modes_belong_to_a_thread() -> None:
    x = leaf(1.0)
    seen: list[bool] = []

    def other() -> None:
        seen.append((x * 2).requires_grad)
        with tg.no_grad(), tg.scope("other"):
            started.set()
            done.wait(10)
            seen.append((x * 2).requires_grad)

    started, done = threading.Event(), threading.Event()
    with tg.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        assert started.wait(10)
    y = x * 2
    done.set()
    thread.join(10)
    assert y.requires_grad
    assert y.source.node.scope is None
    assert seen == [True, False]


# Errors -------------------------------------------------------------------------------------------------------------


def test_shape_errors_name_op_shapes_and_scope_and_leave_no_trace() -> None:
    W, x = leaf(np.ones((4, 3))), leaf(np.ones((2, 5)))
    with (
        pytest.raises(ShapeError, match=r"linear\(x \(2, 5\), W \(4, 3\)\) in lstm/t=3:"),
        tg.scope("lstm"),
        tg.scope("t=3", step=3),
    ):
        tg.linear(x, W)
    tg.linear(leaf(np.ones((2, 3))), W).sum().backward()
    assert W.grad is not None


def test_every_error_is_ours_and_also_a_builtin_one() -> None:
    builtin: Any = (ValueError, TypeError, RuntimeError, AssertionError, ImportError, LookupError, AttributeError)
    classes = [error for error in vars(tg.errors).values() if isinstance(error, type) and issubclass(error, Exception)]
    ours: list[Any] = [error for error in classes if issubclass(error, TinygradError) and error is not TinygradError]
    assert len(ours) > 10
    for error in ours:
        assert issubclass(error, builtin)
        assert error.__doc__


def test_iteration_gives_rows() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    first, second = x
    (first * second).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert len(x) == 2


def test_complex_numbers_in_a_list_stay_complex() -> None:
    assert tg.tensor([1 + 2j, 3]).tolist() == [1 + 2j, 3 + 0j]


def test_what_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(DtypeError, match="cannot make a tensor of object"):
        leaf(1.0) + object()
    with pytest.raises(DtypeError, match="not the number 3"):
        tg.graph_of(3)  # type: ignore[arg-type]


def test_a_mode_is_no_decorator_for_a_generator() -> None:
    """Its body runs after the call, when the mode is over: PyTorch wraps it, and here it is said."""

    def values() -> Any:
        yield leaf(1.0) * 2

    with pytest.raises(UnsupportedError, match="on the generator values would be over"):
        tg.no_grad()(values)


# Methods are ops ---------------------------------------------------------------------------------------------------

WRITTEN = {"reshape", "transpose", "all", "any", "argmax", "argmin", "argsort"}  # called in another way than the op
NAMED_ALIKE = {"trace"}  # tg.trace is another thing
METHODS = {name for name, method in vars(Methods).items() if inspect.isfunction(method) and not name.startswith("_")}
OPS = sorted(name for name in METHODS - WRITTEN - NAMED_ALIKE if name in tg.__all__)


@pytest.mark.parametrize("name", OPS)
def test_a_method_says_what_its_op_says(name: str) -> None:
    op, made = getattr(tg, name), getattr(Tensor, name)
    assert (made.__name__, made.__qualname__, made.__doc__) == (name, f"Tensor.{name}", op.__doc__)
    theirs, ours = (list(inspect.signature(f).parameters.values()) for f in (op, made))
    assert (ours[0].name, ours[1:]) == ("self", theirs[1:])
    assert f"{name}({', '.join(map(str, ours))}) -> 'Tensor'" in pydoc.plain(pydoc.render_doc(made))


def test_many_methods_are_ops() -> None:
    assert len(OPS) > 15
    assert Tensor.flatten.__doc__ == tg.ravel.__doc__


@pytest.mark.parametrize("name", sorted([*METHODS, "__add__", "__eq__"]))
def test_a_method_is_called_after_the_class_that_users_know(name: str) -> None:
    function = getattr(Tensor, name)
    assert function.__qualname__ == inspect.unwrap(function).__qualname__ == f"Tensor.{name}"


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: x.sum(1, 2, 3), r"^Tensor\.sum\(axis=None, keepdims=False\) too many positional arguments$"),
    (lambda x: x.max(dim=0), r"^Tensor\.max\(axis=None, keepdims=False\) got an .*: dim is called axis here$"),
    (lambda x: x.sum(x=0), r"^Tensor\.sum\(axis=None, keepdims=False\) got an unexpected keyword argument 'x'$"),
    (lambda x: x.take(), r"^Tensor\.take\(indices, axis=None\) missing a required argument: 'indices'$"),
    (lambda x: x.flatten(2), r"^Tensor\.flatten\(\) too many positional arguments$"),
    (lambda x: x.item(3), r"^Tensor\.item\(\) takes 1 positional argument but 2 were given$"),
    (lambda x: x.argmax(dim=0), r"^Tensor\.argmax\(\) got an unexpected keyword argument 'dim': dim is called axis"),
    (lambda x: x.reshape(form=3), r"^Tensor\.reshape\(\) got an unexpected keyword argument 'form'"),
])  # fmt: skip
def test_the_error_of_a_wrong_call_names_the_method_of_tensor(call: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(CallError, match=message):
        call(tg.ones((2, 3), requires_grad=True))


def test_a_method_pickles_by_its_tensor() -> None:
    assert pickle.loads(pickle.dumps(tg.ones(2).sum))().item() == 2.0
