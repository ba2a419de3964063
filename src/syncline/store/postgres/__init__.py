"""PostgreSQL as the store: the same tables in one schema, shared by any number of servers.

place.py       SYNCLINE_DATABASE_URL, read          wire.py      one event loop a process, and its connections
database.py    a `Database` of the store            dialect.py   SQL for SQLite, made fit; what differs is in sql/
migrations.py  the schema, made and brought up to date under a lock
truth.py       the truth of an index, and how far each reader has followed it
leases.py      who runs what, known to every server
store.py       all of it, opened
"""
