"""From audio to speaker-labelled words; knows no socket, client or database."""

import os

# Libraries that tell their makers who uses them, and how, look at these when they are loaded: ONNX Runtime's usage
# data (from 1.29 on also on Linux, with an identifier of the machine), and what model hubs count.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# NumPy's products here are small: what its threads gain is less than what they spin away after each, on all cores
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
