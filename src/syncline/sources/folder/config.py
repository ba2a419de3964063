"""The settings of a folder connector. The only module here that needs pydantic."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field, field_validator

from syncline.sources.folder.globs import NeverMatches
from syncline.sources.folder.ignore import parse_rule


class FolderConfig(BaseModel):
    """Files of a folder and of the folders in it."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(
        min_length=1,
        examples=["/srv/handbook", "~/notes"],
        description="Folder to read. A leading ~ is your home, and a relative path counts from where you are. "
        "It need not exist yet.",
    )
    include: list[str] = Field(
        default_factory=list,
        examples=[["*.md", "/docs/"]],
        description="Take only what matches one of these patterns. They are written as in .gitignore; a folder that "
        "matches is taken with everything in it. Empty takes everything.",
    )
    exclude: list[str] = Field(
        default_factory=list,
        examples=[["*.log", "build/", "!build/keep.md"]],
        description="Leave out what matches one of these patterns. They are written as in .gitignore, and decide "
        "before any .synclineignore file.",
    )
    gitignore: bool = Field(
        default=False,
        description="Leave out what the .gitignore files in the folder leave out. Files named .synclineignore are "
        "obeyed in any case.",
    )
    follow_symlinks: bool = Field(
        default=False,
        description="Follow symbolic links, also to places outside the folder. Without it links are left out, and the "
        "job names them.",
    )
    max_file_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1,
        description="Largest file that is read, in bytes. Of a larger text file the beginning is taken, with a "
        "warning; any other larger file fails.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: str) -> str:
        if "\0" in path:
            raise ValueError("a path has no null character")
        path = os.path.expanduser(path)
        if path.startswith("~"):
            raise ValueError("there is no such user")
        return os.path.abspath(path)

    @field_validator("include", "exclude")
    @classmethod
    def _patterns(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            try:
                rule = parse_rule(pattern, "")
            except NeverMatches as error:
                raise ValueError(f"{pattern!r} matches nothing: {error}") from None
            if rule is None:
                raise ValueError(f"{pattern!r} matches nothing: it is empty")
        return patterns
