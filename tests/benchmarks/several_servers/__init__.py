"""Several servers as a benchmark."""
