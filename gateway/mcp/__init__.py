"""The Model Context Protocol: trusted operations as tools that agents call, and nothing else."""

from importlib.util import find_spec

from gateway.errors import ConfigurationError

if find_spec("mcp") is None:
    raise ConfigurationError(
        "mcp.enabled (PLAIT_MCP_ENABLED) needs the protocol's SDK; install `plait[mcp]`."
    )
