"""The shell commands, one file each: arguments in, calls of the session, text out."""
