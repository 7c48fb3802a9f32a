"""Names that people bring along from PyTorch, NumPy, Keras and JAX, each with what it is called here.

One rule decides: a thing has one name here, NumPy's for arrays and PyTorch's for networks, and nothing is offered under
a second one. A foreign name answers in one line that says ours. A name that means one thing there and another here
(``split``, ``repeat``) keeps our meaning.

In the tables, a text that ends in a full stop is a remark; any other is ours. ``x`` is a tensor, ``module`` an
nn.Module, ``layer`` a recurrent layer. A name that another place here has, as ``tg.Linear``, needs no line: see
``answers``.
"""

from __future__ import annotations

ON_CPU = "all arrays are in the memory of the CPU, so leave it out."
IN_PLACE = "tensors are not changed in place."
CONVOLUTION = "there are no convolutions here; the layers are recurrent, e.g. nn.LSTM."
ATTENTION = "nn.MultiheadAttention and nn.TransformerBlock"
FOUND = "a plain list or dict in an attribute: an nn.Module finds its parts there"
HARD_SIGMOID = "tg.hard_sigmoid(x, 1 / 6)"
OWN_OP = "write it with tg.maximum, tg.where and tg.exp, or as an op of your own with tg.primitive."
RANKS = "tg.distributed.DataParallel, for an optimiser; mpiexec starts the processes,"
COMPILER = "tg.compile, of a function that returns a loss"
NO_COPY = "nothing changes a tensor, so it needs no copy; a new leaf is tg.tensor(x.data)."
NO_GRADIENT = "what is no real number needs no gradient: take the array, x.data."

FUNCTIONS = {  # of torch, tensorflow and jax; what is only NumPy's answers by itself, see ``_numpys``
    "cat": "tg.concatenate", "concat": "tg.concatenate", "dstack": "tg.stack", "view": "tg.reshape",
    "unsqueeze": "tg.expand_dims", "permute": "tg.transpose", "permute_dims": "tg.transpose", "adjoint": "tg.swapaxes",
    "matrix_transpose": "tg.swapaxes", "movedim": "tg.moveaxis", "swapdims": "tg.swapaxes", "t": "x.T",
    "chunk": "tg.array_split", "tensor_split": "tg.array_split", "hsplit": "tg.split", "vsplit": "tg.split",
    "gather": "tg.take_along_axis", "index_select": "tg.take", "masked_select": "x[mask]",
    "masked_fill": "tg.where", "scatter_add": "tg.index_add", "index_copy": "tg.index_put", "narrow": "tg.index",
    "select": "tg.index", "unbind": "tg.unstack", "flatten": "tg.ravel", "repeat_interleave": "tg.repeat",
    "bmm": "tg.matmul", "mm": "tg.matmul", "mv": "tg.matmul", "addmm": "tg.matmul", "baddbmm": "tg.matmul",
    "chain_matmul": "tg.matmul", "amax": "tg.max", "amin": "tg.min", "aminmax": "tg.max", "pow": "tg.power",
    "mul": "tg.multiply", "sub": "tg.subtract", "div": "tg.divide", "true_divide": "tg.divide", "neg": "tg.negative",
    "rsqrt": "1 / tg.sqrt(x)", "clamp": "tg.clip", "clip_by_value": "tg.clip", "acos": "tg.arccos",
    "asin": "tg.arcsin", "atan": "tg.arctan", "atan2": "tg.arctan2", "acosh": "tg.arccosh", "asinh": "tg.arcsinh",
    "atanh": "tg.arctanh", "lerp": "a + weight * (b - a)", "eq": "x == y",
    "ne": "x != y", "gt": "x > y", "ge": "x >= y", "lt": "x < y", "le": "x <= y", "std_mean": "tg.std and tg.mean",
    "var_mean": "tg.var and tg.mean", "topk": "tg.sort and tg.argsort", "kthvalue": "tg.sort", "median": "tg.sort",
    "equal": "np.array_equal", "from_numpy": "tg.tensor", "as_tensor": "tg.tensor", "asarray": "tg.tensor",
    "array": "tg.tensor", "FloatTensor": "tg.tensor", "DoubleTensor": "tg.tensor", "LongTensor": "tg.tensor",
    "convert_to_tensor": "tg.tensor", "constant": "tg.tensor", "Variable": "nn.Parameter", "Parameter": "nn.Parameter",
    "empty": "tg.zeros", "empty_like": "tg.zeros_like", "full_like": "tg.full", "new_zeros": "tg.zeros",
    "randint": "tg.generator().integers", "randperm": "tg.generator().permutation", "normal": "tg.randn",
    "bernoulli": "tg.generator().random", "multinomial": "tg.generator().choice", "rand_like": "tg.rand",
    "randn_like": "tg.randn", "random": "tg.randn and tg.rand, or tg.generator()", "seed": "tg.manual_seed",
    "set_seed": "tg.manual_seed", "Generator": "tg.generator", "get_rng_state": "tg.generator", "numel": "x.size",
    "is_tensor": "isinstance(x, tg.Tensor)", "numpy": "x.numpy()", "set_grad_enabled": "tg.no_grad or tg.enable_grad",
    "inference_mode": "tg.no_grad", "is_grad_enabled": "x.requires_grad", "autograd": "tg.grad and tg.func",
    "Function": "tg.primitive", "custom_vjp": "tg.primitive", "custom_gradient": "tg.primitive",
    "GradientTape": "tg.grad", "gradients": "tg.grad", "stop_gradient": "x.detach()",
    "checkpoint": "tg.func.checkpoint",
    "value_and_grad": "tg.func.value_and_grad", "vjp": "tg.func.vjp", "jvp": "tg.func.jvp", "hvp": "tg.func.hvp",
    "jacobian": "tg.func.jacobian", "jacrev": "tg.func.jacobian", "jacfwd": "tg.func.jacobian",
    "hessian": "tg.func.hessian", "linalg": "tg.norm, or np.linalg for arrays", "keras": "nn.Module and its layers",
    "Module": "nn.Module", "reduce_sum": "tg.sum", "reduce_mean": "tg.mean", "reduce_max": "tg.max",
    "reduce_min": "tg.min", "reduce_prod": "tg.prod", "one_hot": "np.eye(V)[indices]", "diag_embed": "tg.diag",
    "set_default_tensor_type": "tg.set_default_dtype", "set_anomaly_enabled": "tg.detect_anomaly", "Size": "x.shape",
    "make_dot": "viz.draw", "utils": "nn.utils", "init": "nn.init", "functional": "nn.functional",
    "cross_entropy": "tg.losses.cross_entropy", "mse_loss": "tg.losses.mse_loss", "l1_loss": "tg.losses.l1_loss",
    "cuda": ON_CPU, "device": ON_CPU, "set_default_device": ON_CPU, "backends": ON_CPU, "mps": ON_CPU,
    "compile": COMPILER,
    "jit": COMPILER, "function": COMPILER,
    "vmap": "leading axes are the batch: tg.matmul, tg.linear and nn.Linear take any number of them.",
    "lax": "a loop in Python is recorded as it is; for a linear one there is nn.linear_scan.",
}  # fmt: skip

METHODS = {  # of torch.Tensor, tf.Tensor, jax.Array, ndarray; for the others on a tensor see ``answer``
    "view": "x.reshape", "view_as": "x.reshape", "reshape_as": "x.reshape", "resize": "x.reshape",
    "permute": "x.transpose", "t": "x.T", "mT": "x.swapaxes(-1, -2)", "H": "x.T", "adjoint": "x.swapaxes(-1, -2)",
    "numel": "x.size", "nelement": "x.size", "dim": "x.ndim", "ndimension": "x.ndim", "type": "x.astype, or x.dtype",
    "to": "x.astype, for a dtype; there is no device", "type_as": "x.astype", "float": "x.astype(np.float32)",
    "double": "x.astype(np.float64)", "half": "x.astype(np.float16)", "bfloat16": "x.astype(np.float16)",
    "long": NO_GRADIENT, "int": NO_GRADIENT, "bool": NO_GRADIENT, "byte": NO_GRADIENT, "cpu": ON_CPU, "cuda": ON_CPU,
    "device": ON_CPU, "get_device": ON_CPU, "is_cuda": ON_CPU, "pin_memory": ON_CPU, "block_until_ready": ON_CPU,
    "layout": ON_CPU, "clone": NO_COPY, "copy": NO_COPY,
    "contiguous": "the order in memory does not matter, so leave it out.",
    "is_contiguous": "x.data.flags.c_contiguous", "detach_": "x.detach()", "requires_grad_": "x.requires_grad = True",
    "grad_fn": "tg.graph_of(x)", "is_floating_point": "x.dtype.kind", "is_complex": "x.dtype.kind",
    "element_size": "x.data.itemsize", "data_ptr": "x.data.ctypes.data", "stride": "x.data.strides",
    "storage": "x.data", "untyped_storage": "x.data", "expand": "tg.broadcast_to", "expand_as": "tg.broadcast_to",
    "new_tensor": "tg.tensor", "new_ones": "tg.ones", "new_full": "tg.full", "at": "tg.index_put",
    "assign": "x.data = value", "add": "x + y, or tg.add", "sub": "x - y, or tg.subtract",
    "mul": "x * y, or tg.multiply", "div": "x / y, or tg.divide", "pow": "x ** y, or tg.power",
    "matmul": "x @ y, or tg.matmul", "mm": "x @ y, or tg.matmul", "bmm": "x @ y, or tg.matmul",
    "neg": "-x, or tg.negative", "abs": "abs(x), or tg.abs", "fill": "tg.full", "eval": "x.numpy()",
    "clamp_min": "tg.maximum", "clamp_max": "tg.minimum", "cummax": "np.maximum.accumulate(x.data)",
    "ptp": "x.max() - x.min()", "greater": "x > y", "less": "x < y", "not_equal": "x != y", "real": "x.data.real",
    "index_fill": "tg.index_put", "put": "tg.index_put", "assign_add": "x.data += value",
    "assign_sub": "x.data -= value", "zero_": "x.grad = None for a gradient, or x.data = 0 * x.data",
    "fill_": "tg.full", "copy_": "x.data = value", "normal_": "x.data = nn.init.normal(x.shape)",
    "uniform_": "x.data = nn.init.uniform(x.shape, bound)", "resize_": "x.reshape",
}  # fmt: skip

LAYERS = {  # of torch.nn and keras.layers
    "Dense": "nn.Linear", "Bidirectional": "nn.LSTM, with bidirectional=True", "SimpleRNN": "nn.RNN",
    "TimeDistributed": "nn.Linear, which takes any leading axes", "LazyLinear": "nn.Linear",
    "LayerNormalization": "nn.LayerNorm", "BatchNormalization": "nn.LayerNorm", "BatchNorm1d": "nn.LayerNorm",
    "GroupNorm": "nn.LayerNorm", "RMSNorm": "nn.LayerNorm", "StackedRNNCells": "nn.LSTM, with num_layers=",
    "RNNBase": "nn.Recurrent", "RNNCellBase": "nn.Cell", "Masking": "nn.LSTM(...)(x, mask=mask)",
    "ParameterList": FOUND, "ParameterDict": FOUND, "ModuleDict": FOUND, "Layer": "nn.Module", "Model": "nn.Module",
    "Unflatten": "x.reshape",
    "Input": "the input size is the first argument, as in nn.LSTM(3, 5).",
    "SpatialDropout1D": "nn.LockedDropout", "Dropout1d": "nn.LockedDropout", "EmbeddingBag": "nn.Embedding",
    "rnn": "nn.unroll and nn.utils", "parameter": "nn.Parameter", "modules": "nn.Module",
    "Buffer": "an array in an attribute is no nn.Parameter, so it is not trained.", "DataParallel": RANKS,
    "parallel": RANKS, "DistributedDataParallel": RANKS, "FullyShardedDataParallel": RANKS,
    "lr_scheduler": "optim.lr_scheduler",
    "LeakyReLU": OWN_OP, "ELU": "tg.elu", "PReLU": OWN_OP, "Softsign": "tg.softsign",
    "Hardsigmoid": HARD_SIGMOID, "Hardtanh": "tg.clip",
    "Conv1d": CONVOLUTION, "Conv2d": CONVOLUTION, "Conv2D": CONVOLUTION, "MaxPool2d": CONVOLUTION,
    "AvgPool1d": CONVOLUTION, "BatchNorm2d": CONVOLUTION,
    "Transformer": ATTENTION,
    "CTCLoss": "there is no such loss; tg.losses has those that are here.",
    "CosineSimilarity": "x @ y / (tg.norm(x) * tg.norm(y))",
}  # fmt: skip

LAYER_FUNCTIONS = {  # of torch.nn.functional
    "dropout": "nn.Dropout", "layer_norm": "nn.LayerNorm", "one_hot": "np.eye(V)[indices]",
    "normalize": "x / tg.norm(x)",
    "logsigmoid": "-tg.softplus(-x)", "leaky_relu": OWN_OP, "elu": "tg.elu",
    "softsign": "tg.softsign", "hardsigmoid": HARD_SIGMOID,
    "hardtanh": "tg.clip", "binary_cross_entropy": "nn.functional.binary_cross_entropy_with_logits",
    "conv1d": CONVOLUTION, "conv2d": CONVOLUTION,
    "max_pool2d": CONVOLUTION, "scaled_dot_product_attention": ATTENTION,
    "cosine_similarity": "x @ y / (tg.norm(x) * tg.norm(y))", "lstm": "nn.LSTM", "batch_norm": "nn.LayerNorm",
}  # fmt: skip

HELPERS = {  # of torch.nn.utils
    "rnn": "nn.utils itself, as in nn.utils.pad_sequence",
    "clip_grad_norm": "nn.utils.clip_grad_norm_", "clip_grad_value": "nn.utils.clip_grad_value_",
    "clip_by_global_norm": "nn.utils.clip_grad_norm_", "pack_sequence": "nn.utils.pack_padded_sequence",
    "unpad_sequence": "nn.utils.pad_packed_sequence", "unpack_sequence": "nn.utils.pad_packed_sequence",
    "parameters_to_vector": "module.state_dict", "vector_to_parameters": "module.load_state_dict",
    "get_total_norm": "nn.utils.clip_grad_norm_, which returns it", "checkpoint": "tg.func.checkpoint",
    "data": "a loop over slices of arrays, x[:, k:k + n].",
}  # fmt: skip

STARTS = {  # of torch.nn.init, which writes into a parameter: here ``module.W.data = nn.init.glorot(rows, columns)``
    "xavier_uniform_": "nn.init.glorot", "xavier_uniform": "nn.init.glorot", "xavier_normal_": "nn.init.normal",
    "kaiming_uniform_": "nn.init.uniform", "kaiming_normal_": "nn.init.normal", "orthogonal_": "nn.init.orthogonal",
    "uniform_": "nn.init.uniform", "normal_": "nn.init.normal", "trunc_normal_": "nn.init.normal",
    "zeros_": "tg.zeros", "ones_": "tg.ones", "constant_": "tg.full", "eye_": "tg.eye",
    "glorot_uniform": "nn.init.glorot", "GlorotUniform": "nn.init.glorot", "Orthogonal": "nn.init.orthogonal",
}  # fmt: skip

JOBS = {  # of torch.distributed and mpi4py
    "get_rank": "tg.distributed.rank", "get_world_size": "tg.distributed.size", "Get_rank": "tg.distributed.rank",
    "Get_size": "tg.distributed.size", "init_process_group": "mpiexec starts the job, so leave it out.",
    "destroy_process_group": "the job ends with its ranks, so leave it out.", "is_initialized": "tg.distributed.size",
    "all_reduce": "tg.distributed.DataParallel.backward, in an order that does not depend on the ranks,",
    "all_gather_object": "tg.distributed.together", "all_gather": "tg.distributed.together",
    "barrier": "tg.distributed.together", "broadcast": "tg.distributed.from_first",
    "broadcast_object_list": "tg.distributed.from_first", "DistributedDataParallel": RANKS,
}  # fmt: skip

NO_RULE = "it is not here; optim.Adam is, and a subclass of optim.Optimizer is a few lines."
OPTIMISERS = {  # of torch.optim, keras.optimizers and optax
    "Adadelta": NO_RULE, "Adamax": NO_RULE, "NAdam": NO_RULE, "Nadam": NO_RULE, "RAdam": NO_RULE, "LBFGS": NO_RULE,
    "Rprop": NO_RULE, "ASGD": NO_RULE, "SparseAdam": NO_RULE, "Lion": NO_RULE, "Muon": NO_RULE,
    "sgd": "optim.SGD", "adam": "optim.Adam", "adamw": "optim.AdamW", "rmsprop": "optim.RMSprop",
    "adagrad": "optim.Adagrad", "clip_grad_norm_": "nn.utils.clip_grad_norm_", "schedules": "optim.lr_scheduler",
    "apply_updates": "optim.Optimizer.step", "swa_utils": "the mean of several module.state_dict()",
}  # fmt: skip

SCHEDULES = {  # of torch.optim.lr_scheduler
    "CyclicLR": "optim.lr_scheduler.LambdaLR", "PolynomialLR": "optim.lr_scheduler.LambdaLR",
    "ConstantLR": "optim.lr_scheduler.LinearLR", "MultiplicativeLR": "optim.lr_scheduler.ExponentialLR",
    "ChainedScheduler": "optim.lr_scheduler.SequentialLR", "ExponentialDecay": "optim.lr_scheduler.ExponentialLR",
    "CosineDecay": "optim.lr_scheduler.CosineAnnealingLR",
}  # fmt: skip

PICTURES = {  # of torchviz, keras.utils, matplotlib
    "make_dot": "viz.draw", "draw_graph": "viz.draw", "plot_model": "viz.draw", "model_to_dot": "viz.draw",
    "graph": "viz.draw", "plot": "viz.plots", "heatmap": "viz.plots.lag_matrix", "summary": "print(module)",
    "show": "viz.draw(y) as the last line of a cell, or viz.draw(y).save(path)", "render": "viz.draw(y).save(path)",
    "save": "viz.draw(y).save(path)", "animate": "viz.player", "SummaryWriter": "viz.plots.training_curve",
}  # fmt: skip

OF_A_MODULE = {  # of torch.nn.Module and keras.Model
    "cuda": ON_CPU, "cpu": ON_CPU, "share_memory": ON_CPU, "to": "module.astype, for a dtype; there is no device",
    "float": "module.astype(np.float32)", "double": "module.astype(np.float64)", "half": "module.astype(np.float16)",
    "type": "module.astype", "named_modules": "module.modules", "named_children": "module.children",
    "get_parameter": "module.named_parameters", "buffers": "module.state_dict", "apply": "a loop over module.modules()",
    "add_module": "setattr(module, name, part)", "register_module": "setattr(module, name, part)",
    "register_parameter": "an attribute that is an nn.Parameter",
    "append": "an nn.ModuleList is made once; a plain list in an attribute is found too, and can grow.",
    "register_buffer": "an array in an attribute; what is no nn.Parameter is not trained",
    "register_forward_hook": "a subclass with a forward of its own; tg.label names values for all to see.",
    "register_forward_pre_hook": "a subclass with a forward of its own, as nn.Module explains.",
    "register_full_backward_hook": "x.register_hook on its output, or tg.through",
    "requires_grad_": "a loop over module.parameters() that sets requires_grad",
    "fit": "write the loop over batches, with loss.backward() and optimizer.step().",
    "predict": "module(x), under tg.no_grad()", "evaluate": "module(x), under tg.no_grad()", "summary": "print(module)",
    "compile": COMPILER,
    "weights": "module.parameters", "variables": "module.parameters", "trainable_weights": "module.parameters",
    "trainable_variables": "module.parameters", "get_weights": "module.state_dict",
    "set_weights": "module.load_state_dict",
    "count_params": "module.parameter_count", "save_weights": "tg.save", "load_weights": "tg.load", "save": "tg.save",
    "flatten_parameters": "nothing has to be laid out, so leave it out.", "all_weights": "module.parameters",
    "weight": "module.W", "bias": "module.b", "kernel": "module.W", "cells": "layer.layers",
    "weight_ih_l0": "layer.layers[0].W", "weight_hh_l0": "layer.layers[0].U", "bias_ih_l0": "layer.layers[0].b",
    "bias_hh_l0": "layer.layers[0].b", "weight_ih": "module.W", "weight_hh": "module.U", "bias_ih": "module.b",
    "bias_hh": "module.b",
}  # fmt: skip

KINDS = {  # layers and functions of a kind, by what is in their names, whatever the case; the first that fits
    r"attention|transformer": ATTENTION,
    r"conv|pool|pad(\d|$)|fold|upsampl|interpolate|pixel|shuffle|grid_sample|response_?norm": CONVOLUTION,
    r"(batch|instance|group|rms)_?norm": "nn.LayerNorm",
    r"dropout": "nn.Dropout",
    r"loss$|cross_entropy": "there is no such loss; tg.losses has those that are here.",
    r"lu\d?_?$|hard|soft|shrink|sigmoid|mish|threshold": OWN_OP,
}

PLACES = {
    "tg.distributed": JOBS,
    "tg": FUNCTIONS, "x": METHODS, "module": OF_A_MODULE, "nn": LAYERS, "nn.functional": LAYER_FUNCTIONS,
    "nn.utils": HELPERS, "nn.init": STARTS, "optim": OPTIMISERS, "optim.lr_scheduler": SCHEDULES, "viz": PICTURES,
}  # fmt: skip
