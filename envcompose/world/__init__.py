"""Every effect, a module per port: package index, resolver, cache, files."""
