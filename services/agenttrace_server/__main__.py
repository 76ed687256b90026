"""`python -m agenttrace_server` is `agenttrace-server`."""

import sys

from agenttrace_server.cli import main

sys.exit(main())
