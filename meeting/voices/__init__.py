"""Voices that people asked to be remembered: which of them is heard; pure."""
