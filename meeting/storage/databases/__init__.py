"""The databases that a store may lie in: what each does its own way, and the one thread that writes."""
