"""OpenAI's realtime transcription sessions: `/v1/realtime` as a socket."""
