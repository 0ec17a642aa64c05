"""The driver of the comparison; `../run` is the command."""
