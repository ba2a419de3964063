"""Write the parts of the documentation that are made from the code.

    python tools/make_docs.py            write them
    python tools/make_docs.py --check    say which are out of date; exit code 1 if any

    README.md              the exit codes
    docs/architecture.md   the states of a job, from TRANSITIONS
    docs/errors.md         every code, from the error classes and from the codes in src/, with tools/codes.toml

A part lies between `<!-- begin NAME -->` and `<!-- end NAME -->`; the rest of the page is written by hand.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from syncline.cli.exits import Exit
from syncline.model.errors import Category, Mender, Recovery
from syncline.model.jobs import ENDED, TRANSITIONS, JobEvent, JobState

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "syncline"
PROSE = ROOT / "tools" / "codes.toml"

BASE = "SynclineError"
CODE = re.compile(r"[a-z][a-z_]*(\.[a-z0-9_]+)*")
FAMILY = re.compile(  # what is written like this is a code, wherever it stands; elsewhere only a `code=` makes one
    r"(config|connector|credentials|data_dir|deletion|destination|document|extract|filtered|index|job|permission|quota|"
    r"source)(\.[a-z_]+)+"
)
NOT_CODES = ("log", "note", "close", "crash", "_crash", "info", "warning", "error", "exception")  # names of events
EVENTS = "model/events.py"  # names of what happens, not of errors
NOT_TOLD = ("testing",)  # fakes for tests, whose codes no user meets


class DocsError(Exception):
    """The documentation cannot be made; the message says what is missing."""


# --- the states of a job --------------------------------------------------------------------------------------------


def job_states() -> str:
    """A drawing and a table of TRANSITIONS."""
    arrows: dict[tuple[JobState, JobState], list[str]] = {}
    for (state, event), after in TRANSITIONS.items():
        arrows.setdefault((state, after), []).append(event.value)
    drawing = [
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {JobState.PENDING.value}",
        *(f"    {a.value} --> {b.value}: {', '.join(events)}" for (a, b), events in arrows.items()),
        *(f"    {state.value} --> [*]" for state in JobState if state in ENDED),
        "```",
    ]
    heads = [event.value for event in JobEvent]
    lines = [
        [f"**{state.value}**", *(TRANSITIONS[state, on].value if (state, on) in TRANSITIONS else "" for on in JobEvent)]
        for state in JobState
        if state not in ENDED
    ]
    return "\n".join([*drawing, "", table(["while ↓   on →", *heads], lines)])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# --- every code -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ErrorClass:
    """What a class of the error family says of itself; None where it leaves that to its base."""

    name: str
    base: str
    said: dict[str, str]
    meaning: str


class Use(NamedTuple):
    """A code written in a call. `callee` is what is called; `place` is file:line."""

    code: str
    callee: str
    place: str


class Row(NamedTuple):
    """One line of docs/errors.md."""

    code: str
    group: str
    category: str
    mender: str
    does: str
    meaning: str
    remedy: str


class Code:
    """The source tree, read once: error classes, and every place that names a code."""

    def __init__(self, folder: Path) -> None:
        self._trees = {
            path: ast.parse(path.read_text(encoding="utf-8"))
            for path in sorted(folder.rglob("*.py"))
            if path.relative_to(folder).parts[0] not in NOT_TOLD and not path.match(EVENTS)
        }
        self._constants: dict[str, str] = {}
        self._positions: dict[str, set[int]] = {}
        self._classes: dict[str, ErrorClass] = {}
        self.remedies: dict[str, str] = {}
        for tree in self._trees.values():
            for node in ast.walk(tree):
                self._learn(node)

    # --- what is there to be found

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            name = _name(node.targets[0])
            if name.isupper() and _text(node.value):
                self._constants[name] = _text(node.value)
        elif isinstance(node, ast.Dict):
            pairs = [(_text(key), _text(value)) for key, value in zip(node.keys, node.values, strict=True)]
            self.remedies |= {key: value for key, value in pairs if value and FAMILY.fullmatch(key)}
        elif isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            self._learn_position(node.name, [name for name in names if name not in ("self", "cls")])
        elif isinstance(node, ast.ClassDef):
            self._learn_position(node.name, [_field(item) for item in node.body if _field(item)])
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    self._learn_position(node.name, [argument.arg for argument in item.args.args[1:]])
            if node.bases and isinstance(node.bases[0], ast.Name):
                self._classes[node.name] = _error_class(node, node.bases[0].id)

    def _learn_position(self, name: str, parameters: Sequence[str]) -> None:
        if "code" in parameters:
            self._positions.setdefault(name, set()).add(parameters.index("code"))

    def errors(self) -> dict[str, ErrorClass]:
        """The family, by name, with what each inherits filled in. The base itself is left out: nobody raises it."""
        found = {}
        for name, own in self._classes.items():
            line = [own]
            while line[-1].base in self._classes:
                line.append(self._classes[line[-1].base])
            if line[-1].name == BASE and name != BASE:
                said: dict[str, str] = {}
                for ancestor in reversed(line):
                    said |= ancestor.said
                found[name] = ErrorClass(name, own.base, said, own.meaning)
        return found

    # --- where codes are written

    @cached_property
    def uses(self) -> list[Use]:
        """Every code written as an argument or a default of `code`, and every text that looks like one."""
        return [use for path, tree in self._trees.items() for use in self._uses_in(tree, str(path.relative_to(ROOT)))]

    def _uses_in(self, tree: ast.Module, name: str) -> Iterator[Use]:
        nodes = list(ast.walk(tree))
        events: set[ast.AST] = set()
        for node in nodes:
            if isinstance(node, ast.Call) and _name(node.func) in NOT_CODES:
                events.update(node.args)
            for expression, callee in self._candidates(node):
                yield from (Use(code, callee, f"{name}:{expression.lineno}") for code in self._strings(expression))
        for node in nodes:
            if isinstance(node, ast.Constant) and node not in events and FAMILY.fullmatch(_text(node)):
                yield Use(_text(node), "", f"{name}:{node.lineno}")

    def _candidates(self, node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
        if isinstance(node, ast.Call):
            callee = _name(node.func)
            yield from ((keyword.value, callee) for keyword in node.keywords if keyword.arg == "code")
            for position in self._positions.get(callee, ()):
                yield from ((argument, callee) for argument in node.args[position : position + 1])
        elif isinstance(node, ast.AnnAssign) and _field(node) == "code" and node.value:
            yield node.value, ""

    def _strings(self, expression: ast.expr) -> Iterator[str]:
        if isinstance(expression, ast.Name):
            found = [self._constants.get(expression.id, "")]
        elif isinstance(expression, ast.IfExp):
            found = [*self._strings(expression.body), *self._strings(expression.orelse)]
        else:
            found = [_text(expression)]
        yield from (text for text in found if CODE.fullmatch(text))


@cache
def read_source(folder: Path) -> Code:
    """The source tree, parsed once."""
    return Code(folder)


def _field(node: ast.AST) -> str:
    return _name(node.target) if isinstance(node, ast.AnnAssign) else ""


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _error_class(node: ast.ClassDef, base: str) -> ErrorClass:
    said = {}
    for item in node.body:
        if isinstance(item, ast.Assign | ast.AnnAssign):
            name = _name(item.targets[0] if isinstance(item, ast.Assign) else item.target)
            value = item.value.attr if isinstance(item.value, ast.Attribute) else _text(item.value)
            if value:
                said[name] = value
    return ErrorClass(node.name, base, said, (ast.get_docstring(node) or "").replace("\n", " "))


GROUPS = {
    "stop": ("Ends the job or the command", "stops"),
    "retry": ("Tried again", "waits and tries again"),
    "unlisted": ("A part of the source cannot be listed, the job goes on", "goes on; nothing in that part is deleted"),
    "skip": ("One document fails, the job goes on", "skips the document; the next job tries it again"),
    "filtered": ("A rule keeps a document out", "keeps the document out of the index"),
    "withheld": ("A deletion waits for you", "keeps the document until the deletion is approved"),
    "warning": ("A document is taken, with a reservation", "takes the document and counts a warning"),
}


def rows(code: Code, prose: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """One row for each code. Raises DocsError for codes without words, and for words without a code."""
    errors = code.errors()
    words = {
        key: {**({"remedy": code.remedies[key]} if key in code.remedies else {}), **prose.get(key, {})}
        for key in {*prose, *code.remedies}
    }
    found: dict[str, Row] = {}
    for error in errors.values():
        own = error.said["code"]
        found.setdefault(own, _error_row(own, error, words.get(own, {})))
    missing = []
    for use in sorted(code.uses, key=lambda use: use.callee not in errors):  # those that say what they are, first
        if use.code in found:
            continue
        row = _used_row(use, errors, words.get(use.code, {}))
        if row is None:
            missing.append(f"{use.code!r} ({use.place})")
        else:
            found[use.code] = row
    if missing:
        raise DocsError("no words in tools/codes.toml for " + ", ".join(sorted(set(missing))))
    if unused := sorted(set(prose) - set(found)):
        raise DocsError("tools/codes.toml speaks of codes that are not in src/: " + ", ".join(unused))
    return sorted(found.values())


def _error_row(code: str, error: ErrorClass, said: Mapping[str, str]) -> Row:
    traits = error.said
    recovery = Recovery[traits["recovery"]].value
    group = said.get("group", recovery)
    return Row(
        code=code,
        group=group,
        category=said.get("category", Category[traits["category"]].value),
        mender=said.get("mender", Mender[traits["mender"]].value),
        does=said.get("does", GROUPS[group][1]),
        meaning=said.get("meaning", error.meaning),
        remedy=said.get("remedy", traits.get("default_remedy", "")),
    )


def _used_row(use: Use, errors: Mapping[str, ErrorClass], said: Mapping[str, str]) -> Row | None:
    """None when there are no words for it."""
    if "meaning" not in said:
        return None
    error = errors.get(said.get("class", use.callee))
    if error is not None:
        return _error_row(use.code, error, said)
    group = said.get("group", "filtered" if use.code.startswith("filtered.") else "")
    if group not in GROUPS:
        raise DocsError(f"{use.code!r} ({use.place}): say its `class` or `group` in tools/codes.toml")
    return Row(
        code=use.code,
        group=group,
        category=said.get("category", Category.DOCUMENT.value),
        mender=said.get("mender", Mender.YOU.value),
        does=said.get("does", GROUPS[group][1]),
        meaning=said["meaning"],
        remedy=said.get("remedy", ""),
    )


def error_tables(folder: Path = SOURCE, prose: Path = PROSE) -> str:
    """The tables of docs/errors.md, one for each thing that Syncline does."""
    words: dict[str, Any] = tomllib.loads(prose.read_text(encoding="utf-8"))
    every = rows(read_source(folder), words)
    parts = []
    for group, (title, _) in GROUPS.items():
        lines = [
            [f"`{row.code}`", row.category, row.mender, row.does, row.meaning, row.remedy]
            for row in every
            if row.group == group
        ]
        if lines:
            head = ["Code", "Category", "Who mends it", "What Syncline does", "What it means", "Remedy"]
            parts.append(f"## {title}\n\n{table(head, lines)}")
    return "\n\n".join(parts)


# --- exit codes ----------------------------------------------------------------------------------------------------


def exit_codes() -> str:
    """The table of exit codes."""
    return table(["Code", "Meaning"], [[str(code.value), code.meaning] for code in Exit])


# --- pages ----------------------------------------------------------------------------------------------------------

PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"exit codes": exit_codes},
    "docs/architecture.md": {"job states": job_states},
    "docs/errors.md": {"codes": error_tables},
}


def page(name: str) -> str:
    """The whole page with its made parts as they should be."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for part, make in PARTS[name].items():
        begin, end = f"<!-- begin {part} -->", f"<!-- end {part} -->"
        if begin not in text or end not in text:
            raise DocsError(f"{name} has no {begin} … {end}")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{make()}\n\n{end}{rest.partition(end)[2]}"
    return text


def stale() -> dict[str, str]:
    """Pages that are out of date, with what they should hold."""
    return {name: new for name in PARTS if (new := page(name)) != (ROOT / name).read_text(encoding="utf-8")}


def main(arguments: Sequence[str]) -> int:
    """0 when all is well, 1 when `--check` found an old page or a page cannot be made."""
    try:
        old = stale()
    except DocsError as error:
        print(f"make_docs: {error}", file=sys.stderr)
        return 1
    for name, text in old.items():
        if "--check" in arguments:
            print(f"{name} is out of date: run tools/make_docs.py", file=sys.stderr)
        else:
            (ROOT / name).write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
