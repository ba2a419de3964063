"""Readers: bytes of one format in, plain text out.

    readers/                          runs                               one module per family of formats
      plain, markdown, json_text      in the job's own process           they only decode and look at a few lines
      html, pdf, office, sheets, …    in a child process (worker.py)     they parse what strangers wrote

A reader is `read(content, reading)`: it adds text to the Reading, sets title and metadata, and raises Trouble
when the file cannot be read. It knows no documents, no jobs and no clock, so the same bytes always read the same.

The child starts with these modules and nothing else of ours, so none of them imports anything slow at the top: no
`typing`, `re`, `json`, `dataclasses` or `enum` (each costs as much as the interpreter itself). That is why they say
`TYPE_CHECKING = False` instead of importing it.
"""
