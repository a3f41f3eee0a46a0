"""Models on other machines: Ray Serve deployments, and the engine of a server that calls them."""
