"""Connections as they come in: accepted, bounded and timed, below HTTP and WebSocket endpoints."""
