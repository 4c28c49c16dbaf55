"""The command line: one command per module, each a thin layer over the library.

Data goes to standard output, everything else to standard error. Heavy imports are inside the commands, so that
`--help` answers at once.
"""
