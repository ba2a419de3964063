"""Declarations: what an installation is to hold, written in a file, and the way there.

    files ─▶ expand ─▶ shape ─▶ declared ─▶ wanted ─┐
                       data directory ─▶ current ───┴─▶ difference ─▶ applying        current ─▶ export

Between the arrows holds: every fault of a file is found before anything is changed; no secret leaves `declared` but
sealed; the difference is pure; a step is done whole or not at all.
"""
