"""Conversations in rooms, made from single utterances with exact references, and what the program makes of them."""
