"""The network and its gradients.

Shape letters of this package: S seeds (independent networks), L hidden layers, W width, B batch.
A part states its mathematics once and purely; scaling, exactness, factors, the gradient check and memory are
written once, for any block of parts, since every part's way back is linear in delta.
Arrays are features-major: activations and deltas are (S, features, B), weights (S, fan_in, fan_out).
"""
