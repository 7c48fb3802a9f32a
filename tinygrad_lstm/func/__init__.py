"""``tg.func``: derivatives as functions of functions, and recomputing instead of keeping."""

from tinygrad_lstm.func.checkpoint import checkpoint
from tinygrad_lstm.func.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = ["checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
