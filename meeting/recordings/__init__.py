"""Recorded meetings through the live path."""
