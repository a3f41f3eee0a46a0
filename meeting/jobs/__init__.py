"""Recordings that are sent to a server: taken bit by bit, heard one after another, each a meeting in the end."""
