"""Tests of what makes one meeting of several sources."""
