"""Databases for tests that are servers of their own."""
