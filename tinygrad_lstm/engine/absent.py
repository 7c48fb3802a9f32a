"""The names that people look for on a tensor and do not find: each answers with what the thing is called here.

A class with ``__getattr__`` would answer for any name. But Python 3.11 then reads every attribute of every tensor more
slowly: 4 % of the instructions of an LSTM step. So these names are attributes that raise AttributeError, and a lookup
of any other name costs nothing more. What they answer is in ``foreign``, loaded when the first of them is looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WORDS = """
H abs absolute acos acosh add addmm adjoint allclose amax amin arccos arccosh arcsin arcsinh arctan arctan2 arctanh
argpartition argwhere array_split asin asinh assign at atan atan2 atanh atleast_1d atleast_2d baddbmm base bernoulli
bfloat16 block_until_ready bmm bool broadcast_to byte byteswap cast cat cbrt ceil choose chunk clamp clamp_max clamp_min
clone compress concat concatenate conj contiguous copy copysign cos cosh count_nonzero cpu cuda cummax data_ptr deg2rad
device diag diag_embed dim div divide double einsum element_size embedding eq equal erf eval exp exp2 expand expand_as
expand_dims expm1 fill flags flat flip float floor floor_divide fmax fmin fmod gather ge get_device grad_fn greater gt
half hypot imag index_add index_copy index_fill index_put index_select inner int is_complex is_contiguous is_cuda
is_floating_point isclose isfinite isinf isnan itemsize kthvalue layout le lerp less linear log log10 log1p log2
log_softmax logaddexp logical_and logical_not logical_or logsumexp long lt mT masked_fill masked_select matmul maximum
median minimum mm moveaxis movedim mul multinomial multiply mv narrow nbytes ndimension ne neg negative nelement
new_full new_ones new_tensor new_zeros norm not_equal numel outer pad partition permute pin_memory pow power ptp put
rad2deg real reciprocal relu remainder repeat_interleave reshape_as resize rint roll rsqrt scatter scatter_add
searchsorted select sigmoid sign sin sinh softmax softplus split sqrt square stack storage stride strides sub subtract
swapdims t take_along_axis tan tanh tensor_split tensordot tile to tobytes tofile topk tril triu true_divide trunc type
type_as unbind unsqueeze untyped_storage vdot view view_as where

abs_ add_ assign_add assign_sub clamp_ clip_ copy_ cos_ detach_ div_ exp_ fill_ floor_ index_add_ index_copy_ log_
masked_fill_ mul_ neg_ normal_ pow_ relu_ requires_grad_ resize_ round_ scatter_ scatter_add_ sigmoid_ sin_ sqrt_ sub_
t_ tanh_ transpose_ uniform_ unsqueeze_ zero_
"""
NAMES = frozenset(WORDS.split())


class Absent:
    """An attribute that is not here; looking it up raises ForeignNameError, which says what is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: object, owner: type) -> Any:
        from tinygrad_lstm.foreign import not_found

        raise not_found("x", self.name, f"{owner.__name__!r} object")

    def __repr__(self) -> str:
        from tinygrad_lstm.foreign import answer

        return f"not here: {answer('x', self.name)}"


class Foreign:
    """Names of PyTorch, NumPy, TensorFlow and JAX that a tensor does not have, and what to use instead."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not isinstance(vars(Foreign).get(name), Absent)]


def getattr_of(place: str, module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module, called ``place`` in the answers, for the names that it does not have."""

    def missing(name: str) -> Any:
        if name.startswith("_"):  # asked by Python itself, as __path__ is by an import
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        from tinygrad_lstm.foreign import not_found

        raise not_found(place, name, f"module {module!r}")

    return missing


for _name in NAMES:  # so a type checker does not know them: to it they do not exist
    setattr(Foreign, _name, Absent(_name))
