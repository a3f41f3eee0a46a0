"""Work that is still to be done, kept for the next start."""
