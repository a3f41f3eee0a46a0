"""Two checkouts of this project on the same recordings; `python -m benchmarks.compare`."""
