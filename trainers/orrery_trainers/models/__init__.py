"""Language models: a small Llama in NumPy, any other model with transformers, and sampling."""
