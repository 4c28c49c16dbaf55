"""What a settings file is that is no TOML: other tools have formats of their own, and each needs another change."""

import re

import msgspec

_SECTIONS = "sections and values as in config.example.toml"

_YAML = re.compile(r"(?m)\A(?:---|#[^\n]*\n|\s)*[A-Za-z_]\w*:(?:\s|\Z)")
_VARIABLES = re.compile(r"(?m)^\s*(?:export\s+)?MASIVO_[A-Z_]+\s*=")
_BARE = re.compile(r"(?m)^\s*[a-z_]+\s*=\s*(?![\s\"'\[{0-9+\-]|true\b|false\b|inf\b|nan\b)[^\s]")
_SEMICOLON = re.compile(r"(?m)^\s*;")


def explain_config(text: str) -> tuple[str, str]:
    """Return what a text is instead of TOML, as an addition to that sentence, and what to write instead."""
    if text.lstrip().startswith(("{", "[{")):
        try:
            msgspec.json.decode(text)
        except (ValueError, RecursionError):
            return "", "see config.example.toml"
        return " but JSON", f"write {_SECTIONS}"
    if "\0" in text:
        return " but a binary file, or UTF-16 text", "save it as UTF-8"
    if "\r" in text and "\n" not in text:
        return ", for its lines end in a carriage return alone", "save it with line feeds"
    if _VARIABLES.search(text):
        return " but a list of environment variables", (
            "set them in the environment (a shell: `set -a; . FILE; set +a`), or write " + _SECTIONS
        )
    if _YAML.match(text):
        return " but YAML", f"write {_SECTIONS}"
    if _SEMICOLON.search(text):
        return " but an INI file", "a comment begins with #, and text stands in quotes; see config.example.toml"
    if _BARE.search(text):
        return "", 'text stands in quotes, such as base_url = "https://api.example.com"; see config.example.toml'
    return "", "see config.example.toml"
