"""OpenAI's protocol for recordings: files in a form, their transcripts in six formats or as events."""
