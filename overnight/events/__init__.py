"""What happened to batches, and the sinks that want to know.

Nothing is imported here: `config` needs `settings` alone, in commands that are to start at once.
"""
