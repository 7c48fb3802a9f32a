"""Every op of the engine: a NumPy forward with its derivatives beside it. Does not import Tensor, and knows no graph.

Read in this order: rules, primitive, arithmetic, nonlinear, linear, indexing; then binding and plan, which the engine
uses when an op is called; reductions, softmax, shapes. These are enough for a recurrent network. The rest is what
NumPy's users expect: ufuncs, products; and, made of the others (composite), norms, contractions, picking, rearranging,
diagonals.
"""
