"""What can go wrong with an embedded PostgreSQL.

EmbeddedPostgresError         its text is one line that says what to do
  BinariesMissingError
  FolderRefusedError
  FolderInUseError
  ServerFailedError
"""

from agenttrace_server.errors import StartupError


class EmbeddedPostgresError(StartupError):
    """The embedded PostgreSQL can not be used."""


class BinariesMissingError(EmbeddedPostgresError):
    """PostgreSQL's programs are not here, or can not be run."""


class FolderRefusedError(EmbeddedPostgresError):
    """The data folder is not ours, damaged, of another version or out of reach. Nothing in it was changed."""


class FolderInUseError(EmbeddedPostgresError):
    """Another server is running on the data folder."""


class ServerFailedError(EmbeddedPostgresError):
    """One of PostgreSQL's programs ended with an error, or did not end its work in time."""
