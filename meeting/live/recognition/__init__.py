"""Voices that people asked to be remembered: told to the meetings that run, and learnt from any."""
