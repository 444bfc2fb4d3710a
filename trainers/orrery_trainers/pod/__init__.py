"""The pod contract (docs/architecture.md): a stage file is the input; progress, parts and an exit code are the output.

This package imports neither torch nor TRL, so a program refuses bad input within milliseconds.
"""
