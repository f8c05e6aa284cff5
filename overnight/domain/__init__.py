"""What a batch, a file, a line and a deployment *are*. Pure: no I/O, no clock, no environment."""
