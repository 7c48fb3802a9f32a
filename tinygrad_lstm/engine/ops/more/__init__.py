"""The rest of NumPy's functions, to look things up in: no recurrent network needs them.

Each module stands alone, but for the ops of the room above and for ``composite``, which says how a function is made of
other ops: ufuncs, products, contractions, norms, picking, rearranging, diagonals.
"""
