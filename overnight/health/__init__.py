"""Whether what a process stands on is there: asked with patience, said in words, and without a secret."""
