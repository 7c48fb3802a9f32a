"""The answer to a name that is not there: in one line, what it is called here and where."""

from __future__ import annotations

import importlib
import re
import sys

import numpy as np

from tinygrad_lstm.engine.absent import NAMES
from tinygrad_lstm.errors import ForeignNameError
from tinygrad_lstm.foreign.names import FUNCTIONS, IN_PLACE, KINDS, METHODS, PLACES

LOOK = ("tg", "nn", "nn.functional", "nn.utils", "nn.init", "optim", "optim.lr_scheduler", "tg.func", "tg.losses")


def not_found(place: str, name: str, owner: str) -> AttributeError:
    """The error for a name that is not there: ForeignNameError where there is an answer, else in Python's words."""
    said = "" if name.startswith("_") else answer(place, name)
    return ForeignNameError(said) if said else AttributeError(f"{owner} has no attribute {name!r}")


def answer(place: str, name: str) -> str:
    """What a foreign name of this place is called here, in one line; '' where nothing is known of it.

    >>> print(answer("tg", "cat"), answer("x", "unsqueeze"), answer("nn", "Conv2d"), sep="\\n")
    tg.cat is tg.concatenate here
    x.unsqueeze is tg.expand_dims here
    nn.Conv2d: there are no convolutions here; the layers are recurrent, e.g. nn.LSTM
    """
    text = PLACES[place].get(name) or _elsewhere(place, name)
    if text.endswith("."):
        return f"{place}.{name}: {text[:-1]}"
    return f"{place}.{name} is {text} here" if text else ""


def _elsewhere(place: str, name: str) -> str:
    """The same for a name that another place has."""
    if place == "module":
        return ""
    if place == "x" and name in FUNCTIONS:
        return FUNCTIONS[name]
    for other in ("tg",) if place == "x" else LOOK:
        if other != place and _has(other, name):
            return f"{other}.{name}" + "(x)" * (place == "x")
    if place in ("tg", "nn") and (text := next((PLACES[of][name] for of in LOOK[2:7] if name in PLACES[of]), "")):
        return text
    if place in ("tg", "nn.functional") and (text := _of_arrays(name)):
        return text
    if place in ("nn", "nn.functional") and (text := next((KINDS[k] for k in KINDS if re.search(k, name, re.I)), "")):
        return text
    if name.endswith("_") and (ours := _of_arrays(name[:-1])):
        return f"{IN_PLACE[:-1]}; a new one comes from {ours}."
    if place == "x" and hasattr(np.ndarray, name):
        return f"x.data.{name}"
    return _numpys(name) if place in ("tg", "x") else ""


def _of_arrays(name: str) -> str:
    """What a function or method of arrays is called here."""
    tensor = sys.modules["tinygrad_lstm"].Tensor
    here = "x" if name not in NAMES and hasattr(tensor, name) else "tg" if _has("tg", name) else ""
    return METHODS.get(name) or FUNCTIONS.get(name) or (f"{here}.{name}" if here else "")


def _has(place: str, name: str) -> bool:
    """Whether a package offers something under this name; one that is not loaded yet is asked for classes only."""
    path = "tinygrad_lstm" + f".{place.removeprefix('tg.')}" * (place != "tg")
    if path not in sys.modules and not name[:1].isupper():
        return False
    module = importlib.import_module(path)
    return name in getattr(module, "__all__", ()) or getattr(vars(module).get(name), "__module__", "") == path


def _numpys(name: str) -> str:
    """NumPy's function or constant of this name: many take tensors as they are."""
    from tinygrad_lstm.engine.numpy_protocol import PLAIN
    from tinygrad_lstm.engine.ops.primitive import Primitive

    if name not in vars(np):
        return ""
    found = vars(np)[name]
    if isinstance(found, type) or not callable(found):
        return f"np.{name}"
    own = Primitive.by_numpy.get(found)
    if own is not None:
        return f"tg.{own.__name__}" if _has("tg", own.__name__) else f"np.{name}(x)"
    return f"np.{name}, which takes tensors," if found in PLAIN else f"np.{name}, for arrays without a gradient,"
