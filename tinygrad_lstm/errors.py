"""Every error this package raises on purpose, below one base, each also a built-in error.

>>> issubclass(ShapeError, ValueError), issubclass(ShapeError, TinygradError)
(True, True)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeGuard, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class TinygradError(Exception):
    """The base of all errors raised by this package."""


class ShapeError(TinygradError, ValueError):
    """Shapes, axes or indices that do not fit; names the op, the shapes and the scope."""


class PositionError(ShapeError, IndexError):
    """An index, a step or an axis that does not exist, or that is no whole number."""


class ArgumentError(TinygradError, ValueError):
    """A size, a rate or an option outside its domain, e.g. a negative learning rate."""


class DtypeError(TinygradError, TypeError):
    """A dtype or a kind of value that the operation cannot take."""


class GradError(TinygradError, RuntimeError):
    """A gradient that cannot be computed: freed graph, changed value, no path."""


class CallError(TinygradError, TypeError):
    """A call with an argument that the function does not have, or without one that it needs."""


class ForeignNameError(TinygradError, AttributeError):
    """A name that PyTorch, NumPy, Keras or JAX have: the error says what it is called here, or that it is not here."""


class AnomalyError(GradError):
    """The first NaN or inf, which ``detect_anomaly`` reports where it was made."""


class GradcheckError(TinygradError, AssertionError):
    """A gradient that finite differences do not confirm."""


class UnsupportedError(TinygradError, TypeError):
    """A NumPy function or an in-place write that has no derivative here."""


class WeightsError(TinygradError, ValueError):
    """A weights file or a state_dict that does not fit."""


class MirrorError(WeightsError):
    """A mirrored module whose numbers are not those of the module it mirrors."""


class MissingInitError(TinygradError, RuntimeError, AttributeError):
    """A module without what an ``__init__`` would have set, because nothing called ``super().__init__()``."""


class MissingExtraError(TinygradError, ImportError):
    """A package that only an extra brings is not there; says what to install."""


class RankError(TinygradError, RuntimeError):
    """Processes that train together and disagree, or do not make the same calls; says which rank, and in what."""


class UnknownClaimError(TinygradError, KeyError):
    """An id of a claim that the lab does not have; names those like it."""

    __str__ = Exception.__str__  # KeyError would put the sentence into quotes


class UnknownExerciseError(TinygradError, KeyError):
    """An id of an exercise or a chapter that the course does not have; names those that are there."""

    __str__ = Exception.__str__  # as above


class TextError(TinygradError, ValueError):
    """A text that cannot be used: missing, empty, binary, too short, or with unknown characters."""


# What Python and NumPy raise for an argument that does not fit
PYTHON_ERRORS = (ValueError, IndexError, KeyError, OverflowError, ZeroDivisionError, TypeError, AttributeError)


def kind_of(error: Exception, wrong: type[TinygradError]) -> type[TinygradError]:
    """This package's class for an error of Python or NumPy: for a wrong type, a wrong index, or else ``wrong``.

    >>> [kind_of(error, ArgumentError).__name__ for error in (TypeError(), IndexError(), ValueError())]
    ['DtypeError', 'PositionError', 'ArgumentError']
    """
    if isinstance(error, IndexError):  # NumPy's AxisError too
        return PositionError
    return DtypeError if isinstance(error, TypeError | AttributeError) else wrong


def translate(error: Exception, call: str, wrong: type[TinygradError] = ArgumentError) -> TinygradError:
    """An error of Python or NumPy as one of this package, which names the call."""
    return kind_of(error, wrong)(f"{call}: {error}")


def wrong_call(error: TypeError, given: Iterable[str], function: Callable[..., Any]) -> CallError:
    """The error for a call that does not fit a function, with what the names given are called here."""
    from tinygrad_lstm.foreign import explain_arguments  # only now: a call that fits needs none of it

    said = explain_arguments(given, inspect.signature(function).parameters)
    return CallError(f"{error}: {said}" if said else str(error))


def is_wrong_call(error: Exception) -> TypeGuard[TypeError]:
    """Whether an error, caught around a call, says that the arguments do not fit: nothing of the function has run."""
    return isinstance(error, TypeError) and error.__traceback__ is not None and error.__traceback__.tb_next is None


def check_call(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function: a call that does not fit it is a CallError, which knows the names of others.

    >>> @check_call
    ... def total(x, axis=None):
    ...     return x
    >>> total(3, dim=1)
    Traceback (most recent call last):
    tinygrad_lstm.errors.CallError: total() got an unexpected keyword argument 'dim': dim is called axis here
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if not is_wrong_call(error):
                raise
            raise wrong_call(error, kwargs, function) from None

    return run


def public(
    wrong: type[TinygradError] = ArgumentError,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a public function: an error of Python or NumPy becomes one of this package, which names the call.

    >>> @public()
    ... def halves(n):
    ...     return [0.0] * (n // 2)
    >>> halves("two")
    Traceback (most recent call last):
    tinygrad_lstm.errors.DtypeError: halves('two'): unsupported operand type(s) for //: 'str' and 'int'
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TinygradError:
                raise
            except PYTHON_ERRORS as error:
                if is_wrong_call(error):
                    raise wrong_call(error, kwargs, function) from None
                given = [*map(abbreviate, args), *(f"{name}={abbreviate(value)}" for name, value in kwargs.items())]
                raise translate(error, f"{function.__name__}({', '.join(given)})", wrong) from error

        return run

    return decorate


def abbreviate(value: Any) -> str:
    """An argument in an error: an array by its shape, a list of arrays by theirs, a short value as it is."""
    if isinstance(value, list | tuple) and any(hasattr(part, "shape") for part in value):
        return f"[{', '.join(map(abbreviate, value))}]"
    if hasattr(value, "shape"):
        return str(value.shape)
    return text if len(text := repr(value)) < 60 else f"a {type(value).__name__}"
