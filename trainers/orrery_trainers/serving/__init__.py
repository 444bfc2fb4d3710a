"""The policy server: OpenAI-compatible completions of one model."""
