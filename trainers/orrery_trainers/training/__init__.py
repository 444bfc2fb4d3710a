"""The trainers ``pretrain``, ``sft`` and ``rl``, and what they share."""
