"""Several microphones in one meeting: simulated, heard each by itself, joined, and measured against the best one."""
