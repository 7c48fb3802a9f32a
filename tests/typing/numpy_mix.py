"""Arrays, NumPy's scalars and Python's numbers on either side of a tensor."""

import numpy as np

import tinygrad_lstm as tg

w = tg.tensor(np.eye(3), requires_grad=True)
a, a32, whole = np.ones((3, 3)), np.ones((3, 3), np.float32), np.arange(9).reshape(3, 3)

results: list[tg.Tensor] = [
    a @ w, a + w, a - w, a * w, a / (w + 2), a ** w, a % (w + 2), a // (w + 2),
    a32 @ w, a32 + w, a32 - w, a32 * w, a32 / (w + 2), a32 ** w,
    whole @ w, whole + w, whole - w, whole * w, whole / (w + 2),
    w @ a, w + a, w - a, w * a, w / a, w ** a, w % a, w // a,
    np.float32(2) * w, np.float64(2) + w, np.int64(2) - w, np.float64(2) / (w + 2), np.float32(2) ** w,
    2 * w, 2.0 + w, 2 - w, 2.0 / (w + 2), 2 ** w, True + w, -w, abs(w),
]  # fmt: skip
mask: np.ndarray = (a < w) & (a >= w) | (w == a) | (w != 0.0) | (2.0 > w)
chosen: tg.Tensor = tg.where(mask, w, a)
total = sum((result.sum() for result in results), start=tg.zeros(()))
(total + chosen.sum()).backward()
assert w.grad is not None
values: np.ndarray = w.detach().numpy()
assert np.allclose(w.detach(), values)
assert np.shape(w) == (3, 3)
assert np.asarray(w.data).shape == w.shape
number: float = float(total)
part: tg.Tensor = w[0, 1:]
rows: list[tg.Tensor] = list(w)
print(number, part.shape, len(rows), f"{total:.2f}", w.astype(np.float32).dtype, tg.sum(w, axis=(0, 1)).item())
