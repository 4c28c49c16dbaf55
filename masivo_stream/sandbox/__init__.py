"""A local emulation of the Masivo API: same paths, rules, limits and delays, an account nobody can harm.

A product, not a test double: it judges by the same contract module as the client, keeps a ledger of what took
effect how often, and commits network faults on demand. What the vendor's pages leave open is decided in the
docstrings of the module concerned (`rules`, `admission`, `limits`, `store`).
"""

from masivo_stream.sandbox.fault_language import FAULT_NAMES, parse_fault, parse_faults
from masivo_stream.sandbox.ledger import SandboxLedger
from masivo_stream.sandbox.sandbox_options import SandboxLimits, SandboxOptions, is_loopback, parse_limits
from masivo_stream.sandbox.sandbox_server import Sandbox, running, serve

__all__ = [
    "FAULT_NAMES",
    "SandboxLedger",
    "SandboxLimits",
    "Sandbox",
    "SandboxOptions",
    "is_loopback",
    "parse_fault",
    "parse_faults",
    "parse_limits",
    "running",
    "serve",
]
