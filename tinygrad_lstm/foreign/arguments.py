"""Arguments that PyTorch, NumPy and Keras call otherwise, each with its name here, and those that are not here."""

from __future__ import annotations

from collections.abc import Collection, Iterable

OURS: dict[str, tuple[str, ...]] = {  # of a foreign name, ours: the first that the called function has
    "dim": ("axis", "axes"), "dims": ("axis", "axes", "shift"), "axes": ("axis",), "keepdim": ("keepdims",),
    "keep_dims": ("keepdims",), "input": ("x", "a", "input"), "tensors": ("arrays",), "other": ("b",),
    "self": ("x", "a"), "dim0": ("axis1",), "dim1": ("axis2",), "correction": ("ddof",), "unbiased": ("ddof",),
    "a_min": ("min",), "a_max": ("max",), "exponent": ("b",), "diagonal": ("k", "offset"), "index": ("indices", "key"),
    "sections": ("indices_or_sections",), "chunks": ("indices_or_sections",), "size": ("shape",),
    "newshape": ("shape",), "split_size_or_sections": ("indices_or_sections",), "fill_value": ("value",),
    "shifts": ("shift",), "src": ("values",), "p": ("ord",), "num_segments": ("shape",), "pad": ("pad_width",),
    "end": ("stop",), "N": ("n",), "learning_rate": ("lr",), "lr_decay": ("weight_decay",), "parameters": ("params",),
    "decay": ("weight_decay",), "beta_1": ("betas",), "beta_2": ("betas",), "beta1": ("betas",), "beta2": ("betas",),
    "epsilon": ("eps",), "rho": ("alpha",), "units": ("hidden_size", "out_features"), "n_layers": ("num_layers",),
    "layers": ("num_layers",), "input_dim": ("input_size", "in_features", "num_embeddings"),
    "hidden_dim": ("hidden_size",), "output_dim": ("embedding_dim", "out_features"), "embed_dim": ("embedding_dim",),
    "vocab_size": ("num_embeddings",), "use_bias": ("bias",), "activation": ("nonlinearity",),
    "go_backwards": ("reverse",), "rate": ("p", "dropout"), "normalized_shape": ("features",), "hx": ("state",),
    "initial_state": ("state",), "h_0": ("state",), "h0": ("state",), "unit_forget_bias": ("forget_bias",),
    "num_directions": ("bidirectional",), "clipnorm": ("max_norm",), "size_average": ("reduction",),
    "reduce": ("reduction",), "y_true": ("target",), "y_pred": ("input",), "labels": ("target",), "logits": ("input",),
    "targets": ("target",), "class_weight": ("weight",), "sequence_length": ("lengths",), "seq_lengths": ("lengths",),
    "grad_tensors": ("gradient",), "only_inputs": ("inputs",),
    "T_max": ("steps",), "start_dim": ("start_axis",), "end_dim": ("end_axis",),
}  # fmt: skip

ABSENT = {  # what no function here has, and why it needs none
    "dtype": "say x.astype(dtype), before or after", "out": "use the result; nothing is written in place",
    "where": "choose with tg.where first", "initial": "use the result with tg.maximum, tg.minimum or +",
    "order": "elements are taken row by row", "device": "all arrays are in the memory of the CPU",
    "memory_format": "the order in memory does not matter", "layout": "the order in memory does not matter",
    "non_blocking": "all arrays are in the memory of the CPU", "pin_memory": "all arrays are in the memory of the CPU",
    "inplace": "nothing is changed in place", "copy": "nothing is changed in place", "kind": "sorting is stable",
    "descending": "negate x, or tg.flip the result", "stable": "sorting is stable",
    "set_to_none": "a gradient that is forgotten is always None", "foreach": "leave it out",
    "capturable": "leave it out", "differentiable": "leave it out",
    "return_sequences": "a layer gives all steps; the last is output[-1]",
    "return_state": "a layer gives (output, state) always", "stateful": "wrap the layer in nn.Stateful",
    "training": "say module.train() or module.eval()", "unroll": "layer.unroll(x) gives every step",
    "input_shape": "the input size is the first argument", "kernel_initializer": "say init= to a layer, or set W.data",
    "recurrent_initializer": "say init= to a layer, or set U.data",
    "recurrent_dropout": "wrap the cell, nn.RecurrentDropout",
    "name": "a part is called as its attribute; a value gets a name with tg.label",
    "from_logits": "an input is always scores, which are not normalised", "sparse": "all gradients are dense arrays",
    "amsgrad": "leave it out",
    "activation": "of the cells, nn.RNNCell has nonlinearity",
}  # fmt: skip


def explain_arguments(given: Iterable[str], has: Collection[str]) -> str:
    """Of the arguments given, those that a function with these names does not have, as an explanation; or ''.

    >>> explain_arguments(["dim", "keepdims"], ["x", "axis", "keepdims"])
    'dim is called axis here'
    >>> explain_arguments(["dtype"], ["x", "axis"])
    'dtype is not here: say x.astype(dtype), before or after'
    """
    said = []
    for name in given:
        ours = next((own for own in OURS.get(name, ()) if own in has), None)
        if name in has:
            continue
        if ours is not None:
            said.append(f"{name} is called {ours} here")
        elif name in ABSENT:
            said.append(f"{name} is not here: {ABSENT[name]}")
    return "; ".join(said)
