"""The conformance program in Python, on the plain generated stubs: what the others are written after."""
