"""What several servers on one PostgreSQL make of meetings, and the cost; `python -m benchmarks.several_servers`."""
