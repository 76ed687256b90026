"""Python reads this at its start where the folder is on its path: the server then scans nothing, to be measured."""

from agenttrace_server import scanning

scanning.is_sensitive = lambda _: False
scanning.looks_random = lambda _: False
