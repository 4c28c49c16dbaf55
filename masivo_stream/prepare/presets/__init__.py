"""Presets: mappings of known exports, to begin with. Each is a TOML file beside this one."""
