"""Python half of orrery: trainers on TRL, the policy server and the verifier.

Each sub-package holds one idea. The table in ``lint/walls.ts`` says what each may import.

=============  =========================================================================================
store          files that survive a kill, canonical JSON, manifests
pod            the pod contract: a stage file is the input; progress, parts and an exit code are the output
domains        problems, demonstrations and ``verify`` of a domain; the module that a ``domain.py`` imports
verdicts       the verifier: a program with a pool of judges, a cache of verdicts, and canaries
models         language models: the small Llama in NumPy, any model with transformers, sampling
serving        the policy server: decoding engine, completions, HTTP limits
checkpoints    publish, check, keep, remove and resume from a checkpoint
training       the trainers ``pretrain``, ``sft`` and ``rl``, and their shared code
=============  =========================================================================================

A program runs as ``python -m orrery_trainers.<sub-package>.<module>``: ``training.pretrain``, ``training.sft``,
``training.rl``, ``serving.policy_server``, ``verdicts.verifier``, ``domains.problems``, ``models.convert_gguf``.
"""
