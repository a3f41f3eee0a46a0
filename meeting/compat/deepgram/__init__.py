"""Deepgram's speech-to-text API, version 1: `/v1/listen` as a socket, and for files."""
