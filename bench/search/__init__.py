"""The search and memory benchmark: an index of many small documents, built, synced again unchanged, and asked.

    generate ─▶ build ─▶ look at the files ─▶ build again (nothing changed) ─▶ look again ─▶ ask

Each step is a process of its own, so that none inherits the memory of another.
"""
