"""What surrounds every call, one concern a file."""
