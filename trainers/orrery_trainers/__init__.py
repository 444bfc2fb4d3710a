"""Python half of orrery: trainers on TRL, the policy server and the verifier.

One sub-package an idea. What each may import is the table of ``trainers/tests/test_walls.py``.

=============  =========================================================================================
store          files that survive a kill, canonical JSON, manifests
pod            the pod contract: stage file in; progress, parts and an exit code out
domains        problems, demonstrations and ``verify`` of a subject; what a ``domain.py`` imports
verdicts       the verifier: one program, a pool of judges, a cache, canaries
models         what computes tokens: the small Llama in NumPy, any model by transformers, sampling
serving        the policy server: decoding engine, completions, limits of HTTP
checkpoints    publish a checkpoint, judge it, keep or remove it, resume from it
training       the trainers ``pretrain``, ``sft`` and ``rl``, and what they share
=============  =========================================================================================

A program runs as ``python -m orrery_trainers.<sub-package>.<module>``: ``training.pretrain``, ``training.sft``,
``training.rl``, ``serving.policy_server``, ``verdicts.verifier``, ``domains.problems``, ``models.convert_gguf``.
"""
