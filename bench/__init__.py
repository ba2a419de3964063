"""Benchmarks: how fast Syncline is beside the floors of the machine and beside the tools people use today.

    python -m bench --install-peers      # once: each Python peer into a virtual environment of its own
    python -m bench --write              # measure everything, update docs/benchmarks.md
    python -m bench --quick              # a minute: small inputs, counts are verified, times are not judged

    workloads ─▶ files, startup, search ─▶ report ─▶ targets, tables, charts ─▶ docs/benchmarks.md
                 (subjects, measure)        (.bench/*.json)

Every number is taken from a fresh process, and every result is verified by another one.
"""
