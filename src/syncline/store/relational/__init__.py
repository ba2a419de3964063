"""The store in tables, whatever database keeps them: the control plane, and the truth of each index.

Every class here is given a `Database` (database.py) and says what it wants by the name of a statement in the .sql file
beside it. `store/sqlite` and `store/postgres` open databases; where their SQL differs, a dialect has a statement of its
own under the same name.
"""
