"""Data of nobody: generators, each with the judges of its fidelity, its use and its privacy. Opens no file."""
