"""The program on several machines, which are processes here."""
