"""The HTTP API, one file for each resource: meetings, edits, transcripts, audio, links, search."""
