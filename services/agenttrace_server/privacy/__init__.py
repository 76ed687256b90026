"""Verifies a running deployment: sends what must not be stored through every slot, and looks for it everywhere."""
