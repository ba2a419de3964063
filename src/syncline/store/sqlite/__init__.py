"""The embedded store: one SQLite file for the control plane, one for each index (the truth).

    control.db          connectors, jobs, the fence
    indexes/NAME/truth.db   documents, ledger, checkpoint, outcomes: one transaction for each batch

What is done with the tables in it is written down in `store/relational`; here are files, migrations in `migrations/`,
and the classes of there that open a file by its path.
"""
