"""What the simulated batch APIs have in common: a clock, jobs, and what can go wrong with them.

`simulator` puts one on a port, `gate` is what its calls go through, `jobdesk` keeps its jobs, each of which
runs its `course`, and `door` is where a test reaches behind the counter. `server`, `api` and `desk` are the
provider whose jobs are made of uploaded files, and `simulators.openai` and `simulators.azure` say how the
answers of two such providers look. `simulators.vertex` is the one that works on somebody else's storage.
"""
