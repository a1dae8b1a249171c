"""The command line: one module for each command, `main` brings them together."""
