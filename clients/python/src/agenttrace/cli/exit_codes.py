"""What the command line ends with."""

from typing import Final

DONE: Final = 0
REFUSED: Final = 1
"""Not found, refused by the server, or `doctor` found a problem."""
WRONG_USAGE: Final = 2
UNREACHABLE: Final = 3
"""No server answers, or it cannot answer now."""
FOUND: Final = 4
"""With --exit-code: there is something."""
INTERRUPTED: Final = 130
