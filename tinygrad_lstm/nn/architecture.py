"""What a module is, in plain words and numbers, so that a file can say it and the module can be made again from it.

    {"class": "Linear", "options": {"in_features": 3, "out_features": 2, "bias": True}}

The class is one of this package, and the options are what its ``__init__`` takes: but for those that only say where
weights start, since the weights come from the file. So to make a module again runs no code of a file, and every option
is checked as usual.
"""

from __future__ import annotations

import inspect
import math
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.nonlinear import relu
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.nn.attention import MultiheadAttention, TransformerBlock
from tinygrad_lstm.nn.cells import Gates, RNNCell
from tinygrad_lstm.nn.layers import Dropout, Embedding
from tinygrad_lstm.nn.lists import ModuleList, Sequential
from tinygrad_lstm.nn.lstm_variants import CandidateDropoutLSTMCell
from tinygrad_lstm.nn.module import Module, Parameter
from tinygrad_lstm.nn.recurrent import Recurrent
from tinygrad_lstm.nn.separate import SeparateLSTMCell
from tinygrad_lstm.nn.wrappers import Zoneout

Description: TypeAlias = dict[str, Any]
STARTS = ("init", "forget_bias", "dtype")  # options that say where weights start
PLAIN = (bool, int, float, str, type(None))


class UnknownError(Exception):
    """Ends the description of a module that cannot be described: it has a part or an option of the user's own."""


def architecture(module: Module) -> dict[str, Description]:
    """The description of a module under "", or, of a module of the user's own, those of its parts by their names.

    A module whose weights are shared among its parts is described by those parts that have all of theirs. One that is
    nested too deep for Python to go through has none.

    >>> from tinygrad_lstm import nn
    >>> architecture(nn.Linear(3, 2))
    {'': {'class': 'Linear', 'options': {'in_features': 3, 'out_features': 2, 'bias': True}}}
    >>> class Model(nn.Module):
    ...     def __init__(self):
    ...         self.encoder, self.head = nn.LSTM(3, 5), nn.Linear(5, 2)
    >>> [(name, found["class"]) for name, found in architecture(Model()).items()]
    [('encoder', 'LSTM'), ('head', 'Linear')]
    """
    named = {name for name, _ in module.named_parameters()}
    found: dict[str, Description] = {}
    waiting, seen = [("", module)], set[int]()
    while waiting:
        name, part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        try:
            described = describe(part)
            if not named.issuperset(_names(part, f"{name}." if name else "")):
                raise UnknownError
            found[name] = described
        except RecursionError:
            return {}
        except UnknownError:
            waiting += reversed([(f"{name}.{own}" if name else own, inner) for own, inner in part.children()])
    return found


def build(description: Any, weights: Mapping[str, np.ndarray]) -> Module:
    """The module that is described, with these weights, in their dtype; WeightsError where they do not fit.

    >>> from tinygrad_lstm import nn
    >>> lstm = nn.LSTM(3, 5, 2, bidirectional=True)
    >>> again = build(describe(lstm), lstm.state_dict())
    >>> repr(again) == repr(lstm)
    True
    """
    described, given = _elements(description), sum(array.size for array in weights.values())
    if described > given:  # a file may say anything: found out before the memory is taken
        raise WeightsError(f"a module of {described:,} numbers or more is described, and there are {given:,}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # who made it was warned
        module = _make(description)
    dtypes = {array.dtype for array in weights.values() if array.dtype.kind == "f"}
    if dtypes:
        module.astype(np.result_type(*dtypes))
    module.load_state_dict(weights)
    return module


def describe(module: Module) -> Description:
    """Its class and options; UnknownError for a module that has something of the user's own."""
    name = type(module).__name__
    if classes().get(name) is not type(module):
        raise UnknownError
    return {"class": name, "options": {key: _plain(value) for key, value in options_of(module).items()}}


def classes() -> dict[str, type[Module]]:
    """The modules of this package, by name."""
    waiting, found = list[type[Module]](Module.__subclasses__()), dict[str, type[Module]]()
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith(f"{__package__}.") and hasattr(sys.modules[kind.__module__], kind.__name__):
            found[kind.__name__] = kind
    return found


@singledispatch
def options_of(module: Module) -> dict[str, Any]:
    """The options of its ``__init__``, each the attribute of the same name, ``bias`` whether there is a b."""
    options = {}
    for name in inspect.signature(type(module)).parameters:
        if name == "bias":
            options[name] = any(getattr(module, b, None) is not None for b in ("b", "b_f"))
        elif name not in STARTS:
            if not hasattr(module, name):
                raise UnknownError
            options[name] = getattr(module, name)
    return options


@options_of.register
def _(module: Recurrent) -> dict[str, Any]:
    """The cells are described one by one, so nothing of what made them is needed."""
    drops = module.dropout.p if type(module.dropout) is Dropout else module.dropout
    return {
        "input_size": module.input_size, "hidden_size": module.hidden_size, "num_layers": module.num_layers,
        "batch_first": module.batch_first, "dropout": drops, "reverse": module.directions == (True,),
        "bidirectional": len(module.directions) > 1 and module.merge, "fused": module.fused,
        "checkpoint": module.checkpoint, "cell": list(module.layers),
    }  # fmt: skip


@options_of.register
def _(module: RNNCell) -> dict[str, Any]:
    return _of_cell(module) | {"nonlinearity": "relu" if module.nonlinearity is relu else "tanh"}


@options_of.register
def _(module: CandidateDropoutLSTMCell) -> dict[str, Any]:
    return _of_cell(module) | {"p": module.dropout.p}


@options_of.register
def _(module: Embedding) -> dict[str, Any]:
    rows, width = module.weight.shape
    return {"num_embeddings": rows, "embedding_dim": width, "padding_idx": module.padding_idx}


@options_of.register
def _(module: Zoneout) -> dict[str, Any]:
    return {"cell": module.cell, **module.p}


@options_of.register
def _(module: MultiheadAttention) -> dict[str, Any]:
    given = {"embed_dim": module.embed_dim, "num_heads": module.num_heads, "dropout": module.dropout.p}
    return given | {"bias": module.out.b is not None}


@options_of.register
def _(module: TransformerBlock) -> dict[str, Any]:
    inside = {key: value for key, value in options_of(module.attention).items() if key != "bias"}
    return inside | {"hidden": module.up.out_features, "norm_first": module.norm_first}


@options_of.register(ModuleList)
def _(module: ModuleList[Any]) -> dict[str, Any]:
    return {"modules": list(module)}


def _of_cell(cell: Gates) -> dict[str, Any]:
    return {"input_size": cell.input_size, "hidden_size": cell.hidden_size, "bias": cell.b is not None}


def _plain(value: Any) -> Any:
    """An option as JSON has it: of a module, its description."""
    if isinstance(value, Module):
        return describe(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, PLAIN):
        raise UnknownError
    return value


def _make(description: Any) -> Module:
    """The module, its weights fresh ones."""
    match description:
        case {"class": str(name), "options": dict(given)} if name in classes():
            kind = classes()[name]
        case _:
            raise WeightsError(f"no module of this package is described by {str(description)[:80]}")
    options = {key: _made(value) for key, value in given.items()}
    if issubclass(kind, Recurrent):
        cells = iter(options["cell"])
        options["cell"] = lambda D, H, **_: next(cells)
    parts = options.pop("modules", ()) if issubclass(kind, Sequential) else ()
    return kind(*parts, **options)


SIZES = ("input_size", "hidden_size", "in_features", "out_features", "num_embeddings", "embedding_dim", "features")


def _elements(description: Any) -> int:
    """How many numbers the weights have at least, by the sizes that are described: of each part the product of two."""
    if isinstance(description, list):
        return sum(map(_elements, description))
    match description:
        case {"class": str(name), "options": dict(options)} if name in classes():
            inside = sum(map(_elements, options.values()))
            sizes = [size for name in SIZES if type(size := options.get(name)) is int]
            if issubclass(classes()[name], Recurrent) or not sizes:
                width = options.get("embed_dim")
                return inside + (width * max(width, options.get("hidden", 0)) if type(width) is int else 0)
            square = issubclass(classes()[name], Gates | SeparateLSTMCell) and "proj_size" not in options
            return inside + max(math.prod(sizes), sizes[-1] ** 2 if square else 0)
    return 0


def _made(value: Any) -> Any:
    """An option, where it is a module or has some made from its description."""
    if isinstance(value, dict):
        return _make(value)
    return [_made(part) for part in value] if isinstance(value, list) else value


def _names(module: Module, prefix: str) -> Iterator[str]:
    """The names of all its parameters; of a shared one, each of its names."""
    for name, part in module._parts():
        if isinstance(part, Parameter):
            yield prefix + name
        else:
            yield from _names(part, f"{prefix}{name}.")
