"""Training and evaluation of the tiny world model."""
