"""Audio in: decoding, resampling, voice activity, endpointing."""
