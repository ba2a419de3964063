"""Calls to addresses that somebody else chose: which may be made, and how a webhook is signed, sent and retried.

    url ──addresses──▶ may be called ──transport──▶ connected to what was checked
    message ──signing──▶ headers ──sending──▶ answer ──retries──▶ delivered, again later, or given up

Knows nothing of tables or threads: those who call bring the clock, the resolver and the random numbers.
"""
