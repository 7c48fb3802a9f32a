"""The ops of recurrent networks: a NumPy forward with its derivatives beside it. None imports Tensor or knows a graph.

Read in this order: rules, primitive, arithmetic, nonlinear, linear, indexing; then plan, and after the loop binding,
which the engine uses when an op is called; choices, reductions, softmax, shapes. The rest of NumPy is in ``more``.
"""
