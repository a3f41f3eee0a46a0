"""Meetings while they run: one is ended or deleted, a source of it is muted or ended."""
