"""
A PyTorch LSTM, looked into
===========================

Why does it not remember, and what changes when its forget gate starts open? A training loop in PyTorch (pip install
torch): a sequence of numbers, and at its end the first of them is asked for. One model is as PyTorch makes it, the
other has 3 added to the biases of its forget gate. Both are looked at as they are: mirrored, compared with PyTorch's
outputs and gradients, and then the gradient is split and drawn.
"""

import tinygrad_lstm as tg
import viz

from command_line import options

try:
    import torch
except ModuleNotFoundError:
    raise SystemExit("this example needs PyTorch: pip install torch") from None

out, quick = options(__doc__, quick="50 updates instead of 500")
updates = 50 if quick else 500
T, B, H = 20, 64, 16


# %%
# The model and its training: PyTorch, and nothing else.
class First(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not looked into by the type checker
    """What was the first number?"""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(1, H)
        self.head = torch.nn.Linear(H, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The answer, from the last output."""
        output, _ = self.lstm(x)
        return self.head(output[-1])


def train(model: First) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(updates):
        x = torch.rand(T, B, 1)
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(model(x), x[0]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()


# %%
# Two lines look into it: what part of the gradient never crossed through h into a gate, and the picture of all of it.
def look(name: str, model: First, held_out: torch.Tensor) -> viz.Picture:
    """The gradient of the error in C at the first step, split, and the whole of it drawn."""

    def error(answer: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.mse_loss(answer, held_out[0])

    far = tg.paths.routes(model, held_out, loss=error)[0]
    norm = float((far.total**2).sum()) ** 0.5
    print(f"{name:<34} {error(model(held_out)).item():8.4f} {norm:12.1e} {far.shares[0]:14.0%}")
    return viz.gradient_paths(model, held_out, loss=error)


# %%
# Both models, before and after.
torch.manual_seed(0)
held_out = torch.rand(T, B, 1)
print(f"{'':<34} {'error':>8} {'‖dL/dC₁‖':>12} {'never crossed':>14}")
pictures = {}
for start, opened in (("as PyTorch makes it", 0.0), ("forget gate opened", 3.0)):
    model = First()
    with torch.no_grad():
        model.lstm.bias_ih_l0[H : 2 * H] += opened  # PyTorch's gates are in the order i, f, g, o
    look(f"{start}, untrained", model, held_out)
    train(model)
    pictures[start] = look(f"{start}, after {updates}", model, held_out)

print("""
Who always says 0.5 has an error of 1/12 = 0.0833. As PyTorch makes it, the gradient of the first step is too small to
learn from. With the forget gate open it arrives, mostly by paths that crossed through h into a gate.
""")
for start, picture in pictures.items():
    out.save(picture, f"{start.replace(' ', '_')}.svg")
pictures["forget gate opened"]
