"""Every op of the engine: a NumPy forward with its derivatives beside it. Knows no Tensor and no graph.

Read in this order: plan, primitive, arithmetic, nonlinear, linear, reductions, shapes, indexing.
"""
