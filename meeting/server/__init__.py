"""The ASGI application: who may do what, HTTP and WebSocket endpoints, metrics, and how it is run."""
