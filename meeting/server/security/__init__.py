"""Who may do what: tokens, roles, host names, origins, and what proxies say; before any endpoint sees a request."""
