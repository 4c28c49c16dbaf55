"""A local emulation of the Masivo API: same paths, rules, limits and delays, without risk for a real account.

It is part of the product, not a test double. It validates requests by the same contract module as the client, counts
in a ledger how often each effect was applied, and injects network faults on demand. If the vendor's pages leave a
question open, the docstring of the module concerned states the decision (`body_rules`, `account_rules`, `limits`,
`store`).
"""

from masivo_stream.sandbox.fault_language import FAULT_NAMES, parse_fault, parse_faults
from masivo_stream.sandbox.sandbox_ledger import SandboxLedger
from masivo_stream.sandbox.sandbox_options import (
    DayRule,
    SandboxLimits,
    SandboxOptions,
    is_loopback,
    parse_days,
    parse_limits,
)
from masivo_stream.sandbox.sandbox_server import Sandbox, running, serve

__all__ = [
    "FAULT_NAMES",
    "DayRule",
    "SandboxLedger",
    "SandboxLimits",
    "Sandbox",
    "SandboxOptions",
    "is_loopback",
    "parse_days",
    "parse_fault",
    "parse_faults",
    "parse_limits",
    "running",
    "serve",
]
