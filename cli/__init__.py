"""The `overnight` command: serves, submits, watches."""
