"""A chain of four scalars: the forward pass, the gradient by the engine and by hand, and the graph as a picture.

    d = a·b + c,  L = d·f      so by the chain rule      ∂L/∂a = f·b,  ∂L/∂b = f·a,  ∂L/∂c = f,  ∂L/∂f = d

Run it with:  python examples/01_scalar_chain.py
"""

import argparse
from pathlib import Path

import tinygrad_lstm as tg
import viz

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("out"), help="where the picture goes (default: out/)")
parser.add_argument("--quick", action="store_true", help="as it is: this takes a moment only")
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

# Forward: every operation adds a vertex to the graph.
a = tg.tensor(2.0, requires_grad=True)
b = tg.tensor(-3.0, requires_grad=True)
c = tg.tensor(10.0, requires_grad=True)
f = tg.tensor(-2.0, requires_grad=True)
d = a * b + c
L = d * f
tg.label(a=a, b=b, c=c, f=f, d=d, L=L)
print(f"L = (a·b + c)·f = {L.item()}\n")

# The picture, before backward() lets the graph go.
picture = viz.draw(L)

# Backward: one walk from L to the leaves.
L.backward()

by_hand = {"a": f.item() * b.item(), "b": f.item() * a.item(), "c": f.item(), "f": d.item()}
print("leaf  value  ∂L/∂leaf  by hand")
for name, leaf in {"a": a, "b": b, "c": c, "f": f}.items():
    assert leaf.grad is not None
    print(f"{name:>4} {leaf.item():6.1f} {leaf.grad.item():9.1f} {by_hand[name]:8.1f}")
    assert leaf.grad.item() == by_hand[name]

print(f"\n{picture}\nDrawn in {picture.save(arguments.out / 'scalar_chain.svg')}")
