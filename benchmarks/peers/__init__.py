"""The same recordings through other systems and this one; `python -m benchmarks.peers`."""
