"""Measures the product beside its limits and its rivals, in the same run: `python -m benchmarks`, from tests/.

From the outside in: `run` is the command; each module of `sections` measures one thing and says how in METHOD;
`bench` is what they share: the product they load, the client process that loads it, and what is measured around it.
`workload` makes what is sent, `loads` are the ways to send it, `raw_copy` is the limit they are compared with.
"""
