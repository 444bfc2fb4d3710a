"""Toy programs judge nothing, but a domain without a verifier is refused."""
