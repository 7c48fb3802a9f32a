"""The engine: tensors, the graph they leave behind, and the loop that walks it backward.

Read in this order. The contract: ops/rules, ops/primitive, and the ops themselves, ops/arithmetic, nonlinear, linear,
indexing. Forward: ops/plan, current, call_site, node, handle, record. Backward: contributions, autodiff. What users may
set: modes, scope, through; what is refused: changes, failures. Any call of an op: literals, ops/binding, calls. What
users have: numpy_protocol, methods, operators, tensor, gradients, backward_events, creation, naming.
"""
