"""PyTorch: weights both ways, and whole modules as ours, checked against PyTorch's own numbers.

    state_dict, load_state_dict, save, load    the weights of RNN, LSTM and GRU layers and cells
    mirror(module)                             a module of ours with the same weights that computes the same
    run(module, x, loss=f)                     mirrored, run on x, checked; its loss and its trajectory, to be drawn

PyTorch is imported only where a module of PyTorch comes in.
"""

from tinygrad_lstm.interop.torch.mirror import mirror
from tinygrad_lstm.interop.torch.runs import Run, run
from tinygrad_lstm.interop.torch.weights import load, load_state_dict, save, state_dict

__all__ = ["Run", "load", "load_state_dict", "mirror", "run", "save", "state_dict"]
