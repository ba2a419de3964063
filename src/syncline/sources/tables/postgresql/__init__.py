"""PostgreSQL: one REPEATABLE READ snapshot, whole rows through COPY, changes by row version.

A row of an ordinary table carries the number of the transaction that wrote it (xmin). A snapshot knows below which
number every transaction has ended (its horizon). So the rows that were written since the snapshot of the last job are
those whose xmin is not before that horizon: exact, whatever the clocks, and late commits are among them.
"""
