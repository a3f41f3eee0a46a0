"""What agents of language models may ask: the tools of the Model Context Protocol (MCP), over HTTP and stdio."""
