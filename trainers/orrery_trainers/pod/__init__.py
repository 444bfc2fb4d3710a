"""The pod contract (docs/architecture.md): the stage file comes in; progress, parts and an exit code go out.

Nothing here imports torch or TRL, so bad input is refused in milliseconds.
"""
