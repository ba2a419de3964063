"""The wire of AWS services, from the other side: what a client of AWS sends is understood, checked and answered as the
service itself would, by the description of the service that botocore carries.

    bytes ─▶ route ─▶ signature ─▶ scope ─▶ parse ─▶ validate ─▶ function ─▶ write ─▶ bytes
             model    a key        scopes   model     model      dict to dict  model

    models      the description of a service, stripped to what a server needs
    patterns    regular expressions of the models, in Python's words
    routing     which operation a request means
    sigv4       whether the request was signed with the secret of a key
    scopes      what a key must be allowed for each operation
    parsing     JSON, paths, queries and headers become Python values by shape
    validating  what of them the model does not allow, in the words of AWS
    writing     Python values become JSON by shape
    faults      every error that can be answered, and how it looks
    wire        the ASGI application that joins them
    checking    holds a raw response against the model; for tests, and for the wire's strict mode

The words of a service (what its operations mean) are no part of this: they are functions from Request to dict.
docs/dialects/aws-wire.md tells how to write one.
"""

from __future__ import annotations

from syncline.dialects.aws.checking import check_response
from syncline.dialects.aws.faults import Fault
from syncline.dialects.aws.wire import Caller, Request, Wire

__all__ = ["Caller", "Fault", "Request", "Wire", "check_response"]
