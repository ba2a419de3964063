"""What a key must be allowed for an operation. By the name of the operation; the first line that fits counts."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from syncline.model.keys import Scope

# Standing arrangements are made, changed and removed by administrators; what is in them, by whoever may write.
TABLE: Final[tuple[tuple[str, Scope], ...]] = (
    (r"(Describe|List|Get|BatchGet|Query|Retrieve|ExecuteQuery).*", Scope.READ),
    (r"(Create|Update|Delete)(Index|DataSource|Workspace|SyncJob)", Scope.ADMIN),
    (r".*", Scope.WRITE),
)


@cache
def scope_of(operation: str) -> Scope:
    """READ, WRITE or ADMIN."""
    return next(scope for pattern, scope in TABLE if re.fullmatch(pattern, operation))
