"""Every op of the engine: a NumPy forward with its derivatives beside it. Knows no Tensor and no graph.

Read in this order: plan, words, primitive, arithmetic, nonlinear, linear, reductions, shapes, indexing. These are
enough for a recurrent network. The rest is what NumPy's users expect: ufuncs, products; and, made of the others
(composite), norms, contractions, picking, rearranging, diagonals.
"""
