"""The same recording through the page's socket and through other services' protocols; `python -m benchmarks.doors`."""
