"""Any call of a public function gives a result or one of our errors, which says what was called."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, data, func, nn, optim
from tinygrad_lstm.errors import ArgumentError, DtypeError, PositionError, ShapeError, TinygradError


def leaf(*shape: int) -> Tensor:
    return tg.tensor(np.ones(shape), requires_grad=True)


VALUES: list[Callable[[], Any]] = [
    lambda: None, lambda: 3, lambda: -1, lambda: 2.5, lambda: float("nan"), lambda: True, lambda: 1j,
    lambda: "a", lambda: b"a", lambda: [], lambda: (), lambda: {}, lambda: {1, 2}, lambda: [1, 2], lambda: (0, 1),
    lambda: [[1], [1, 2]], lambda: slice(0, 1), lambda: object(), lambda: int, lambda: np.datetime64("2020-01-01"),
    lambda: leaf(2, 3), lambda: leaf(), lambda: tg.tensor([1.0, 2.0]), lambda: np.ones((2, 3)), lambda: np.zeros(0),
    lambda: np.array("a"), lambda: np.array(None), lambda: np.array(2.0), lambda: range(3), lambda: iter([1, "a"]),
    lambda: memoryview(b"a"), lambda: np.asarray([1, None], object), lambda: nn.Linear(2, 2), lambda: Ellipsis,
    lambda: np.array(["a"]), lambda: np.array([0, 1]), lambda: [leaf(2, 3), leaf(2, 3)], lambda: [leaf(2, 3), None],
]  # fmt: skip
NO_CALLS_OF_OURS = {
    "all", "any", "argmax", "argmin", "argsort", "count_nonzero",  # NumPy's own
    "load", "save", "set_default_dtype", "Primitive", "primitive", "primitive_multi", "Graph", "IndexedCotangent",
    "Tensor", "pause_collector", "collector_paused", "scope", "enable_grad", "no_grad", "detect_anomaly",
}  # fmt: skip
FUNCTIONS = {name: getattr(tg, name) for name in tg.__all__ if name not in NO_CALLS_OF_OURS}
FUNCTIONS = {name: f for name, f in FUNCTIONS.items() if callable(f) and inspect.signature(f).parameters}
METHODS = {f"Tensor.{name}": f for name, f in inspect.getmembers(Tensor, callable)
           if not name.startswith("_") or name in ("__add__", "__rsub__", "__matmul__", "__pow__", "__getitem__",
                                                   "__lt__", "__eq__", "__floordiv__")}  # fmt: skip


SCHEDULERS = [kind for kind in vars(optim.lr_scheduler).values()
              if isinstance(kind, type) and issubclass(kind, optim.lr_scheduler.Scheduler)]  # fmt: skip
OTHERS: list[Callable[..., Any]] = [
    nn.init.uniform, nn.init.normal, nn.init.glorot, nn.init.orthogonal, nn.ModuleList, nn.Sequential,
    *(getattr(nn.utils, name) for name in nn.utils.__all__), *SCHEDULERS,
    optim.SGD, optim.Adagrad, optim.RMSprop, optim.Adam, optim.AdamW, data.read_text, data.Vocabulary, data.windows,
]  # fmt: skip


def states() -> dict[str, Callable[..., Any]]:
    """Methods that take a state or a group."""
    optimizer = optim.Adam([leaf(2)])
    schedules = optim.lr_scheduler
    made: list[Any] = [
        schedules.StepLR(optimizer, 2), schedules.ReduceLROnPlateau(optimizer),
        schedules.SequentialLR(optimizer, [schedules.StepLR(optimizer, 2)] * 2, [3]),
    ]  # fmt: skip
    vocabulary = data.Vocabulary("abc")
    calls = [optimizer.add_param_group, optimizer.load_state_dict, nn.Linear(2, 2).load_state_dict, made[1].step]
    calls += [one.load_state_dict for one in made] + [vocabulary.encode, vocabulary.decode]
    return {call.__qualname__: call for call in calls}


def parameters(f: Callable[..., Any]) -> int:
    return len(inspect.signature(f).parameters)


def calls(f: Callable[..., Any], name: str, after: Callable[[Any], Any] = lambda y: None) -> None:
    """Call it with what comes; a result goes on to ``after``, an error is ours."""
    rng, tried = np.random.default_rng(sum(map(ord, name))), 0
    for _ in range(60):
        args = [VALUES[rng.integers(len(VALUES))]() for _ in range(rng.integers(1, min(4, parameters(f)) + 1))]
        if name in METHODS or (name in FUNCTIONS and rng.random() < 0.5):
            args[0] = leaf(2, 3)
        if name == "Tensor.backward":
            del args[2:]  # the others are flags
        named: dict[str, Any] = {"x": args.pop()} if f is tg.label else {}  # it takes no others
        try:
            inspect.signature(f).bind(*args, **named)
        except TypeError:
            continue
        tried += 1
        with warnings.catch_warnings(), contextlib.suppress(TinygradError, MemoryError):
            warnings.simplefilter("ignore")
            after(f(*args, **named))
    assert tried


def back(y: Any) -> None:
    if isinstance(y, Tensor) and y.requires_grad and y.size:
        y.backward(np.ones(y.shape))


@pytest.mark.parametrize("name", FUNCTIONS | METHODS)
def test_a_random_call_gives_a_result_or_an_error_of_ours(name: str) -> None:
    calls((FUNCTIONS | METHODS)[name], name, back)


@pytest.mark.parametrize("f", [*OTHERS, *states().values()], ids=lambda f: f.__qualname__)
def test_so_does_one_of_modules_optimisers_and_helpers(f: Callable[..., Any]) -> None:
    calls(f, f.__qualname__)


zero_d: Any = np.array(3.0)  # Python takes it for an iterable
CALLS: list[tuple[Callable[[], Any], type[TinygradError], str]] = [
    (lambda: tg.zeros(-1), ArgumentError, r"zeros\(-1\): negative dimensions"),
    (lambda: tg.ones((2, -1)), ArgumentError, r"ones\(\(2, -1\)\)"),
    (lambda: tg.randn(-2), ArgumentError, r"randn\(-2\): negative dimensions"),
    (lambda: tg.rand(2, -2), ArgumentError, r"rand\(2, -2\)"),
    (lambda: tg.eye(-1), ArgumentError, r"eye\(-1\)"),
    (lambda: tg.full(-3, 1.0), ArgumentError, r"full\(-3, 1.0\)"),
    (lambda: tg.arange(0, 1, 0), ArgumentError, r"arange\(0, 1, 0\)"),
    (lambda: tg.arange(float("nan")), ArgumentError, r"arange\(nan\)"),
    (lambda: tg.manual_seed(-1), ArgumentError, r"manual_seed\(-1\)"),
    (lambda: tg.manual_seed("a"), DtypeError, r"manual_seed\('a'\)"),  # type: ignore[arg-type]  # on purpose
    (lambda: tg.manual_seed(2.5), DtypeError, r"manual_seed\(2.5\)"),  # type: ignore[arg-type]  # on purpose
    (lambda: tg.zeros(2.5), DtypeError, r"zeros\(2.5\)"),  # type: ignore[arg-type]  # on purpose
    (lambda: tg.rand(2, 2.0), DtypeError, r"rand\(2, 2.0\)"),  # type: ignore[arg-type]  # on purpose
    (lambda: tg.zeros("ab"), DtypeError, r"zeros\('ab'\)"),  # type: ignore[arg-type]  # on purpose
    (lambda: tg.zeros(2, dtype="nonsense"), DtypeError, r"zeros\(2, dtype='nonsense'\)"),
    (lambda: tg.set_default_dtype("nonsense"), DtypeError, r"set_default_dtype\('nonsense'\)"),
    (lambda: tg.linear(3.0, leaf(2, 3)), DtypeError, r"linear\(x \(\), W \(2, 3\)\)"),
    (lambda: tg.stack(zero_d), DtypeError, "stack takes a sequence as arrays, not a ndarray"),
    (lambda: tg.grad(leaf(), zero_d), DtypeError, "inputs of grad are .* not a ndarray"),
    (lambda: optim.SGD(zero_d, 0.1), ArgumentError, "in a fixed order, .* not as a ndarray"),
    (lambda: nn.ModuleList(zero_d), ArgumentError, "in a list or another iterable, not in a ndarray"),
    (lambda: nn.utils.pad_sequence(zero_d), DtypeError, "come in a list, not as a ndarray"),
    (lambda: func.checkpoint(3), DtypeError, r"checkpoint\(f, \*args\) takes a function as f, not a int"),  # type: ignore[arg-type]
    (lambda: nn.init.glorot(2, "a"), DtypeError, r"glorot\(2, 'a'\)"),  # type: ignore[arg-type]
    (lambda: nn.utils.lengths_to_mask([1], ()), ShapeError, r"lengths_to_mask\(\[1\], \(\)\)"),
    (lambda: optim.lr_scheduler.LambdaLR(3, lambda t: 1.0), ArgumentError, "takes an optimiser, not a int"),  # type: ignore[arg-type]
    (lambda: optim.SGD(leaf(), 0.1).add_param_group(3), ArgumentError, "a group is a dict .*, not 3"),  # type: ignore[arg-type]
    (lambda: data.Vocabulary("abc").decode([7]), PositionError, r"decode\(Vocabulary\(3 characters\), \[7\]\)"),
    (lambda: data.read_text(3), DtypeError, r"read_text\(3\): .*expected str, bytes or os.PathLike"),  # type: ignore[arg-type]
    (lambda: tg.stack(3.0), DtypeError, "stack takes a sequence as arrays, not a float"),
    (lambda: tg.index_add(leaf(2), [0], "a"), DtypeError, "numbers are expected"),
    (lambda: leaf(2, 3).argmax(9), ShapeError, r"argmax\(\(2, 3\), 9\): axis 9 is out of bounds"),
    (lambda: leaf(2, 3).astype("nonsense"), DtypeError, r"astype\(\(2, 3\), 'nonsense'\)"),
    (lambda: leaf(2) < np.ones(3), ShapeError, "could not be broadcast"),
    (lambda: bool(leaf(2)), ShapeError, "ambiguous"),
    (lambda: float(leaf(2)), ShapeError, "exactly one element"),
    (lambda: len(leaf()), DtypeError, "a tensor of no axes has no length"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "match"), CALLS)
def test_a_wrong_call_is_named(call: Callable[[], Any], error: type[TinygradError], match: str) -> None:
    with pytest.raises(error, match=match):
        call()
