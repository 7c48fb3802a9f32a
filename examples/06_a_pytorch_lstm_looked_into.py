"""A PyTorch LSTM, looked into: why does it not remember, and what changes when its forget gate starts open?

A training loop in PyTorch: a sequence of numbers, and at its end the first of them is asked for. One model is as
PyTorch makes it, the other has 3 added to the biases of its forget gate. Two lines of this package look at a model as
it is: it is mirrored, its outputs and gradients are compared with PyTorch's, and then the gradient is split and drawn.

Run it with:  python examples/06_a_pytorch_lstm_looked_into.py        (needs PyTorch: pip install torch)
"""

import argparse
from pathlib import Path

import torch

import tinygrad_lstm as tg
import viz

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("out"), help="where the pictures go (default: out/)")
parser.add_argument("--quick", action="store_true", help="50 updates instead of 500")
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

T, B, H = 20, 64, 16


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


def train(model: First, held_out: torch.Tensor, updates: int) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(updates):
        x = torch.rand(T, B, 1)
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(model(x), x[0]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()


def look(name: str, model: First, held_out: torch.Tensor) -> None:
    """The gradient of the error in C at the first step, split, and the whole of it drawn."""

    def error(answer: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.mse_loss(answer, held_out[0])

    far = tg.paths.routes(model, held_out, loss=error)[0]
    norm = float((far.total**2).sum()) ** 0.5
    print(f"{name:<34} {error(model(held_out)).item():8.4f} {norm:12.1e} {far.shares[0]:14.0%}")
    picture = viz.gradient_paths(model, held_out, loss=error, theme="auto")
    picture.save(arguments.out / f"{name.replace(' ', '_').replace(',', '')}.svg")


updates = 50 if arguments.quick else 500
torch.manual_seed(0)
held_out = torch.rand(T, B, 1)
print(f"{'':<34} {'error':>8} {'‖dL/dC₁‖':>12} {'never crossed':>14}")
for start, opened in (("as PyTorch makes it", 0.0), ("forget gate opened", 3.0)):
    model = First()
    with torch.no_grad():
        model.lstm.bias_ih_l0[H : 2 * H] += opened  # PyTorch's gates are in the order i, f, g, o
    look(f"{start}, untrained", model, held_out)
    train(model, held_out, updates)
    look(f"{start}, after {updates}", model, held_out)
print("""
Who always says 0.5 has an error of 1/12 = 0.0833. As PyTorch makes it, the gradient of the first step is too small to
learn from. With the forget gate open it arrives, mostly by paths that crossed through h into a gate.""")
print(f"Drawn in {arguments.out}")
