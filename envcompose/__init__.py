"""envcompose composes pixi environments for CUDA machine-learning stacks."""

__version__ = "0.1.0"
