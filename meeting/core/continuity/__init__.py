"""What holds a recording together over lost frames, lost connections and processes that died; pure."""
