"""What the benchmarks stand on: servers and clients as processes and sockets, recordings, figures, reports."""
