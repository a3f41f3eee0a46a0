"""Servers under attack: killed, cut off, starved, fed with garbage, besieged; `python -m benchmarks.torture`."""
