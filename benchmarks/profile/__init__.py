"""CPU by part of the models; `python -m benchmarks.profile`."""
