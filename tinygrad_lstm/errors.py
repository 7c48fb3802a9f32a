"""Every error this package raises on purpose, below one base, each also a built-in error.

>>> issubclass(ShapeError, ValueError), issubclass(ShapeError, TinygradError)
(True, True)
"""

from __future__ import annotations


class TinygradError(Exception):
    """The base of all errors raised by this package."""


class ShapeError(TinygradError, ValueError):
    """Shapes, axes or indices that do not fit; names the op, the shapes and the scope."""


class ArgumentError(TinygradError, ValueError):
    """A size, a rate or an option outside what is meant, e.g. a negative learning rate."""


class DtypeError(TinygradError, TypeError):
    """A dtype or a kind of value that the operation cannot take."""


class GradError(TinygradError, RuntimeError):
    """A gradient that cannot be computed: freed graph, changed value, no path."""


class AnomalyError(GradError):
    """The first NaN or inf, told by ``detect_anomaly`` where it was made."""


class GradcheckError(TinygradError, AssertionError):
    """A gradient that finite differences do not confirm."""


class UnsupportedError(TinygradError, TypeError):
    """A NumPy function or an in-place write that has no derivative here."""


class WeightsError(TinygradError, ValueError):
    """A weights file or a state_dict that does not fit."""


class MissingInitError(TinygradError, RuntimeError, AttributeError):
    """A module without what an ``__init__`` would have set, because nothing called ``super().__init__()``."""


class MissingExtraError(TinygradError, ImportError):
    """A package that only an extra brings is not there; says what to install."""


class TextError(TinygradError, ValueError):
    """A text that cannot be used: missing, empty, binary, too short, or with unknown characters."""
