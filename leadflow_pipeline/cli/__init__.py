"""The `leadflow` command: one module a family of commands, composed here.

What belongs here: arguments, output, exit codes. What does not: any rule; a command calls the same functions as the
assets and the service do.
"""
