"""`python -m agenttrace` is `agenttrace`."""

import sys

from agenttrace.cli import main

sys.exit(main())
