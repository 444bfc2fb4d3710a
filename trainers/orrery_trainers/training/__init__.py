"""The trainers ``pretrain``, ``sft`` and ``rl``, and their shared code."""
