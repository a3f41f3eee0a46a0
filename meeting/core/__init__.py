"""Values and pure rules of a meeting: messages, records, the transcript, exports."""
