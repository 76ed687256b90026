"""The commands of `agenttrace-server` that manage who may do what, one a file."""
