"""The embedded store: one SQLite file for the control plane, one for each index (the truth).

    control.db          connectors, jobs, the fence
    indexes/NAME/truth.db   documents, ledger, checkpoint, outcomes: one transaction for each batch

SQL lies in `control.sql` and `truth.sql`, migrations in `migrations/`.
"""
