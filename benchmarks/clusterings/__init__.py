"""Other ways to tell voices apart, compared with the program's: `python -m benchmarks.clusterings`."""
