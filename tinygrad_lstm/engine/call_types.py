"""The types of a call of an op, for type checkers alone: where its forward takes an array, a call takes a Tensor.

No type says "these parameters, but Tensors": so the arrays that come first are replaced one by one, and the names and
types of the options stay. After two or three arrays, the options are given by name, and their names are not checked.
The ops do not import Tensor. Where a type checker needs the name, they have it from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.tensor import Tensor as Tensor

Q = ParamSpec("Q")
R = TypeVar("R")
Given: TypeAlias = Tensor | np.ndarray | np.generic | float | list[Any]  # what an op makes an array of
One: TypeAlias = Primitive[Concatenate[np.ndarray, Q], R]
Two: TypeAlias = Primitive[Concatenate[np.ndarray, np.ndarray, ...], R]  # with Q, mypy would take two for an op of one
Three: TypeAlias = Primitive[Concatenate[np.ndarray, np.ndarray, np.ndarray, ...], R]
Listed: TypeAlias = Primitive[Concatenate[Sequence[np.ndarray], Q], R]
