"""What Syncline remembers: connectors, jobs, ledger, checkpoints, outcomes and, embedded, the documents themselves."""
