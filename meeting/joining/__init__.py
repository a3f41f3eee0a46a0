"""Several sources in one meeting: one clock, one line for what several microphones heard, one speaker for one voice."""
