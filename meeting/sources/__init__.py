"""What is made of a source while it is heard, in a thread of its own: journal, audio, models; and who has to wait."""
