"""Write docs/compiling.md, with the program of an LSTM in it: python docs/compiling.py

The program is written by ``tg.compile`` as it is now. tests/compiling/test_page.py sees that the page is up to date.
"""

import re
from pathlib import Path

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn

PAGE = Path(__file__).with_name("compiling.md")
TEXT = """# A cell, compiled from its own recording

`step = tg.compile(f)` makes a function. Its first call records `f` on the engine, and writes a NumPy program of what
happened: forward, backward, and the gradients. `step(*args)` gives the loss, and adds to the `grad` of every leaf, as
`f(*args).backward()` does.

```python
layer = nn.LSTM(3, 2)
step = tg.compile(lambda x: (layer(x)[0] ** 2).mean())
loss = step(x)  # a tensor without history; layer's parameters have their gradients
print(step.source)  # the program below, for T = 5 and B = 1
```

How the program comes about:

1. **Recording.** `f` runs twice, the second time with other numbers. Both forward passes must be the same program with
   the same constants: so what `f` decides by values is found, and refused.
2. **Lines.** Each step of the recording is a line of NumPy, as in `tg.program`. Every line gives one value a name;
   lines that no result needs go.
3. **Loops.** A run of lines that comes again and again, with reads that fit, becomes one loop over t. The engine knows
   the steps of `nn.LSTM`, but the compiler does not need to: a loop in your own function is found as well.
4. **Over time.** What does not wait for another step is done for all t at once: before the loop the products of W with
   every input, and all factors of one product that are known, such as `g * i * (1 - i)`; after it one product for each
   weight.
5. **Buffers.** What is read later is written into an array over time, by the call that makes it: `h_at` holds what the
   first step starts from and h of every step, a gate is a part of `v11_s0_at`, and each gate's gradient is written
   where it belongs in dz. An array serves again once nothing reads its values. In the loop, values share a name only
   where the lives of both allow it, and each loop is checked for that.

The program is run against the engine's own loss and gradients before it is used. Read it beside the equations of
`nn.LSTMCell`: `f_t`, `i_t`, `g_t`, `c_t`, `o_t`, `h_t` go forward; `dh_t`, `dc_t` and the gates' gradients go back,
each gate's into its part of `dz`, which is called `dv66_at` here. The last argument of a call is where its result goes.
Lines without a name in the equations are called `v` and a number.

```text
{source}
```

Refused, with an error that says why: branches on the values of a tensor, `detach`, hooks, `checkpoint`, `retain_grad`,
numbers that `f` computes with NumPy from its arguments or from parameters, and random numbers that cannot be drawn
again. A mask or lengths decide which lines there are, so there is a program for each. `benchmarks/compiled.py` compares
the times with PyTorch's and the graph's, each beside its goal.
"""


def page() -> str:
    """The text of the page."""
    tg.manual_seed(0)
    layer = nn.LSTM(3, 2)
    step = tg.compile(lambda x: (layer(x)[0] ** 2).mean())
    step(np.random.default_rng(0).normal(size=(5, 1, 3)).astype(np.float32))
    source = re.sub(r"  # \w+\.py:\d+$", "", step.source.strip(), flags=re.MULTILINE)  # where each line comes from
    return TEXT.format(source=source)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE.relative_to(Path.cwd())}")
