"""The story of a batch, told to Temporal. Deterministic, no I/O."""
