"""Tests of what several servers share."""
