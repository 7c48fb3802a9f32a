r"""The formula of each public name in LaTeX, as the reference shows it: what is computed, and then the derivatives.

g is ∂L/∂y, the cotangent of the output; \odot multiplies element by element. Names are those after ``tinygrad_lstm``.
tests/site/test_formulas.py differentiates the first column and compares it with the second, where both are of numbers.
"""

from __future__ import annotations

OPS = {
    # arithmetic
    "add": (r"y = a + b", r"\partial y/\partial a = 1", r"\partial y/\partial b = 1"),
    "subtract": (r"y = a - b", r"\partial y/\partial a = 1", r"\partial y/\partial b = -1"),
    "multiply": (r"y = a \odot b", r"\partial y/\partial a = b", r"\partial y/\partial b = a"),
    "divide": (r"y = a / b", r"\partial y/\partial a = 1/b", r"\partial y/\partial b = -y/b"),
    "floor_divide": (r"y = \lfloor a/b \rfloor", r"\partial y/\partial a = \partial y/\partial b = 0"),
    "remainder": (
        r"y = a - b \lfloor a/b \rfloor", r"\partial y/\partial a = 1",
        r"\partial y/\partial b = -\lfloor a/b \rfloor",
    ),
    "fmod": (
        r"y = a - b\,\mathrm{trunc}(a/b)", r"\partial y/\partial a = 1",
        r"\partial y/\partial b = -\mathrm{trunc}(a/b)",
    ),
    "power": (r"y = a^b", r"\partial y/\partial a = b\,a^{b-1}", r"\partial y/\partial b = y \log a"),
    "negative": (r"y = -x", r"\partial y/\partial x = -1"),
    "positive": (r"y = x", r"\partial y/\partial x = 1"),
    "absolute": (r"y = |x|", r"\partial y/\partial x = \operatorname{sign} x"),
    "abs": (r"y = |x|", r"\partial y/\partial x = \operatorname{sign} x"),
    "reciprocal": (r"y = 1/x", r"\partial y/\partial x = -y^2"),
    "square": (r"y = x^2", r"\partial y/\partial x = 2x"),
    "sqrt": (r"y = \sqrt{x}", r"\partial y/\partial x = \frac{1}{2y}"),
    "cbrt": (r"y = \sqrt[3]{x}", r"\partial y/\partial x = \frac{1}{3y^2}"),
    "hypot": (r"y = \sqrt{a^2 + b^2}", r"\partial y/\partial a = a/y", r"\partial y/\partial b = b/y"),
    "sign": (r"y = \operatorname{sign} x", r"\partial y/\partial x = 0"),
    "copysign": (
        r"y = |a| \operatorname{sign} b", r"\partial y/\partial a = \operatorname{sign} a \operatorname{sign} b",
        r"\partial y/\partial b = 0",
    ),
    "heaviside": (
        r"y = \begin{cases} 0 & a < 0 \\ b & a = 0 \\ 1 & a > 0 \end{cases}", r"\partial y/\partial a = 0",
        r"\partial y/\partial b = [a = 0]",
    ),
    # choices and rounding
    "where": (
        r"y = \begin{cases} a & \text{condition} \\ b & \text{else} \end{cases}",
        r"\partial y/\partial a = [\text{condition}]", r"\partial y/\partial b = [\text{not condition}]",
    ),
    "maximum": (
        r"y = \max(a, b)", r"\partial y/\partial a = [a > b] + \tfrac12 [a = b]",
        r"\partial y/\partial b = [b > a] + \tfrac12 [a = b]",
    ),
    "minimum": (
        r"y = \min(a, b)", r"\partial y/\partial a = [a < b] + \tfrac12 [a = b]",
        r"\partial y/\partial b = [b < a] + \tfrac12 [a = b]",
    ),
    "fmax": (
        r"y = \max(a, b)", r"\partial y/\partial a = [a > b] + \tfrac12 [a = b]",
        r"\partial y/\partial b = [b > a] + \tfrac12 [a = b]",
    ),
    "fmin": (
        r"y = \min(a, b)", r"\partial y/\partial a = [a < b] + \tfrac12 [a = b]",
        r"\partial y/\partial b = [b < a] + \tfrac12 [a = b]",
    ),
    "clip": (
        r"y = \min(\max(x, \mathit{min}), \mathit{max})",
        r"\partial y/\partial x = [\mathit{min} \le x \le \mathit{max}]",
    ),
    "round": (r"y = 10^{-d} \operatorname{rint}(10^{d} x),\ d = \mathit{decimals}", r"\partial y/\partial x = 0"),
    "rint": (r"y = \text{the nearest whole number}", r"\partial y/\partial x = 0"),
    "floor": (r"y = \lfloor x \rfloor", r"\partial y/\partial x = 0"),
    "ceil": (r"y = \lceil x \rceil", r"\partial y/\partial x = 0"),
    "trunc": (r"y = \operatorname{sign} x\,\lfloor |x| \rfloor", r"\partial y/\partial x = 0"),
    # exponentials
    "exp": (r"y = e^x", r"\partial y/\partial x = y"),
    "exp2": (r"y = 2^x", r"\partial y/\partial x = y \log 2"),
    "expm1": (r"y = e^x - 1", r"\partial y/\partial x = e^x"),
    "log": (r"y = \log x", r"\partial y/\partial x = 1/x"),
    "log2": (r"y = \log_2 x", r"\partial y/\partial x = \frac{1}{x \log 2}"),
    "log10": (r"y = \log_{10} x", r"\partial y/\partial x = \frac{1}{x \log 10}"),
    "log1p": (r"y = \log(1 + x)", r"\partial y/\partial x = \frac{1}{1 + x}"),
    "logaddexp": (
        r"y = \log(e^a + e^b)", r"\partial y/\partial a = \sigma(a - b)", r"\partial y/\partial b = \sigma(b - a)",
    ),
    "logaddexp2": (
        r"y = \log_2(2^a + 2^b)", r"\partial y/\partial a = \frac{1}{1 + 2^{b - a}}",
        r"\partial y/\partial b = \frac{1}{1 + 2^{a - b}}",
    ),
    "erf": (
        r"y = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2}\,dt", r"\partial y/\partial x = \frac{2}{\sqrt\pi} e^{-x^2}",
    ),
    # angles
    "sin": (r"y = \sin x", r"\partial y/\partial x = \cos x"),
    "cos": (r"y = \cos x", r"\partial y/\partial x = -\sin x"),
    "tan": (r"y = \tan x", r"\partial y/\partial x = 1 + y^2"),
    "arcsin": (r"y = \arcsin x", r"\partial y/\partial x = \frac{1}{\sqrt{1 - x^2}}"),
    "arccos": (r"y = \arccos x", r"\partial y/\partial x = -\frac{1}{\sqrt{1 - x^2}}"),
    "arctan": (r"y = \arctan x", r"\partial y/\partial x = \frac{1}{1 + x^2}"),
    "arctan2": (
        r"y = \operatorname{arctan2}(a, b)", r"\partial y/\partial a = \frac{b}{a^2 + b^2}",
        r"\partial y/\partial b = -\frac{a}{a^2 + b^2}",
    ),
    "sinh": (r"y = \sinh x", r"\partial y/\partial x = \cosh x"),
    "cosh": (r"y = \cosh x", r"\partial y/\partial x = \sinh x"),
    "arcsinh": (r"y = \operatorname{arsinh} x", r"\partial y/\partial x = \frac{1}{\sqrt{x^2 + 1}}"),
    "arccosh": (r"y = \operatorname{arcosh} x", r"\partial y/\partial x = \frac{1}{\sqrt{x^2 - 1}}"),
    "arctanh": (r"y = \operatorname{artanh} x", r"\partial y/\partial x = \frac{1}{1 - x^2}"),
    "deg2rad": (r"y = \frac{\pi}{180} x", r"\partial y/\partial x = \frac{\pi}{180}"),
    "rad2deg": (r"y = \frac{180}{\pi} x", r"\partial y/\partial x = \frac{180}{\pi}"),
    # activations
    "tanh": (r"y = \tanh x", r"\partial y/\partial x = 1 - y^2"),
    "sigmoid": (r"y = \sigma(x) = \frac{1}{1 + e^{-x}}", r"\partial y/\partial x = y\,(1 - y)"),
    "relu": (r"y = \max(x, 0)", r"\partial y/\partial x = [x > 0]"),
    "softplus": (r"y = \log(1 + e^x)", r"\partial y/\partial x = \sigma(x)"),
    "softmax": (
        r"y_k = \frac{e^{x_k}}{\sum_j e^{x_j}}",
        r"\frac{\partial L}{\partial x_k} = y_k \Big(g_k - \sum_j g_j y_j\Big)",
    ),
    "log_softmax": (
        r"y_k = x_k - \log \sum_j e^{x_j}",
        r"\frac{\partial L}{\partial x_k} = g_k - e^{y_k} \sum_j g_j",
    ),
    "logsumexp": (r"y = \log \sum_k e^{x_k}", r"\partial y/\partial x = \operatorname{softmax}(x)"),
    "softmax_cross_entropy": (
        r"\ell = \log \sum_j e^{x_j} - x_{\text{target}}",
        r"\partial \ell/\partial x = \operatorname{softmax}(x) - \operatorname{onehot}(\text{target})",
    ),
    # products
    "matmul": (r"Y = A B", r"\partial L/\partial A = G B^\top", r"\partial L/\partial B = A^\top G"),
    "linear": (r"Y = X W^\top", r"\partial L/\partial X = G W", r"\partial L/\partial W = G^\top X"),
    "dot": (r"y = \sum_k a_k b_k", r"\partial y/\partial a = b", r"\partial y/\partial b = a"),
    "vdot": (r"y = \sum_k a_k b_k", r"\partial y/\partial a = b", r"\partial y/\partial b = a"),
    "inner": (r"Y_{ij} = \sum_k A_{ik} B_{jk}", r"\partial L/\partial A = G B", r"\partial L/\partial B = G^\top A"),
    "outer": (
        r"Y_{ij} = a_i b_j", r"\partial L/\partial a_i = \sum_j G_{ij} b_j", r"\partial L/\partial b_j = \sum_i G_{ij} a_i",
    ),
    "tensordot": (r"Y_{i \ldots j \ldots} = \sum_{k \ldots} A_{i \ldots k \ldots} B_{k \ldots j \ldots}",),
    "einsum": (r"Y_{ik} = \sum_j A_{ij} B_{jk}\quad\text{for "+ '"ij,jk->ik"' + r"}",),
    "contract": (r"Y_{ik} = \sum_j A_{ij} B_{jk}\quad\text{for "+ '"ij,jk->ik"' + r"}",),
    # reductions
    "sum": (r"y = \sum_k x_k", r"\partial L/\partial x_k = g"),
    "mean": (r"y = \frac1n \sum_k x_k", r"\partial L/\partial x_k = g/n"),
    "var": (
        r"y = \frac{1}{n - \mathit{ddof}} \sum_k (x_k - \bar x)^2",
        r"\partial y/\partial x_k = \frac{2 (x_k - \bar x)}{n - \mathit{ddof}}",
    ),
    "std": (
        r"y = \sqrt{\frac{1}{n - \mathit{ddof}} \sum_k (x_k - \bar x)^2}",
        r"\partial y/\partial x_k = \frac{x_k - \bar x}{(n - \mathit{ddof})\,y}",
    ),
    "max": (r"y = \max_k x_k", r"\partial y/\partial x_k = \frac{[x_k = y]}{\#\{j: x_j = y\}}"),
    "min": (r"y = \min_k x_k", r"\partial y/\partial x_k = \frac{[x_k = y]}{\#\{j: x_j = y\}}"),
    "prod": (r"y = \prod_k x_k", r"\partial y/\partial x_k = \prod_{j \ne k} x_j"),
    "norm": (
        r"y = \Big(\sum_k |x_k|^p\Big)^{1/p}",
        r"\partial y/\partial x_k = \operatorname{sign} x_k \Big(\frac{|x_k|}{y}\Big)^{p - 1}",
    ),
    "cumsum": (r"y_k = \sum_{j \le k} x_j", r"\partial L/\partial x_j = \sum_{k \ge j} g_k"),
    "cumprod": (r"y_k = \prod_{j \le k} x_j", r"\partial L/\partial x_j = \sum_{k \ge j} g_k \prod_{i \le k, i \ne j} x_i"),
    # shapes, joining, splitting, picking
    "broadcast_to": (r"y_{ik} = x_k", r"\partial L/\partial x_k = \sum_i g_{ik}"),
    "repeat": (r"y = (x_1, x_1, x_2, x_2, \ldots)", r"\partial L/\partial x_k = \text{the sum over its copies}"),
    "tile": (r"y = (x, x, \ldots)", r"\partial L/\partial x = \text{the sum over its copies}"),
    "index": (r"y = x_{\mathit{key}}", r"\partial L/\partial x_k = \sum_{j:\,\mathit{key}_j = k} g_j"),
    "take": (r"y_j = x_{i_j}", r"\partial L/\partial x_k = \sum_{j:\,i_j = k} g_j"),
    "embedding": (r"y_j = W_{i_j}", r"\partial L/\partial W_k = \sum_{j:\,i_j = k} g_j"),
    "index_put": (
        r"y_k = \begin{cases} v_j & k = \mathit{key}_j \\ x_k & \text{else} \end{cases}",
        r"\partial L/\partial x_k = g_k\,[k \notin \mathit{key}]", r"\partial L/\partial v_j = g_{\mathit{key}_j}",
    ),
    "index_add": (r"y_k = x_k + \sum_{j:\,\mathit{key}_j = k} v_j", r"\partial L/\partial x = g", r"\partial L/\partial v_j = g_{\mathit{key}_j}"),
    "scatter": (r"y_k = \sum_{j:\,\mathit{where}_j = k} v_j", r"\partial L/\partial v_j = g_{\mathit{where}_j}"),
    "concatenate": (r"y = (x_1, \ldots, x_n)", r"\partial L/\partial x_k = \text{the part of } g \text{ that } x_k \text{ became}"),
    "split": (r"(y_1, \ldots, y_n) = x", r"\partial L/\partial x = (g_1, \ldots, g_n)"),
    "transpose": (r"Y_{ij} = X_{ji}", r"\partial L/\partial X = G^\top"),
    # gradients
    "grad": (r"\partial L/\partial x = \sum_{\text{paths}} \prod_{\text{edges}} \frac{\partial\,\text{reader}}{\partial\,\text{source}}",),
    "gradcheck": (r"\frac{f(x + \varepsilon v) - f(x - \varepsilon v)}{2 \varepsilon} \approx J v",),
}  # fmt: skip

LSTM = r"f = \sigma(z_f),\quad i = \sigma(z_i),\quad o = \sigma(z_o),\quad g = \tanh z_g,\qquad z = W x + U h + b"
NETWORKS = {
    "nn.Linear": (r"y = x W^\top + b",),
    "nn.Embedding": (r"y_j = W_{i_j}",),
    "nn.LayerNorm": (r"y = w \odot \frac{x - \bar x}{\sqrt{\operatorname{var} x + \varepsilon}} + b",),
    "nn.Dropout": (r"y = \frac{m \odot x}{1 - p},\quad m \sim \text{Bernoulli}(1 - p)",),
    "nn.LockedDropout": (r"y_t = \frac{m \odot x_t}{1 - p},\quad m \sim \text{Bernoulli}(1 - p)",),
    "nn.GELU": (r"y = x\,\Phi(x) = \frac x2 \Big(1 + \operatorname{erf}\frac{x}{\sqrt2}\Big)",),
    "nn.SiLU": (r"y = x\,\sigma(x)",),
    "nn.ReLU": (r"y = \max(x, 0)",),
    "nn.Sigmoid": (r"y = \frac{1}{1 + e^{-x}}",),
    "nn.Tanh": (r"y = \tanh x",),
    "nn.Softplus": (r"y = \log(1 + e^x)",),
    "nn.Softmax": (r"y_k = \frac{e^{x_k}}{\sum_j e^{x_j}}",),
    "nn.LogSoftmax": (r"y_k = x_k - \log \sum_j e^{x_j}",),
    "nn.Residual": (r"y = x + \mathrm{layer}(x)",),
    "nn.RNNCell": (r"h' = \tanh(W x + U h + b)",),
    "nn.LSTMCell": (LSTM, r"c' = f \odot c + i \odot g,\qquad h' = o \odot \tanh c'"),
    "nn.SeparateLSTMCell": (
        r"f = \sigma(W_f x + U_f h + b_f),\quad i = \sigma(W_i x + U_i h + b_i),\quad \tilde C = \tanh(W_c x + U_c h + b_c)",
        r"C' = f \odot C + i \odot \tilde C,\qquad o = \sigma(W_o x + U_o h + b_o),\quad h' = o \odot \tanh C'",
    ),
    "nn.PeepholeLSTMCell": (
        r"f = \sigma(z_f + p_f \odot c),\quad i = \sigma(z_i + p_i \odot c),\quad g = \tanh z_g",
        r"c' = f \odot c + i \odot g,\qquad o = \sigma(z_o + p_o \odot c'),\quad h' = o \odot \tanh c'",
    ),
    "nn.CoupledLSTMCell": (
        r"f = \sigma(z_f),\quad i = 1 - f,\quad o = \sigma(z_o),\quad g = \tanh z_g",
        r"c' = f \odot c + (1 - f) \odot g,\qquad h' = o \odot \tanh c'",
    ),
    "nn.ProjectedLSTMCell": (LSTM, r"c' = f \odot c + i \odot g,\qquad h' = W_h\,(o \odot \tanh c')"),
    "nn.ClippedLSTMCell": (
        r"z = \operatorname{clip}(W x + U h + b,\ \pm\mathit{clip})",
        r"c' = f \odot c + i \odot g,\qquad h' = o \odot \tanh(\operatorname{clip}(c', \pm\mathit{clip}))",
    ),
    "nn.CandidateDropoutLSTMCell": (LSTM, r"c' = f \odot c + i \odot \operatorname{dropout}(g),\qquad h' = o \odot \tanh c'"),
    "nn.LayerNormLSTMCell": (
        r"z = \operatorname{LN}(W x) + \operatorname{LN}(U h) + b",
        r"c' = f \odot c + i \odot g,\qquad h' = o \odot \tanh \operatorname{LN}(c')",
    ),
    "nn.GRUCell": (
        r"r = \sigma(W_r x + U_r h + b_r),\quad z = \sigma(W_z x + U_z h + b_z)",
        r"n = \tanh(W_n x + b + r \odot (U_n h + b_n)),\qquad h' = (1 - z) \odot n + z \odot h",
    ),
    "nn.ResetBeforeGRUCell": (
        r"r = \sigma(W_r x + U_r h + b_r),\quad z = \sigma(W_z x + U_z h + b_z)",
        r"n = \tanh(W_n x + U_n (r \odot h) + b_n),\qquad h' = (1 - z) \odot n + z \odot h",
    ),
    "nn.LayerNormGRUCell": (r"W x \to \operatorname{LN}(W x),\quad U h \to \operatorname{LN}(U h)\quad\text{in the equations of a GRU}",),
    "nn.MGUCell": (
        r"f = \sigma(W_f x + U_f h + b_f),\quad n = \tanh(W_n x + U_n (f \odot h) + b_n)",
        r"h' = (1 - f) \odot h + f \odot n",
    ),
    "nn.LinearCell": (r"h' = a(x) \odot h + b(x)",),
    "nn.MinGRUCell": (r"z = \sigma(W_z x + b_z),\quad n = W_n x + b_n,\qquad h' = (1 - z) \odot n + z \odot h",),
    "nn.MinLSTMCell": (
        r"h' = \frac{f}{f + i} \odot h + \frac{i}{f + i} \odot g,\qquad f, i = \sigma(W x + b),\quad g = W_g x + b_g",
    ),
    "nn.linear_scan": (r"h_t = a_t \odot h_{t-1} + b_t",),
    "nn.Zoneout": (r"h' = m \odot h + (1 - m) \odot \mathrm{cell}(x, h),\quad m \sim \text{Bernoulli}(p)",),
    "nn.WeightDrop": (r"U \to \frac{M \odot U}{1 - p},\quad M \sim \text{Bernoulli}(1 - p)",),
    "nn.RecurrentDropout": (r"U h \to U\,\frac{m \odot h}{1 - p},\quad m \sim \text{Bernoulli}(1 - p)",),
    "nn.MultiheadAttention": (
        r"\mathrm{head} = \operatorname{softmax}\Big(\frac{q k^\top}{\sqrt{D/h}}\Big) v,\qquad y = W_o\,[\mathrm{head}_1, \ldots, \mathrm{head}_h]",
    ),
    "nn.position_codes": (r"p_{t, 2k} = \sin(t\,\omega_k),\quad p_{t, 2k + 1} = \cos(t\,\omega_k)",),
    "nn.utils.clip_grad_norm_": (r"g \leftarrow g \cdot \min\Big(1, \frac{\mathit{max\_norm}}{\|g\| + 10^{-6}}\Big)",),
    "nn.utils.clip_grad_value_": (r"g \leftarrow \min(\max(g, -\mathit{clip\_value}), \mathit{clip\_value})",),
    "nn.utils.add_grad_noise_": (r"g \leftarrow g + \mathcal N\Big(0, \frac{\eta}{(1 + \mathit{step})^\gamma}\Big)",),
    "losses.cross_entropy": (
        r"\ell = -\log \operatorname{softmax}(x)_{\text{target}}",
        r"\partial \ell/\partial x = \operatorname{softmax}(x) - \operatorname{onehot}(\text{target})",
    ),
    "losses.nll_loss": (r"\ell = -x_{\text{target}}",),
    "losses.kl_div": (r"\ell = y\,(\log y - x)",),
    "losses.mse_loss": (r"\ell = (x - y)^2", r"\partial \ell/\partial x = 2 (x - y)"),
    "losses.l1_loss": (r"\ell = |x - y|", r"\partial \ell/\partial x = \operatorname{sign}(x - y)"),
    "losses.huber_loss": (
        r"\ell = \begin{cases} d^2/2 & |d| \le \delta \\ \delta\,(|d| - \delta/2) & \text{else} \end{cases},\quad d = x - y",
    ),
    "losses.smooth_l1_loss": (
        r"\ell = \begin{cases} d^2/2\beta & |d| < \beta \\ |d| - \beta/2 & \text{else} \end{cases},\quad d = x - y",
    ),
    "losses.binary_cross_entropy_with_logits": (
        r"\ell = -y \log \sigma(x) - (1 - y) \log(1 - \sigma(x))", r"\partial \ell/\partial x = \sigma(x) - y",
    ),
}  # fmt: skip

TRAINING = {
    "optim.SGD": (r"v \leftarrow \mu v + (1 - \tau)\,g,\qquad p \leftarrow p - \mathit{lr}\,v",),
    "optim.Adagrad": (r"G \leftarrow G + g^2,\qquad p \leftarrow p - \mathit{lr}\,\frac{g}{\sqrt G + \varepsilon}",),
    "optim.RMSprop": (
        r"v \leftarrow \alpha v + (1 - \alpha)\,g^2,\qquad p \leftarrow p - \mathit{lr}\,\frac{g}{\sqrt v + \varepsilon}",
    ),
    "optim.Adam": (
        r"m \leftarrow \beta_1 m + (1 - \beta_1)\,g,\quad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2",
        r"p \leftarrow p - \mathit{lr}\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon},\quad \hat m = \frac{m}{1 - \beta_1^t},\ \hat v = \frac{v}{1 - \beta_2^t}",
    ),
    "optim.AdamW": (
        r"p \leftarrow (1 - \mathit{lr}\,\lambda)\,p - \mathit{lr}\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon}",
    ),
    "optim.lr_scheduler.StepLR": (r"\mathit{lr}(t) = \mathit{lr}_0\,\gamma^{\lfloor t/\mathit{step\_size} \rfloor}",),
    "optim.lr_scheduler.MultiStepLR": (r"\mathit{lr}(t) = \mathit{lr}_0\,\gamma^{\#\{m \le t\}}",),
    "optim.lr_scheduler.ExponentialLR": (r"\mathit{lr}(t) = \mathit{lr}_0\,\gamma^t",),
    "optim.lr_scheduler.CosineAnnealingLR": (
        r"\mathit{lr}(t) = \eta + (\mathit{lr}_0 - \eta)\,\frac{1 + \cos(\pi t/T)}{2}",
    ),
    "optim.lr_scheduler.CosineAnnealingWarmRestarts": (
        r"\mathit{lr}(s) = \eta + (\mathit{lr}_0 - \eta)\,\frac{1 + \cos(\pi s/T)}{2},\quad s \text{ steps after a restart}",
    ),
    "optim.lr_scheduler.LinearLR": (r"\mathit{lr}(t) = \mathit{lr}_0 \Big(a + (b - a)\,\frac{\min(t, N)}{N}\Big)",),
    "optim.lr_scheduler.LambdaLR": (r"\mathit{lr}(t) = \mathit{lr}_0\,f(t)",),
}  # fmt: skip

GRADIENTS = {
    "func.grad": (r"x \mapsto \partial f/\partial x",),
    "func.value_and_grad": (r"x \mapsto (f(x),\ \partial f/\partial x)",),
    "func.vjp": (r"v \mapsto v^\top J",),
    "func.jvp": (r"J t = \frac{d}{d\varepsilon} f(x + \varepsilon t) \Big|_{\varepsilon = 0}",),
    "func.jacobian": (r"J_{ik} = \partial y_i/\partial x_k",),
    "func.hessian": (r"H_{ik} = \partial^2 f/\partial x_i\,\partial x_k",),
    "func.hvp": (r"H v = \frac{\partial}{\partial x} \Big(\frac{\partial f}{\partial x} \cdot v\Big)",),
    "paths.routes": (r"\frac{dL}{dx} = \sum_{n = 0}^{N} \lambda_n + \text{rest},\quad \lambda_n:\ \text{all paths with } n \text{ crossings}",),
    "paths.ledger": (r"\frac{dL}{dU} = \sum_t \frac{\partial L}{\partial U_t}",),
    "paths.flow": (r"\text{flow of an edge} = \text{contribution along it} \cdot \text{tangent of its source}",),
    "paths.lag_matrix": (r"G_{\tau t} = \frac{\partial \ell_\tau}{\partial U_t},\qquad \frac{dL}{dU} = \sum_\tau \sum_{t \le \tau} G_{\tau t}",),
    "paths.state_jacobian": (r"J = \frac{\partial h_T}{\partial h_t}",),
    "paths.half_life": (r"n = \frac{\log \frac12}{\log f}",),
    "paths.horizon": (r"t \mapsto \|dL/dh_t\|,\ \|dL/dC_t\|",),
    "paths.edge_weight": (r"\text{along such an edge}\quad g \to w\,g",),
    "paths.cut": (r"\text{along such an edge}\quad g \to 0",),
    "training.gradient_left": (r"\frac{\|\partial L/\partial h_1\|}{\|\partial L/\partial h_T\|}",),
    "training.bits_per_character": (r"-\frac1n \sum \log_2 p(\text{next character})",),
}  # fmt: skip

FORMULAS: dict[str, tuple[str, ...]] = OPS | NETWORKS | TRAINING | GRADIENTS

