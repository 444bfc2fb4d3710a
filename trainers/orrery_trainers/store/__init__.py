"""Files in the store: written so that they survive a kill, and believed only as far as they were checked."""
