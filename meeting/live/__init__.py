"""Meetings while they run: rooms, the thread of each source, saving, recovery after a crash, retention."""
