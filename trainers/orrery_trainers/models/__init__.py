"""Language models that compute the next token: a small Llama in NumPy, and any other by transformers."""
