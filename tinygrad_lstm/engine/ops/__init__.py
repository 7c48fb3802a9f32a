"""The ops of recurrent networks: a NumPy forward with its derivatives beside it. None imports Tensor or knows a graph.

Read in this order: rules, primitive, arithmetic, nonlinear, linear, indexing; then binding and plan, which the engine
uses when an op is called; choices, reductions, softmax, shapes. The rest of NumPy's functions is in ``more``.
"""
