"""
A chain of four scalars
=======================

The forward pass makes a graph, and the backward pass walks it once, from L to the leaves. What it finds is what the
chain rule gives by hand::

    d = a·b + c,  L = d·f      ∂L/∂a = f·b,  ∂L/∂b = f·a,  ∂L/∂c = f,  ∂L/∂f = d
"""

import tinygrad_lstm as tg
import viz

from command_line import options

out, _ = options(__doc__)

# %%
# Forward: every operation adds a vertex to the graph.
a = tg.tensor(2.0, requires_grad=True)
b = tg.tensor(-3.0, requires_grad=True)
c = tg.tensor(10.0, requires_grad=True)
f = tg.tensor(-2.0, requires_grad=True)
d = a * b + c
L = d * f
tg.label(a=a, b=b, c=c, f=f, d=d, L=L)
print(f"L = (a·b + c)·f = {L.item()}\n")

# %%
# The picture, before ``backward()`` lets the graph go.
picture = viz.draw(L)
print(f"{picture}")
out.save(picture, "scalar_chain.svg")
picture

# %%
# Backward: one walk from L to the leaves.
L.backward()

by_hand = {"a": f.item() * b.item(), "b": f.item() * a.item(), "c": f.item(), "f": d.item()}
print("leaf  value  ∂L/∂leaf  by hand")
for name, leaf in {"a": a, "b": b, "c": c, "f": f}.items():
    assert leaf.grad is not None
    print(f"{name:>4} {leaf.item():6.1f} {leaf.grad.item():9.1f} {by_hand[name]:8.1f}")
    assert leaf.grad.item() == by_hand[name]
