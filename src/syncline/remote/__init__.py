"""The Python API against a server: the same verbs as `syncline.api`, spoken over HTTP.

command ─▶ Remote ─▶ /v1 ─▶ a server somewhere
             ▲──── server-sent events: progress and changes of a job ────┘
"""
