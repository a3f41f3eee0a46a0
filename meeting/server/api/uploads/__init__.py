"""Recordings that become meetings: sent bit by bit, queued, followed and cancelled."""
