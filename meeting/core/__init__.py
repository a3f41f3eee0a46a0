"""Values and pure rules of a meeting: settings, messages, records, the transcript, edits, exports."""
