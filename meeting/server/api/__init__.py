"""The HTTP API, one file for each resource: meetings, edits, transcripts, notes, audio, links, search."""
