"""Data-parallel training over MPI: a batch in shards, and the same bits for any number of processes.

``mpiexec -n 4 python train.py`` and ``python train.py`` give the same weights, bit for bit. A batch is cut into S
shards, whatever the number of ranks; each rank runs some of them; the gradients of all are added in the order of the
shards. With one rank none of it needs mpi4py.
"""

from tinygrad_lstm.distributed.data_parallel import DataParallel
from tinygrad_lstm.distributed.ranks import from_first, rank, size, together

__all__ = ["DataParallel", "from_first", "rank", "size", "together"]
