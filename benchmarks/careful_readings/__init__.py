"""What careful readings are worth; `python -m benchmarks.careful_readings`."""
