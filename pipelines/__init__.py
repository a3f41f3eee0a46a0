"""From audio to speaker-labelled words; knows no socket, client or database."""
