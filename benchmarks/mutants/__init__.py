"""Faults planted in copies of the program, and the tests that catch them; `python -m benchmarks.mutants`."""
