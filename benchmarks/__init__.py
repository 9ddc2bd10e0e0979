"""Measurements of reludsl's solvers against those of others, on fixed problems: `python -m benchmarks --help`."""
