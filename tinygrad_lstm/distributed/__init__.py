"""Data-parallel training over MPI: a batch in shards, and the same bits for any number of processes.

``mpiexec -n 4 python train.py`` and ``python train.py`` give the same weights, bit for bit. A batch is cut into S
shards, whatever the number of ranks; each rank runs some of them; the gradients of all are added in the order of the
shards. With one rank none of it needs mpi4py.
"""

from typing import TYPE_CHECKING

from tinygrad_lstm.distributed.data_parallel import DataParallel
from tinygrad_lstm.distributed.ranks import from_first, rank, size, together
from tinygrad_lstm.engine.absent import getattr_of

__all__ = ["DataParallel", "from_first", "rank", "size", "together"]

if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("tg.distributed", __name__)


def __dir__() -> list[str]:
    """What there is for a user."""
    return [*__all__, *[name for name in globals() if name.startswith("__")]]
