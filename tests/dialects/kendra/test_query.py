"""Query: what is found, for whom, in which order and in how many words."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from tests.dialects.kendra.desk import Desk, document, refused, until

SEARCH = {"Facetable": True, "Searchable": True, "Displayable": True, "Sortable": True}
FIELDS = [
    {"Name": "department", "Type": "STRING_VALUE", "Search": SEARCH},
    {"Name": "tags", "Type": "STRING_LIST_VALUE", "Search": {**SEARCH, "Sortable": False}},
    {"Name": "year", "Type": "LONG_VALUE", "Search": SEARCH},
    {"Name": "published", "Type": "DATE_VALUE", "Search": SEARCH},
    {"Name": "plain", "Type": "STRING_VALUE"},
    {"Name": "hidden", "Type": "STRING_VALUE", "Search": {**SEARCH, "Displayable": False}},
    {"Name": "_category", "Type": "STRING_VALUE", "Search": SEARCH},
    {"Name": "_data_source_id", "Type": "STRING_VALUE", "Search": SEARCH},
    {"Name": "_file_type", "Type": "STRING_VALUE", "Search": SEARCH},
]
DAY = datetime(2024, 3, 1, 12, 30, tzinfo=UTC)


def text(key: str, value: str) -> dict[str, Any]:
    return {"Key": key, "Value": {"StringValue": value}}


def texts(key: str, *values: str) -> dict[str, Any]:
    return {"Key": key, "Value": {"StringListValue": list(values)}}


def number(key: str, value: int) -> dict[str, Any]:
    return {"Key": key, "Value": {"LongValue": value}}


def date(key: str, value: datetime) -> dict[str, Any]:
    return {"Key": key, "Value": {"DateValue": value}}


def user(name: str, access: str = "ALLOW") -> dict[str, str]:
    return {"Name": name, "Type": "USER", "Access": access}


def group(name: str, access: str = "ALLOW") -> dict[str, str]:
    return {"Name": name, "Type": "GROUP", "Access": access}


def found_all(desk: Desk, index: str, count: int) -> None:
    """Wait until so many documents are found."""
    until(lambda: desk.kendra.query(IndexId=index)["TotalNumberOfResults"] == count)


class Library(NamedTuple):
    """An index with a few documents, and a data source that has brought one of them."""

    desk: Desk
    index: str
    source: str

    def query(self, QueryText: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: N803
        said = {} if QueryText is None else {"QueryText": QueryText}
        found: dict[str, Any] = self.desk.kendra.query(IndexId=self.index, **said, **more)
        return found

    def ids(self, QueryText: str | None = None, **more: Any) -> list[str]:  # noqa: N803
        return [one["DocumentId"] for one in self.query(QueryText, **more)["ResultItems"]]

    def having(self, **filter: Any) -> list[str]:
        return sorted(self.ids(AttributeFilter=filter))


@pytest.fixture(scope="module")
def filled(served: Any, moto_url: str) -> Library:
    desk = Desk(served, moto_url)
    index = desk.index()
    desk.kendra.update_index(Id=index, DocumentMetadataConfigurationUpdates=FIELDS)
    source = desk.custom(index)
    documents = [
        {
            "Id": "handbook",
            "Title": "The Vacation Handbook",
            "Blob": b"Employees ask for vacation in writing.\n\nVacation days do not expire.",
            "Attributes": [
                text("department", "Human Resources"), texts("tags", "red", "blue"), number("year", 2023),
                date("published", DAY), text("_source_uri", "https://example.com/handbook"), text("hidden", "x"),
                text("_category", "policy"),
            ],
        },
        {
            "Id": "prices",
            "Title": "Prices",
            "Blob": b"What a vacation costs.",
            "Attributes": [
                text("department", "Sales"), texts("tags", "red"), number("year", 2024),
                date("published", datetime(2024, 5, 1, tzinfo=UTC)), text("_category", "policy"),
            ],
        },
        {"Id": "notes", "Blob": b"Nothing of the kind.", "Attributes": [texts("tags", "green"), number("year", 2022)]},
        {"Id": "payroll", "Blob": b"secret vacation", "AccessControlList": [user("ann"), group("hr")]},
        {"Id": "board", "Blob": b"secret", "AccessControlList": [group("board"), user("bob", "DENY")]},
    ]  # fmt: skip
    for one in documents:
        one["ContentType"] = "MD" if one["Id"] == "prices" else "PLAIN_TEXT"
    assert desk.put(index, *documents) == []
    sourced = {**document("sourced", "from a source", source), "AccessControlList": [group("team")]}
    assert desk.put(index, sourced) == []
    found_all(desk, index, 6)
    assert desk.broken == []
    return Library(desk, index, source)


@pytest.fixture
def library(desk: Desk, filled: Library) -> Library:
    """With clients whose answers are looked at."""
    return filled._replace(desk=desk)


ALL = ["board", "handbook", "notes", "payroll", "prices", "sourced"]


# --- results ---------------------------------------------------------------------------------------------------------


def test_a_result_says_where_the_words_are(library: Library) -> None:
    answer = library.query("vacation handbook")
    assert answer["TotalNumberOfResults"] == 3
    item = answer["ResultItems"][0]
    assert (item["DocumentId"], item["Type"], item["Format"]) == ("handbook", "DOCUMENT", "TEXT")
    assert item["DocumentURI"] == "https://example.com/handbook"
    assert item["ScoreAttributes"] == {"ScoreConfidence": "VERY_HIGH"}
    for part, words in (("DocumentTitle", ["Vacation", "Handbook"]), ("DocumentExcerpt", ["vacation", "Vacation"])):
        shown = item[part]["Text"]
        marks = [(one["BeginOffset"], one["EndOffset"]) for one in item[part]["Highlights"]]
        assert [shown[begin:end] for begin, end in marks] == words
    again = library.query("vacation handbook")
    assert again["QueryId"] != answer["QueryId"]
    assert again["ResultItems"][0]["Id"] != item["Id"]
    assert again["ResultItems"][0]["FeedbackToken"] != item["FeedbackToken"]


def test_attributes_are_told_by_type_and_only_those_that_may_be(library: Library) -> None:
    (item,) = library.query(AttributeFilter={"EqualsTo": text("_document_id", "handbook")})["ResultItems"]
    told = {one["Key"]: one["Value"] for one in item["DocumentAttributes"]}
    assert told["department"] == {"StringValue": "Human Resources"}
    assert told["tags"] == {"StringListValue": ["red", "blue"]}
    assert told["year"] == {"LongValue": 2023}
    assert told["published"] == {"DateValue": DAY}
    assert told["_source_uri"] == {"StringValue": "https://example.com/handbook"}
    assert told["_file_type"] == {"StringValue": "PLAIN_TEXT"}
    assert not told.keys() & {"hidden", "_data_source_id", "_document_body"}
    assert item["ScoreAttributes"] == {"ScoreConfidence": "NOT_AVAILABLE"}


def test_every_result_has_a_title_and_an_excerpt(desk: Desk) -> None:
    index = desk.index()
    assert desk.put(index, document("folder/untitled.txt", "some words"), document("empty/", "")) == []
    found_all(desk, index, 2)
    shown = {
        one["DocumentId"]: (one["DocumentTitle"]["Text"], one["DocumentExcerpt"]["Text"])
        for one in desk.kendra.query(IndexId=index)["ResultItems"]
    }
    assert shown == {"folder/untitled.txt": ("untitled.txt", "some words"), "empty/": ("empty", "empty")}


def test_requested_attributes_are_all_there_are(library: Library) -> None:
    wanted = ["year", "_data_source_id"]
    found = {
        one["DocumentId"]: {each["Key"]: each["Value"] for each in one["DocumentAttributes"]}
        for one in library.query(RequestedDocumentAttributes=wanted)["ResultItems"]
    }
    assert found["notes"] == {"year": {"LongValue": 2022}}
    assert found["sourced"] == {"_data_source_id": {"StringValue": library.source}}
    with refused("ValidationException", "absent"):
        library.query(RequestedDocumentAttributes=["absent"])


def test_without_words_filters_alone_decide(library: Library) -> None:
    assert sorted(library.ids()) == ALL
    assert library.query()["TotalNumberOfResults"] == 6
    assert library.ids("…") == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("+vacation -secret", ["board", "handbook", "payroll", "prices"]),
        ("title:prices", ["prices"]),
        ("vacation NOT secret", ["handbook", "prices"]),
        ("vacation AND secret", ["payroll"]),
        ("writing OR costs", ["handbook", "prices"]),
        ('"vacation days"', ["handbook"]),
        ("vac*", ["handbook", "payroll", "prices"]),
    ],
)
def test_operators_of_kendra_work_and_ours_do_not(library: Library, words: str, found: list[str]) -> None:
    answer = library.query(words)
    assert sorted(one["DocumentId"] for one in answer["ResultItems"]) == found
    assert "Warnings" not in answer


@pytest.mark.parametrize(
    "words", ['"vacation days', "vacation AND", "AND vacation", "(vacation OR x) AND y", "a OR NOT b"]
)
def test_a_query_that_cannot_be_read_is_searched_for_plainly_with_a_warning(library: Library, words: str) -> None:
    (warning,) = library.query(words)["Warnings"]
    assert warning["Code"] == "QUERY_LANGUAGE_INVALID_SYNTAX"
    assert warning["Message"]


def test_only_the_first_thirty_words_count(library: Library) -> None:
    assert library.ids(" ".join(["absent"] * 30 + ["vacation"])) == []
    assert library.ids(" ".join(["absent"] * 29 + ["vacation"])) != []


def test_answers_and_questions_are_not_made_up(library: Library) -> None:
    for type in ("ANSWER", "QUESTION_ANSWER"):
        answer = library.query("vacation", QueryResultTypeFilter=type)
        assert (answer["ResultItems"], answer["TotalNumberOfResults"]) == ([], 0)
    assert len(library.ids("vacation", QueryResultTypeFilter="DOCUMENT")) == 3
    spelled = library.query("vacation", SpellCorrectionConfiguration={"IncludeQuerySpellCheckSuggestions": True})
    assert spelled["SpellCorrectedQueries"] == []
    with refused("ValidationException", "CollapseConfiguration"):
        library.query("vacation", CollapseConfiguration={"DocumentAttributeKey": "year"})


def test_an_index_without_documents_finds_nothing(desk: Desk) -> None:
    answer = desk.kendra.query(IndexId=desk.index(), QueryText="words")
    assert (answer["ResultItems"], answer["TotalNumberOfResults"]) == ([], 0)


# --- pages -----------------------------------------------------------------------------------------------------------


def test_pages_end_after_a_hundred_results(desk: Desk) -> None:
    index = desk.index()
    ids = [f"{n:03}" for n in range(120)]
    for at in range(0, 120, 10):
        assert desk.put(index, *(document(id, "same words") for id in ids[at : at + 10])) == []
    found_all(desk, index, 120)
    found = []
    for page in range(1, 6):
        answer = desk.kendra.query(IndexId=index, QueryText="words", PageNumber=page, PageSize=30)
        assert answer["TotalNumberOfResults"] == 120
        found.append([one["DocumentId"] for one in answer["ResultItems"]])
    assert list(map(len, found)) == [30, 30, 30, 10, 0]
    assert len({id for page in found for id in page}) == 100
    assert len(desk.kendra.query(IndexId=index, QueryText="words", PageSize=1000)["ResultItems"]) == 100
    assert len(desk.kendra.query(IndexId=index, QueryText="words")["ResultItems"]) == 10
    for wrong in ({"PageNumber": 0}, {"PageNumber": -1}, {"PageSize": 0}, {"PageSize": -5}):
        with refused("ValidationException"):
            desk.kendra.query(IndexId=index, QueryText="words", **wrong)


# --- filters ---------------------------------------------------------------------------------------------------------


def test_equals_to_on_every_type(library: Library) -> None:
    assert library.having(EqualsTo=text("department", "Sales")) == ["prices"]
    assert library.having(EqualsTo=number("year", 2022)) == ["notes"]
    assert library.having(EqualsTo=date("published", DAY)) == ["handbook"]
    assert library.having(EqualsTo=texts("tags", "red")) == ["prices"]
    assert library.having(EqualsTo=texts("tags", "blue", "red")) == ["handbook"]
    assert library.having(EqualsTo=text("_data_source_id", library.source)) == ["sourced"]
    assert library.having(EqualsTo=text("_data_source_id", "another")) == []
    assert library.having(EqualsTo=text("_document_title", "Prices")) == ["prices"]
    assert library.having(EqualsTo=text("_source_uri", "https://example.com/handbook")) == ["handbook"]
    assert library.having(EqualsTo=text("_file_type", "MD")) == ["prices"]


def test_documents_are_in_the_language_of_their_data_source_unless_they_say_otherwise(desk: Desk) -> None:
    index = desk.index()
    german = desk.source(index, "CUSTOM", LanguageCode="de")
    french = {**document("c"), "Attributes": [text("_language_code", "fr")]}
    assert desk.put(index, document("a"), french) == []
    assert desk.put(index, document("b", "some words", german)) == []
    found_all(desk, index, 3)
    for code, id in (("en", "a"), ("de", "b"), ("fr", "c")):
        (item,) = desk.kendra.query(
            IndexId=index,
            AttributeFilter={"EqualsTo": text("_language_code", code)},
            RequestedDocumentAttributes=["_language_code"],
        )["ResultItems"]
        assert (item["DocumentId"], item["DocumentAttributes"]) == (id, [text("_language_code", code)])


def test_contains_and_comparisons(library: Library) -> None:
    assert library.having(ContainsAny=texts("tags", "green", "blue")) == ["handbook", "notes"]
    assert library.having(ContainsAll=texts("tags", "red", "blue")) == ["handbook"]
    assert library.having(GreaterThan=number("year", 2022)) == ["handbook", "prices"]
    assert library.having(GreaterThanOrEquals=number("year", 2024)) == ["prices"]
    assert library.having(LessThan=number("year", 2023)) == ["notes"]
    assert library.having(LessThanOrEquals=number("year", 2023)) == ["handbook", "notes"]
    assert library.having(GreaterThan=date("published", DAY)) == ["prices"]
    assert library.having(GreaterThanOrEquals=date("published", DAY)) == ["handbook", "prices"]


def test_filters_nest(library: Library) -> None:
    red = {"ContainsAny": texts("tags", "red")}
    old = {"LessThan": number("year", 2024)}
    assert library.having(AndAllFilters=[red, old]) == ["handbook"]
    assert library.having(OrAllFilters=[{"AndAllFilters": [red, old]}, {"EqualsTo": number("year", 2022)}]) == [
        "handbook", "notes",
    ]  # fmt: skip
    assert library.having(NotFilter={"OrAllFilters": [red, old]}) == ["board", "payroll", "sourced"]
    assert library.ids("vacation", AttributeFilter=red) == ["handbook", "prices"]


@pytest.mark.parametrize(
    ("filter", "word"),
    [
        ({"EqualsTo": text("absent", "x")}, "absent"),
        ({"NotFilter": {"ContainsAny": texts("absent", "x")}}, "absent"),
        ({"EqualsTo": text("year", "2022")}, "LONG_VALUE"),
        ({"GreaterThan": text("department", "a")}, "GreaterThan"),
        ({"ContainsAny": number("year", 1)}, "ContainsAny"),
        ({"EqualsTo": {"Key": "year", "Value": {}}}, "year"),
        ({"EqualsTo": text("_document_body", "x")}, "_document_body"),
        ({"AndAllFilters": [{}]}, "operator"),
        ({"NotFilter": {"EqualsTo": text("_user_id", "ann")}}, "_user_id"),
        ({"OrAllFilters": [{"EqualsTo": text("_user_id", "ann")}, {"EqualsTo": number("year", 1)}]}, "_user_id"),
        ({"AndAllFilters": [{"EqualsTo": text("_user_id", one)} for one in ("ann", "bob")]}, "users"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(library: Library, filter: dict[str, Any], word: str) -> None:
    with refused("ValidationException", word):
        library.query(AttributeFilter=filter)


# --- facets and orders -----------------------------------------------------------------------------------------------


def counts(answer: dict[str, Any], at: int = 0) -> dict[Any, int]:
    pairs = answer["FacetResults"][at]["DocumentAttributeValueCountPairs"]
    return {next(iter(one["DocumentAttributeValue"].values())): one["Count"] for one in pairs}


def test_facets_count_all_matches(library: Library) -> None:
    keys = ["department", "tags", "year", "published", "_data_source_id", "_file_type"]
    answer = library.query(Facets=[{"DocumentAttributeKey": key} for key in keys], PageSize=1)
    assert [one["DocumentAttributeKey"] for one in answer["FacetResults"]] == keys
    assert counts(answer, 0) == {"Human Resources": 1, "Sales": 1}
    assert counts(answer, 1) == {"red": 2, "blue": 1, "green": 1}
    assert counts(answer, 2) == {2022: 1, 2023: 1, 2024: 1}
    assert counts(answer, 3)[DAY] == 1
    assert counts(answer, 4) == {library.source: 1}
    assert counts(answer, 5) == {"PLAIN_TEXT": 5, "MD": 1}
    assert answer["FacetResults"][1]["DocumentAttributeValueType"] == "STRING_LIST_VALUE"
    narrow = library.query("costs", Facets=[{"DocumentAttributeKey": "tags", "MaxResults": 1}])
    assert counts(narrow) == {"red": 1}


def test_facets_nest_once(library: Library) -> None:
    inner = {"DocumentAttributeKey": "department"}
    answer = library.query(Facets=[{"DocumentAttributeKey": "tags", "Facets": [inner]}])
    pairs = answer["FacetResults"][0]["DocumentAttributeValueCountPairs"]
    red = next(one for one in pairs if one["DocumentAttributeValue"] == {"StringValue": "red"})
    assert counts(red) == {"Human Resources": 1, "Sales": 1}
    with refused("ValidationException"):
        library.query(Facets=[{"DocumentAttributeKey": "tags", "Facets": [{**inner, "Facets": [inner]}]}])


@pytest.mark.parametrize(
    "wrong",
    [
        {"Facets": [{"DocumentAttributeKey": "plain"}]},
        {"Facets": [{"DocumentAttributeKey": "absent"}]},
        {"Facets": [{"MaxResults": 5}]},
        {"SortingConfiguration": {"DocumentAttributeKey": "plain", "SortOrder": "ASC"}},
        {"SortingConfiguration": {"DocumentAttributeKey": "absent", "SortOrder": "ASC"}},
        {"SortingConfigurations": [{"DocumentAttributeKey": "year", "SortOrder": "ASC"}] * 4},
        {
            "SortingConfiguration": {"DocumentAttributeKey": "year", "SortOrder": "ASC"},
            "SortingConfigurations": [{"DocumentAttributeKey": "year", "SortOrder": "ASC"}],
        },
    ],
)
def test_facets_and_orders_that_make_no_sense_are_refused(library: Library, wrong: dict[str, Any]) -> None:
    with refused("ValidationException"):
        library.query("vacation", **wrong)


def by(key: str, order: str = "ASC") -> dict[str, str]:
    return {"DocumentAttributeKey": key, "SortOrder": order}


def test_results_are_sorted_with_missing_ones_last(library: Library) -> None:
    assert library.ids(SortingConfiguration=by("year"))[:3] == ["notes", "handbook", "prices"]
    assert library.ids(SortingConfiguration=by("year", "DESC"))[:3] == ["prices", "handbook", "notes"]
    assert library.ids(SortingConfiguration=by("published", "DESC"))[:2] == ["prices", "handbook"]
    assert library.ids("vacation", SortingConfigurations=[by("_category"), by("department", "DESC")]) == [
        "prices", "handbook", "payroll",
    ]  # fmt: skip
    confidences = [
        one["ScoreAttributes"]["ScoreConfidence"]
        for one in library.query("vacation handbook", SortingConfiguration=by("year", "DESC"))["ResultItems"]
    ]
    assert confidences[1] == "VERY_HIGH"
    assert confidences[0] != "VERY_HIGH"


# --- for whom --------------------------------------------------------------------------------------------------------

OPEN = ["handbook", "notes", "prices"]


def seen(library: Library, **context: Any) -> list[str]:
    return sorted(set(library.ids(UserContext=context)) - set(OPEN))


def test_without_a_user_everything_is_found(library: Library) -> None:
    assert sorted(library.ids()) == ALL


def test_a_user_finds_what_the_user_or_a_group_may_see(library: Library) -> None:
    assert sorted(library.ids(UserContext={})) == OPEN
    assert seen(library, UserId="ann") == ["payroll"]
    assert seen(library, Groups=["hr"]) == ["payroll"]
    assert seen(library, UserId="zoe", Groups=["hr", "board"]) == ["board", "payroll"]
    assert seen(library, UserId="bob", Groups=["board"]) == [], "DENY wins"
    assert seen(library, UserId="hr") == [], "a user is no group"
    assert seen(library, UserId="group:board") == []
    assert seen(library, Groups=["user:ann"]) == []
    assert library.query("secret", UserContext={"UserId": "ann"})["TotalNumberOfResults"] == 1


def test_groups_of_a_data_source_count_there_only(library: Library) -> None:
    assert seen(library, Groups=["team"]) == ["sourced"]
    other = {"DataSourceId": library.source, "GroupId": "board"}
    assert seen(library, DataSourceGroups=[{"DataSourceId": library.source, "GroupId": "team"}, other]) == ["sourced"]
    assert seen(library, DataSourceGroups=[{"DataSourceId": "another", "GroupId": "team"}]) == []


def test_older_clients_name_the_user_in_the_filter(library: Library) -> None:
    ann = {"EqualsTo": text("_user_id", "ann")}
    board = {"ContainsAny": texts("_group_ids", "board")}
    assert library.having(**ann) == sorted([*OPEN, "payroll"])
    assert library.having(OrAllFilters=[ann, board]) == sorted([*OPEN, "board", "payroll"])
    assert library.having(AndAllFilters=[ann, {"GreaterThan": number("year", 2022)}]) == ["handbook", "prices"]
    with refused("ValidationException", "users"):
        library.query(AttributeFilter=ann, UserContext={"UserId": "bob"})


def test_tokens_need_an_index_that_knows_how_to_read_them(desk: Desk, library: Library) -> None:
    with refused("ValidationException", "UserTokenConfigurations"):
        library.query(UserContext={"Token": "{}"})
    settings = {"UserNameAttributeField": "username", "GroupAttributeField": "groups"}
    index = desk.index(UserTokenConfigurations=[{"JsonTokenTypeConfiguration": settings}])
    restricted = {**document("a"), "AccessControlList": [user("ann")]}
    grouped = {**document("b"), "AccessControlList": [group("hr")]}
    assert desk.put(index, restricted, grouped) == []
    until(lambda: desk.search(index, "") == ["a", "b"])

    def ids(**context: Any) -> list[str]:
        found = desk.kendra.query(IndexId=index, UserContext=context)["ResultItems"]
        return sorted(one["DocumentId"] for one in found)

    both = json.dumps({"username": "ann", "groups": ["hr"]})
    assert ids(Token=both) == ["a", "b"]
    assert ids(Token=base64.urlsafe_b64encode(both.encode()).decode()) == ["a", "b"]
    assert ids(Token='{"groups": "hr"}') == ["b"]
    for wrong in ("x", "[]", '{"username": 3}', '{"other": "ann"}', '{"username": "ann", "groups": [1]}'):
        with refused("ValidationException"):
            ids(Token=wrong)
    with refused("ValidationException", "users"):
        ids(Token=both, UserId="bob")


def test_tokens_that_would_have_to_be_verified_are_refused(desk: Desk) -> None:
    url = {"KeyLocation": "URL", "URL": "https://example.com/keys"}
    index = desk.index(UserTokenConfigurations=[{"JwtTokenTypeConfiguration": url}], UserContextPolicy="USER_TOKEN")
    with refused("ValidationException", "JWT"):
        desk.kendra.query(IndexId=index, UserContext={"Token": "a.b.c"})


def test_an_index_that_wants_tokens_shows_nobody_what_is_restricted(desk: Desk) -> None:
    settings = {"UserNameAttributeField": "username", "GroupAttributeField": "groups"}
    index = desk.index(
        UserTokenConfigurations=[{"JsonTokenTypeConfiguration": settings}], UserContextPolicy="USER_TOKEN"
    )
    assert desk.put(index, document("open"), {**document("a"), "AccessControlList": [user("ann")]}) == []
    until(lambda: len(desk.search(index, "")) == 2)
    assert [one["DocumentId"] for one in desk.kendra.query(IndexId=index)["ResultItems"]] == ["open"]


# --- Retrieve --------------------------------------------------------------------------------------------------------


def test_passages_come_from_where_the_words_are(desk: Desk) -> None:
    index = desk.index()
    filler = "Filler sentence about nothing at all. " * 60
    long = f"{filler}\n\nRefunds are paid within a week.\n\n{filler}\n\nAsk for refunds and policy here.\n\n{filler}"
    attributes = [text("_source_uri", "https://example.com/long")]
    documents = [
        {**document("long", long), "Title": "Long", "Attributes": attributes},
        document("short", "One word of refunds."),
        document("other", "nothing"),
    ]
    assert desk.put(index, *documents) == []
    found_all(desk, index, 3)
    answer = desk.kendra.retrieve(IndexId=index, QueryText="refunds policy")
    items = answer["ResultItems"]
    assert [one["DocumentId"] for one in items].count("long") == 2
    assert {one["DocumentId"] for one in items} == {"long", "short"}
    (best, second) = (one for one in items if one["DocumentId"] == "long")
    assert "refunds and policy" in best["Content"]
    assert "Refunds are paid" in second["Content"]
    assert all(len(one["Content"].split()) <= 200 for one in items)
    assert (best["DocumentTitle"], best["DocumentURI"]) == ("Long", "https://example.com/long")
    assert len({one["Id"] for one in items}) == len(items)
    pages = [
        desk.kendra.retrieve(IndexId=index, QueryText="refunds policy", PageNumber=page, PageSize=1)["ResultItems"]
        for page in (1, 2, 3, 4)
    ]
    assert [one["Content"] for page in pages for one in page] == [one["Content"] for one in items]


def test_retrieve_narrows_as_query_does(library: Library) -> None:
    def ids(**more: Any) -> list[str]:
        found = library.desk.kendra.retrieve(IndexId=library.index, QueryText="vacation secret", **more)["ResultItems"]
        return sorted({one["DocumentId"] for one in found})

    assert ids() == ["board", "handbook", "payroll", "prices"]
    assert ids(UserContext={"UserId": "zoe"}) == ["handbook", "prices"]
    assert ids(AttributeFilter={"EqualsTo": number("year", 2023)}) == ["handbook"]
    with refused("ValidationException"):
        ids(AttributeFilter={"EqualsTo": text("absent", "x")})


def test_a_key_finds_in_its_own_indexes_only(library: Library) -> None:
    reader = library.desk.key("read", indexes=["some-other-index"])
    with refused("AccessDeniedException"):
        reader.query(IndexId=library.index, QueryText="vacation")
    with refused("AccessDeniedException"):
        reader.retrieve(IndexId=library.index, QueryText="vacation")
