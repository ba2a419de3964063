"""A source of one's own with secrets, alone and nested."""

from collections.abc import Iterator

from pydantic import BaseModel, Field, SecretStr

from syncline import Document, source


class Login(BaseModel):
    user: str = ""
    password: SecretStr = SecretStr("")


class TicketsConfig(BaseModel):
    """Tickets of one project."""

    project: str = Field(min_length=2)
    token: SecretStr
    logins: list[Login] = []
    limit: int = 10


@source("tickets", config=TicketsConfig)
def tickets(config: TicketsConfig) -> Iterator[Document]:
    yield Document(id="1", title=config.project, text="one")
