"""
An op of your own
=================

An op is a NumPy function with its derivatives beside it: softsign, which goes to ±1 as tanh does, but slowly. The
rule is checked against finite differences, which also find a rule that is wrong, and it serves derivatives of every
order.
"""

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.errors import GradcheckError
from viz import plots

from command_line import options

out, _ = options(__doc__)


# %%
# The function, and its rule: the gradient g of the output, times the derivative. A rule asks by name for what it needs.
@tg.primitive
def softsign(x: Any) -> Any:
    return x / (1 + abs(x))


softsign.defvjp(x=lambda g, x: g / (1 + abs(x)) ** 2)

x = tg.tensor(np.linspace(-6, 6, 25), requires_grad=True)
print("first derivative: ", tg.gradcheck(softsign, x))
print("second derivative:", tg.gradgradcheck(softsign, x))


# %%
# The same function with a rule that forgets the square.
@tg.primitive
def wrong(x: Any) -> Any:
    return x / (1 + abs(x))


wrong.defvjp(x=lambda g, x: g / (1 + abs(x)))
try:
    tg.gradcheck(wrong, tg.tensor([0.0, 1.0, -3.0], float, requires_grad=True))
except GradcheckError as error:
    print(f"\n{error}\n")

# %%
# The slope of softsign is still 1/49 where that of tanh is a 40,000th: it lets more of a gradient through.
curves = {}
for name, f in {"softsign": softsign, "tanh": tg.tanh}.items():
    (slope,) = tg.grad(f(x).sum(), x)
    curves[f"{name}, slope"] = dict(zip(x.data.tolist(), slope.data.tolist(), strict=True))
    print(f"slope of {name} at 6: {slope.data[-1]:.2g}")
ax = plots.scores(curves, x="x", y="dy/dx", log="y")
out.save(ax, "own_op.svg")
ax
