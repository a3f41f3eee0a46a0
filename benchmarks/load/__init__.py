"""Many live meetings on one server; `python -m benchmarks.load`."""
