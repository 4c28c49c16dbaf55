"""The command line: one command a module, each a thin door over the library.

Data goes to standard output, everything else to standard error. Heavy imports stand inside the commands, so that
`--help` answers at once.
"""
