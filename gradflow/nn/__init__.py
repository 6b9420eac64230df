"""The network and its gradients.

Shape letters of this package: S seeds (independent networks), L hidden layers, W width, B batch.
Arrays are features-major: activations and deltas are (S, features, B), weights (S, fan_in, fan_out).
"""
