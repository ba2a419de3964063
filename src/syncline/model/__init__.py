"""Nouns and their laws: documents, news from a source, outcomes, jobs, errors and the ports between rooms.

Imports nothing of ours. Everything else in Syncline may import this room.
"""
