"""The words of closed sets, written out: completion must not wait for the contract to load."""

STATUSES = ("running", "success", "failure", "partial", "cancelled", "abandoned")
FAILURE_TYPES = ("tool", "model", "retrieval", "orchestration")
GROUPS = ("agent", "version", "environment", "step-type", "model", "tool")
FORMATS = ("jsonl", "parquet")
SHELLS = ("bash", "zsh", "fish")
