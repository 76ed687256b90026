"""Load under random faults for minutes, ending in the oracle's verdict: `make soak MINUTES=30`."""
