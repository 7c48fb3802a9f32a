"""
One training on any number of processes
=======================================

An LSTM learns to add two numbers that are marked in a sequence. Each batch is cut into four shards, which the processes
share, and their gradients are added in the order of the shards. So the weights are the same, bit for bit, whether there
is one process, or two, or four. Run it with one, and then with two:

    python examples/14_two_processes.py
    mpiexec -n 2 python examples/14_two_processes.py     (pip install "tinygrad-lstm[mpi]" mpich)
"""

import hashlib
import time

import tinygrad_lstm as tg
from tinygrad_lstm import data, distributed, nn, optim
from tinygrad_lstm.training import SequenceModel
from viz import plots

from command_line import options

out, quick = options(__doc__, quick="10 updates instead of 300")

# %%
# Two lines are for the processes: this one, which gives all of them the weights of the first ...
tg.manual_seed(0)
task = data.adding(T=40)
model = SequenceModel(task, hidden=48, num_layers=2, dropout=0.1, fused=True)
adam = optim.Adam(model.parameters(), lr=1e-2)
parallel = distributed.DataParallel(adam, shards=4)


def loss_of(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
    answers, _ = model(x)
    return ((answers - y) ** 2).mean()


# %%
# ... and the backward pass, in the place of ``loss.backward()``. Every process draws the same batch, and runs its own
# shards of it.
start, losses = time.perf_counter(), {}
for k in range(1, 11 if quick else 301):
    batch = task.batch(64, rng=[1, k])
    adam.zero_grad()
    loss = parallel.backward(loss_of, batch.inputs, batch.targets, axis=(1, 0))
    nn.utils.clip_grad_norm_(adam.parameters, 1.0)
    adam.step()
    losses[k] = float(loss)
    if distributed.rank() == 0 and k % (5 if quick else 50) == 0:
        print(f"update {k:3}: loss {losses[k]:.4f}")
took = time.perf_counter() - start

# %%
# The digest of the weights: the same for any number of processes. The first process alone prints and draws.
digest = hashlib.sha256(b"".join(p.data.tobytes() for p in model.parameters())).hexdigest()[:16]
assert len(set(distributed.together("the digests", lambda: digest))) == 1
if distributed.rank() == 0:
    print(f"\nprocesses: {distributed.size()}, seconds: {took:.1f}, digest of the weights: {digest}")
    ax = plots.scores({"LSTM": losses}, x="update", y="squared error", lines={"chance": task.chance}, log="y")
    out.save(ax, "loss_of_each_update.svg")
