"""One training on any number of processes: the same weights, bit for bit.

An LSTM learns to add two numbers that are marked in a sequence. Each batch is cut into four shards, which the processes
share; the digest of the weights is the same whether there is one process, or two, or four.

Run it with:  python examples/20_two_processes.py
and with:     mpiexec -n 2 python examples/20_two_processes.py     (pip install "tinygrad-lstm[mpi]" mpich)
"""

import argparse
import hashlib
import time
from pathlib import Path

import tinygrad_lstm as tg
from tinygrad_lstm import data, distributed, nn, optim
from tinygrad_lstm.training import SequenceModel

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("out"), help="where the weights go (default: out/)")
parser.add_argument("--quick", action="store_true", help="a few updates only")
arguments = parser.parse_args()

tg.manual_seed(0)
task = data.adding(T=40)
model = SequenceModel(task, hidden=48, num_layers=2, dropout=0.1, fused=True)
adam = optim.Adam(model.parameters(), lr=1e-2)
parallel = distributed.DataParallel(adam, shards=4)  # all ranks now have the weights of rank 0


def loss_of(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
    answers, _ = model(x)
    return ((answers - y) ** 2).mean()


start = time.perf_counter()
for k in range(1, 11 if arguments.quick else 301):
    batch = task.batch(64, rng=[1, k])  # every rank draws the same batch, and runs its own shards of it
    adam.zero_grad()
    loss = parallel.backward(loss_of, batch.inputs, batch.targets, axis=(1, 0))
    nn.utils.clip_grad_norm_(adam.parameters, 1.0)
    adam.step()
    if distributed.rank() == 0 and k % (5 if arguments.quick else 50) == 0:
        print(f"update {k:3}: loss {loss:.4f}")
took = time.perf_counter() - start

digest = hashlib.sha256(b"".join(p.data.tobytes() for p in model.parameters())).hexdigest()[:16]
if len(set(distributed.together("the digests", lambda: digest))) > 1:
    raise SystemExit("the ranks have different weights")
if distributed.rank() == 0:
    arguments.out.mkdir(parents=True, exist_ok=True)
    tg.save(model, arguments.out / "added.npz")
    print(f"\nranks: {distributed.size()}, seconds: {took:.1f}, digest of the weights: {digest}")
    print(f"The weights are in {arguments.out / 'added.npz'}")
