"""What goes out to readers: bounded queues, lines as ready text, meetings that are over."""
