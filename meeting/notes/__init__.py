"""Notes of a meeting by a language model that its operator has chosen: planned, asked for, read and checked."""
