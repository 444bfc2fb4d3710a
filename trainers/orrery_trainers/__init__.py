"""Python half of orrery: trainers on TRL, the policy server and the verifier.

Every module that is a program runs as ``python -m orrery_trainers.<name>`` in the pod contract of
``docs/architecture.md``. This package imports nothing by itself: the verifier must start in milliseconds, and torch
takes seconds.
"""
