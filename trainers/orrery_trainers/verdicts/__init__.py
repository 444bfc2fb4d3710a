"""Verdicts: the verifier program, its pool of judges, and the canaries that check it."""
