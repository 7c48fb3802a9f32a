"""Wrong arguments of every module, and of every call of one: an error of ours that says what was expected."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, TinygradError, UnsupportedError
from tinygrad_lstm.nn.options import DOMAINS, SIZES

NAN, INF = float("nan"), float("inf")
T, B, D, H = 5, 2, 3, 4


class Thing:
    """No number, no array, no module."""


# Constructors --------------------------------------------------------------------------------------------------------

WRONG: dict[str, list[Any]] = {
    "size": [-1, 0, 2.5, "3", True, NAN, INF, None, [3], np.float64(3), 1j, np.array([3]), Thing()],
    "probability": [-0.1, 1.0, 1.5, NAN, INF, "0.5", True, None, [0.5], 1j, np.array([0.5, 0.5])],
    "flag": ["no", 2, None, [True], NAN, np.ones(2, bool)],
    "number": [NAN, INF, "1", None, True, [1.0], 1j, Thing()],
}
KINDS = {
    **dict.fromkeys(SIZES, "size"),
    **dict.fromkeys(("bias", "batch_first", "reverse", "fused", "norm_first"), "flag"),
    **dict.fromkeys(("p", "dropout"), "probability"),
    "eps": "number",
}
PARTICULAR: dict[str, list[Any]] = {
    "nonlinearity": ["sin", None, 3, ["tanh"]],
    "gate": ["sin", None, 3, ["tanh"], tg.tanh],
    "candidate": ["sin", None, 3, ["tanh"], tg.tanh],
    "bidirectional": ["both", 2, None, [1], NAN],
    "proj_size": [-1, 2.5, "3", True, NAN, H, H + 1, [2], None],
    "padding_idx": [D, -D - 1, 1.0, "1", True, NAN, [1], Thing()],
    "clip": [0, -1, NAN, "1", None, True, [1.0], 1j],
    "cell": ["LSTM", 3, nn.LSTMCell(D, H), nn.Linear, lambda D, H: 3, nn.LSTM],
    "names": ["V", ("V",), 3, None, (3,), "U", ()],
    "forget_bias": [NAN, INF, "1", True, [1.0], 1j, Thing()],
    "init": ["xavier", 3, True, ["uniform"], nn.init.chrono, nn.init.Scheme, NAN],
    "dtype": [int, "x", complex, object, 3, bool],
    "checkpoint": [0, -1, 2.5, "yes", None, NAN, [3], np.array([3])],
    "hidden": [-1, 0, 2.5, "3", True, NAN, [3]],
    "function": [None, 3, "tanh", nn.Tanh, nn.Tanh(), np.float32, nn.Linear(1, 1).forward, [tg.tanh]],
    "weight": ["a", ["a"], {}, Thing(), [[1.0], [1.0, 2.0]], 1j],
    "pos_weight": ["a", ["a"], {}, Thing(), [[1.0], [1.0, 2.0]], 1j],
    "reduction": ["avg", None, True, 3, ["mean"], np.ones(2)],
    "ignore_index": [1.5, "1", None, True, NAN, [1]],
    "label_smoothing": [-0.1, 1.5, NAN, "0.1", None, True],
    "delta": [0, -1.0, NAN, "1", None, True],
    "beta": [0, -1.0, NAN, "1", None, True],
    "log_target": ["yes", 1, None],
    "axis": [1.5, "0", None, True, [0]],
    "start_axis": [1.5, "0", None, True, [0]],
    "end_axis": [1.5, "0", None, True, [0]],
    "layer": [None, 3, "x", nn.LSTM],
    "modules": [3, None, [3], [None], nn.Linear(1, 1), {"a": nn.Linear(1, 1)}, {nn.Linear(1, 1)}, [nn.Linear]],
    "eps": [-1e-9],
}
GOOD: dict[str, Any] = {
    "input_size": D, "hidden_size": H, "num_layers": 2, "in_features": D, "out_features": H, "num_embeddings": D,
    "embedding_dim": H, "features": D, "gates": 2, "clip": 1.0, "proj_size": 2, "layer": nn.LSTM(D, H), "modules": (),
    "function": tg.tanh, "embed_dim": D, "num_heads": 1,
}  # fmt: skip
CLASSES = [value for _, value in inspect.getmembers(nn, inspect.isclass) if issubclass(value, nn.Module)]


def arguments_of(kind: type[nn.Module]) -> dict[str, Any]:
    """All parameters of a class, those of the class whose options it passes on included, with good values."""
    found: dict[str, Any] = {}
    for one in kind.__mro__:
        if "__init__" not in vars(one) or not issubclass(one, nn.Module):
            continue
        parameters = list(inspect.signature(one.__init__).parameters.values())[1:]
        for p in parameters:
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and (p.name not in found):
                found[p.name] = GOOD.get(p.name) if p.default is p.empty else p.default
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    if issubclass(kind, nn.wrappers.CellWrapper):
        found["cell"] = nn.LSTMCell(D, H)
    elif kind is nn.Recurrent:
        found["cell"] = nn.LSTMCell
    return found


def wrong_calls() -> Iterator[Any]:
    for kind in CLASSES:
        if kind in (nn.Module, nn.Sequential):
            continue
        for name in arguments_of(kind):
            wrong = [*WRONG.get(KINDS.get(name, ""), []), *PARTICULAR.get(name, [])]
            if name == "cell" and issubclass(kind, nn.wrappers.CellWrapper):
                wrong = [None, 3, "x", nn.Linear(2, 2), nn.LSTM(D, H), nn.LSTMCell]
            for value in wrong:
                yield pytest.param(kind, name, value, id=f"{kind.__name__}-{name}-{type(value).__name__}")


@pytest.mark.parametrize(("kind", "name", "value"), list(wrong_calls()))
def test_a_wrong_argument_is_refused(kind: Any, name: str, value: Any) -> None:
    arguments = arguments_of(kind)
    kind(**arguments)
    with pytest.raises(TinygradError) as error:
        kind(**arguments | {name: value})
    assert isinstance(error.value, ArgumentError | DtypeError)
    said = str(error.value)
    assert (
        "sizes" in said
        if name in SIZES
        else name.removesuffix("s") in said or name in ("modules", "cell", "names", "function")
    )


def test_every_option_has_a_wrong_value_here() -> None:
    asked = {name for kind in CLASSES for name in arguments_of(kind)}
    assert asked - KINDS.keys() - PARTICULAR.keys() == set()
    of_functions = {"loss_of", "max_norm", "norm_type", "error_if_nonfinite", "clip_value", "padding_value", "eta"}
    of_functions |= {"gamma", "step"}
    assert (SIZES | DOMAINS.keys()) - of_functions <= asked


@pytest.mark.parametrize("value", WRONG["probability"])
def test_zoneout_takes_probabilities_of_the_states_it_has(value: Any) -> None:
    cell = nn.LSTMCell(D, H)
    if not (isinstance(value, float) and value == 1):
        with pytest.raises(ArgumentError, match="c is the probability of staying as it was, 0 <= p <= 1"):
            nn.Zoneout(cell, c=value)
    nn.Zoneout(cell, c=1.0, h=0)
    with pytest.raises(ArgumentError, match="no state z"):
        nn.Zoneout(cell, z=0.5)


def test_numbers_of_numpy_are_numbers() -> None:
    net = nn.LSTM(np.int64(D), np.int32(H), bias=np.bool_(True), proj_size=np.int8(2))  # type: ignore[arg-type]  # the point
    assert net(tg.ones(T, B, D))[0].shape == (T, B, 2)
    nn.Dropout(np.float32(0.5))  # type: ignore[arg-type]  # likewise
    nn.LayerNorm(D, eps=0)
    nn.ClippedLSTMCell(D, H, clip=INF)


def test_a_module_without_a_forward_says_so() -> None:
    for call, what in ((nn.Module(), "forward"), (nn.LinearCell(D, H), "coefficients"), (nn.Cell(D, H), "forward")):
        with pytest.raises(UnsupportedError, match=f"has no {what}"):
            call(tg.ones(B, D))


def test_a_call_that_python_refuses_is_pythons_error() -> None:
    with pytest.raises(TypeError, match="'hidden_size'"):
        nn.LSTM(D)  # type: ignore[call-arg]  # the point
    with pytest.raises(TypeError, match="unexpected keyword argument 'hiden'"):
        nn.GRUCell(D, hiden=3)  # type: ignore[call-arg]  # the point


# Calls ---------------------------------------------------------------------------------------------------------------

INPUTS: dict[str, Any] = {
    "None": None, "text": "abc", "dict": {}, "thing": Thing(), "ragged": [[1], [1, 2]], "words": ["a"],
    "complex": np.ones((T, B, D), complex), "objects": np.full((T, B, D), None), "letters": np.full((T, B, D), "a"),
    "dates": np.zeros((T, B, D), "M8[s]"), "wide": np.ones((T, B, D + 1)), "tensors": [tg.ones(B, D)] * T,
    "no width": np.ones((T, B, 0)), "set": {1, 2}, "bytes": b"abc", "module": nn.Linear(1, 1), "class": np.ndarray,
}  # fmt: skip
RUNS: dict[str, Callable[[Any], Any]] = {
    "Linear": nn.Linear(D, H),
    "LayerNorm": nn.LayerNorm(D),
    "Dropout": nn.Dropout(),
    "Dropout.eval": nn.Dropout().eval(),
    "LockedDropout": nn.LockedDropout(),
    "Sequential": nn.Sequential(nn.Linear(D, H)),
    "LSTMCell": nn.LSTMCell(D, H),
    "GRUCell": nn.GRUCell(D, H),
    "MinGRUCell": nn.MinGRUCell(D, H),
    "Zoneout": nn.Zoneout(nn.LSTMCell(D, H), h=0.5),
    "WeightDrop": nn.WeightDrop(nn.LSTMCell(D, H)),
    "LSTM": nn.LSTM(D, H),
    "GRU fused": nn.GRU(D, H, fused=True),
    "MinLSTM": nn.MinLSTM(D, H),
    "batch first": nn.LSTM(D, H, batch_first=True),
    "Residual": nn.Residual(nn.LSTM(D, D)),
    "Stateful": nn.Stateful(nn.LSTM(D, H)),
    "unroll": lambda x: nn.unroll(nn.LSTMCell(D, H), x),
    "layer.unroll": nn.LSTM(D, H).unroll,
    "truncated_bptt": lambda x: list(nn.truncated_bptt(nn.LSTM(D, H), x, lambda y, _: y.sum(), k1=2)),
}


ANY_WIDTH = [(run, x) for run in RUNS if "Dropout" in run for x in ("wide", "no width")]


@pytest.mark.parametrize(("run", "x"), [(run, x) for run in RUNS for x in INPUTS if (run, x) not in ANY_WIDTH])
def test_a_wrong_input_is_refused(run: str, x: str) -> None:
    with pytest.raises(TinygradError):
        RUNS[run](INPUTS[x])


@pytest.mark.parametrize(("run", "x"), ANY_WIDTH)
def test_dropout_takes_any_width(run: str, x: str) -> None:
    assert RUNS[run](INPUTS[x]).shape == INPUTS[x].shape


@pytest.mark.parametrize(
    "indices", ["a", None, {}, [[1], [2, 3]], [0.5], [True], [D], [-1], Thing(), np.ones(2, complex)]
)
def test_wrong_indices_are_refused(indices: Any) -> None:
    with pytest.raises(TinygradError):
        nn.Embedding(D, H)(indices)


def test_a_mask_for_all_steps_needs_steps() -> None:
    with pytest.raises(TinygradError, match=r"of a sequence, \(T, B, D\) or \(T, D\), not \(3,\)"):
        nn.LockedDropout()(tg.ones(3))


def two(*shape: int, dtype: Any = np.float32) -> tuple[Any, Any]:
    return np.ones(shape, dtype), np.ones(shape, dtype)


STATES: dict[str, Any] = {
    "text": "abc", "dict": {}, "thing": Thing(), "number": 3, "h alone": (np.ones((1, B, H)),), "h": np.ones((1, B, H)),
    "h and None": (np.ones((1, B, H)), None), "Nones": (None, None), "empty": (), "empty list": [],
    "three": (*two(1, B, H), np.ones((1, B, H))), "no layers": two(B, H), "wide": two(1, B, H + 1),
    "more rows": two(1, B + 1, H), "complex": two(1, B, H, dtype=complex), "words": ("a", "b"), "set": {1},
    "ragged": ([[1], [1, 2]], [[1]]), "nested": (two(1, B, H), None), "generator": (k for k in two(1, B, H)),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("options", [{}, {"fused": True}, {"batch_first": True}], ids=str)
def test_a_wrong_state_is_refused(options: dict[str, Any], state: str) -> None:
    x = tg.ones(B, T, D) if "batch_first" in options else tg.ones(T, B, D)
    with pytest.raises(TinygradError):
        nn.LSTM(D, H, **options)(x, STATES[state])
    if state not in ("no layers", "h"):
        with pytest.raises(TinygradError):
            nn.LSTMCell(D, H)(x[0], STATES[state])


def test_a_stateful_layer_keeps_its_state_itself() -> None:
    stateful = nn.Stateful(nn.LSTM(D, H))
    with pytest.raises(ArgumentError, match=r"keeps the state itself: set its \.state"):
        stateful(tg.ones(T, B, D), state=two(1, B, H))
    for state in (3, "x", (1,), Thing()):
        stateful.state = state
        with pytest.raises(TinygradError):
            stateful(tg.ones(T, B, D))


STEPS: dict[str, Any] = {
    "text": "abc", "half": [1.5, 2], "NaN": [NAN, 1], "negative": [-1, 2], "too long": [T + 1, 2], "short": [3],
    "nested": [[3, 2]], "None": [None, 2], "bools": [True, False], "words": ["1", "2"], "complex": [1j, 2], "dict": {},
    "number": 3, "infinite": [INF, 1], "ragged": [[1], [2, 3]], "thing": Thing(),
}  # fmt: skip


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("options", [{}, {"fused": True}, {"batch_first": True}], ids=str)
def test_wrong_lengths_and_masks_are_refused(options: dict[str, Any], steps: str) -> None:
    layer, x = nn.LSTM(D, H, **options), tg.ones(B, T, D) if "batch_first" in options else tg.ones(T, B, D)
    for valid in ({"lengths": STEPS[steps]}, {"mask": STEPS[steps]}):
        with pytest.raises(TinygradError):
            layer(x, **valid)
    for call in (nn.utils.pack_padded_sequence, lambda x, lengths: nn.utils.lengths_to_mask(lengths, (T, B))):
        with pytest.raises(TinygradError):
            call(tg.ones(T, B, D), STEPS[steps])


@pytest.mark.parametrize("outside", [None, 3, "x", ["zero"], np.array(["zero", "raw"])])
@pytest.mark.parametrize("fused", [False, True])
def test_a_wrong_outside_is_refused(outside: Any, fused: bool) -> None:
    with pytest.raises(ArgumentError, match="outside is one of 'zero', 'repeat', 'raw'"):
        nn.LSTM(D, H, fused=fused)(tg.ones(T, B, D), lengths=[5, 2], outside=outside)


# Functions beside modules --------------------------------------------------------------------------------------------

w = nn.Parameter([3.0, 4.0])
x = np.ones((T, B, D), np.float32)
NO_TENSORS = [None, [], (), 3, "ab", [None], [np.ones(2)], nn.Linear(1, 1)]
NO_SIZE = [NAN, "1", None, True, [1.0], 1j, Thing()]
FUNCTIONS: list[tuple[Callable[[Any], Any], list[Any]]] = [
    (lambda v: nn.utils.clip_grad_norm_([w], v), [-1, *NO_SIZE]),
    (lambda v: nn.utils.clip_grad_norm_([w], 1.0, v), [-1, 0, -INF, False, *NO_SIZE]),
    (lambda v: nn.utils.clip_grad_norm_([w], 1.0, 2.0, v), ["yes", 1, None]),
    (lambda v: nn.utils.clip_grad_value_([w], v), [-1, *NO_SIZE]),
    (lambda v: nn.utils.add_grad_noise_([w], v, 0.5, 1), [-1, INF, *NO_SIZE]),
    (lambda v: nn.utils.add_grad_noise_([w], 0.5, v, 1), [INF, *NO_SIZE]),
    (lambda v: nn.utils.add_grad_noise_([w], 0.5, 0.5, v), [-1, INF, *NO_SIZE]),
    (lambda v: nn.utils.clip_grad_norm_(v, 1.0), NO_TENSORS),
    (lambda v: nn.utils.clip_grad_value_(v, 1.0), NO_TENSORS),
    (lambda v: nn.utils.add_grad_noise_(v, 1.0, 1.0, 1), NO_TENSORS),
    (lambda v: nn.utils.pad_sequence(v), [None, 3, Thing(), [], [3.0], "ab", [np.ones(2), np.ones((2, 2))]]),
    (lambda v: nn.utils.pad_packed_sequence(v), [None, 3, "abc", x, (x, [2, 2]), Thing()]),
    (lambda v: nn.unroll(v, x), [None, 3, nn.Linear(2, 2), nn.LSTM(D, H), nn.LSTMCell]),
    (lambda v: nn.truncated_bptt(nn.LSTM(D, H), x, len, k1=v), [0, -1, 2.5, "a", True, NAN, None, [1]]),  # type: ignore[arg-type]
    (lambda v: nn.truncated_bptt(nn.LSTM(D, H), x, len, k1=2, k2=v), [1, 2.5, "a", True, NAN, [3]]),  # type: ignore[arg-type]
    (lambda v: nn.truncated_bptt(v, x, len, k1=2), [None, 3, nn.LSTM, nn.LSTM(D, H, bidirectional=True)]),  # type: ignore[arg-type]
    (lambda v: nn.truncated_bptt(nn.LSTM(D, H), x, v, k1=2), [None, 3, "x"]),
    (lambda v: nn.linear_scan(v, tg.ones(3)), [1, None, "a", np.ones(3), [1.0] * 3, tg.ones(4)]),
    (lambda v: nn.linear_scan(tg.ones(3), v), [1, None, "a", np.ones(3), [1.0] * 3, tg.ones(4)]),
    (
        lambda v: nn.Linear(2, 2).load_state_dict(v),
        [3, "a", None, [1], {"W": [[1], [2, 3]]}, {"W": None}, {"W": Thing()}],
    ),
    (lambda v: nn.Linear(2, 2).astype(v), ["x", None, int, complex, "U", 3, object]),
    (lambda v: nn.Linear(2, 2).train(v), [0, 1, "x", None]),
    (nn.Parameter, ["x", None, {}, [[1], [1, 2]], np.ones(2, int), Thing()]),
]


@pytest.mark.parametrize(("call", "values"), FUNCTIONS)
def test_a_wrong_argument_of_a_function_is_refused(call: Any, values: list[Any]) -> None:
    w.grad = tg.tensor([3.0, 4.0])
    for value in values:
        with pytest.raises(TinygradError):
            call(value)
    assert w.grad.tolist() == [3.0, 4.0]


def test_reset_takes_a_bool_for_each_row() -> None:
    for rows in (3, "a", [1, 0], [True], np.ones((2, 2), bool), [[True], [True, False]]):
        stateful = nn.Stateful(nn.LSTM(D, H))
        stateful(x)
        with pytest.raises(TinygradError):
            stateful.reset_state(rows)
