"""What is wrong with an input is counted and named by file and line; nothing in it can take memory without end."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config.settings import Thresholds
from monitor.study import columns, decoding, lines
from monitor.study.intake import inputs, read_domains
from monitor.study.lines import BrokenStream, Expanding, blocks
from monitor.study.problems import BadInput
from monitor.study.report import Study
from monitor.study.run import study_files
from monitor.study.settle import Rules

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BOM = b"\xef\xbb\xbf"


def study(*paths: Path, expired: frozenset[str] | None = None) -> Study:
    rules = Rules(now=NOW, expired_domains=expired)
    return study_files(inputs(paths), NOW, rules, Thresholds(), lambda _size: None)


def faults(found: Study) -> dict[tuple[str, str], tuple[int, list[str]]]:
    """Count and first places, by kind and column."""
    return {
        (one["fault"], one["column"]): (
            one["count"],
            [f"{Path(place['file']).name}:{place['line']}" for place in one["first"]],
        )
        for one in found.faults
    }


def value(found: Study, measure: str, statistic: str = "count") -> Any:
    return next(one for one in found.measures if one.id == measure).statistics[statistic]


@given(
    text=st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=9),
    size=st.integers(1, 12),
    longest=st.integers(3, 9),
    whole=st.booleans(),
)
def test_every_line_comes_whole_and_with_its_number(text: list[bytes], size: int, longest: int, whole: bool) -> None:
    size = min(size, longest)
    data = b"\n".join(text) + b"\n" * whole
    assume(not data.startswith(BOM))
    told = {number: line for number, line in enumerate(data.split(b"\n"), 1) if line}
    found: dict[int, bytes | None] = {}
    for block in blocks(io.BytesIO(data), size=size, longest=longest):
        if block.data is None:
            found[block.first_line] = None
        else:
            found |= {number: line for number, line in enumerate(block.data.split(b"\n"), block.first_line) if line}
    assert found == {number: line if len(line) <= longest else None for number, line in told.items()}


def test_a_line_without_end_is_named_and_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 4 << 20)
    monkeypatch.setattr(blocks, "__kwdefaults__", {"size": 1 << 20, "longest": 4 << 20})
    with (
        (tmp_path / "dump.jsonl.gz").open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as out,
    ):
        out.write(b'{"name": "a"}\n{"name": "')
        for _ in range(64):
            out.write(b"x" * (1 << 20))
        out.write(b'"}\n{"name": "b"}\n')
    tracemalloc.start()
    found = study(tmp_path / "dump.jsonl.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert faults(found) == {("long-line", ""): (1, ["dump.jsonl.gz:2"])}
    assert (found.counts.packages, found.lost) == (2, True)
    assert peak < 16 << 20


def test_a_gzip_bomb_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "FREE_EXPANSION", 1 << 20)
    (tmp_path / "dump.jsonl.gz").write_bytes(gzip.compress(b'{"name": "a"}\n' + b"\n" * (64 << 20)))
    found = study(tmp_path / "dump.jsonl.gz")
    ((kind, (count, _)),) = faults(found).items()
    assert (kind, count, found.counts.packages, found.lost) == (("broken-file", ""), 1, 1, True)
    assert "200-fold" in found.faults[0]["reason"]


def test_ordinary_json_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "FREE_EXPANSION", 0)
    text = b"".join(json.dumps({"name": f"package-{n}", "contributors": n % 7}).encode() + b"\n" for n in range(20_000))
    stream = Expanding(io.BytesIO(gzip.compress(text)))
    assert b"".join(iter(lambda: stream.read(1 << 16), b"")) == text


@pytest.mark.parametrize(
    "damage", [lambda body: body[:-20], lambda body: body[:40] + b"?" + body[41:], lambda _: b"no"]
)
def test_a_damaged_gzip_breaks_off_in_words(damage: Any) -> None:
    body = gzip.compress(bytes(range(256)) * 40)
    stream = Expanding(io.BytesIO(damage(body)))
    with pytest.raises(BrokenStream, match="damaged gzip"):
        b"".join(iter(lambda: stream.read(64), b""))


def test_what_stands_before_a_damage_is_counted(tmp_path: Path) -> None:
    text = b"".join(b'{"name": "package-%d"}\n' % n for n in range(50_000))
    (tmp_path / "dump.jsonl.gz").write_bytes(gzip.compress(text)[:-1000])
    found = study(tmp_path / "dump.jsonl.gz")
    assert 40_000 < found.counts.packages < 50_000
    assert [kind for kind, _ in faults(found)] == ["broken-file"]


def test_each_kind_of_bad_line_is_named(tmp_path: Path) -> None:
    text = [
        '{"name": "a", "last_release_at": "2008-12-31T00:00:00Z"}',
        "",
        '{"name": "b", "last_release_at": "2031-01-01T00:00:00Z"}',
        '{"name": "c", "contributors": "many", "maintainers": [{"email": "a@b.example"}]}',
        '{"contributors": 3}',
        '{"name": "a", "contributors": 3}',
        "[" * 100_000,
        '{"name": "d", "deep": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "not json",
        '{"name": "e", "last_release_at": "soon"}',
        '{"name": "f", "dependents": 1e9, "install_script": "yes"}',
    ]
    (tmp_path / "dump.jsonl").write_text("\n".join(text))
    found = study(tmp_path / "dump.jsonl")
    assert faults(found) == {
        ("broken-line", ""): (3, ["dump.jsonl:7", "dump.jsonl:8", "dump.jsonl:9"]),
        ("no-name", ""): (1, ["dump.jsonl:5"]),
        ("duplicate", ""): (1, ["dump.jsonl:6"]),
        ("wrong-type", "contributors"): (1, ["dump.jsonl:4"]),
        ("wrong-type", "dependents"): (1, ["dump.jsonl:11"]),
        ("wrong-type", "install_script"): (1, ["dump.jsonl:11"]),
        ("wrong-type", "maintainers"): (1, ["dump.jsonl:4"]),
        ("bad-date", "last_release_at"): (1, ["dump.jsonl:10"]),
        ("early-date", "last_release_at"): (1, ["dump.jsonl:1"]),
        ("future-date", "last_release_at"): (1, ["dump.jsonl:3"]),
    }
    assert found.counts.packages == 5
    assert found.lost


def test_of_many_faults_the_first_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("broken\n" * 3)
    (tmp_path / "b.jsonl").write_text("broken\n" * 1000)
    named = ["a.jsonl:1", "a.jsonl:2", "a.jsonl:3", "b.jsonl:1", "b.jsonl:2"]
    assert faults(study(tmp_path))[("broken-line", "")] == (1003, named)


def test_a_line_keeps_its_number_after_blank_ones_and_holds_one_record(tmp_path: Path) -> None:
    text = '{"name": "a"}\n\n{"name": "a"}\n{"name": "b"} {"name": "c"}\n'
    (tmp_path / "dump.jsonl").write_text(text)
    expected = {("broken-line", ""): (1, ["dump.jsonl:4"]), ("duplicate", ""): (1, ["dump.jsonl:3"])}
    assert faults(study(tmp_path)) == expected
    (tmp_path / "dump.jsonl").write_text('{"name": "a"}\n\n{"name": "a"}\n')
    assert faults(study(tmp_path)) == {("duplicate", ""): (1, ["dump.jsonl:3"])}
    (tmp_path / "dump.jsonl").write_text('{"name": "a"} {"name": "c"}\n{"name":\n"b"}\n')
    assert faults(study(tmp_path)) == {("broken-line", ""): (3, ["dump.jsonl:1", "dump.jsonl:2", "dump.jsonl:3"])}


def test_a_package_in_two_files_counts_as_the_first_says(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"name": "x", "install_script": true, "maintainers": [{"name": "alice"}]}\n')
    pl.DataFrame({"name": ["x"], "install_script": [False]}).write_parquet(tmp_path / "b.parquet")
    found = study(tmp_path)
    assert faults(found) == {("duplicate", ""): (1, ["b.parquet:1"])}
    assert (found.counts.packages, found.counts.maintainers, value(found, "install-scripts")) == (1, 1, 1)
    assert not found.lost


def test_a_parquet_column_of_a_wrong_type_is_unknown_as_a_whole(tmp_path: Path) -> None:
    pl.DataFrame(
        {"name": ["a", None, "b", ""], "contributors": ["1", "2", "3", "4"], "dependents": [1, 2, -1, 3]}
    ).write_parquet(tmp_path / "dump.parquet")
    found = study(tmp_path / "dump.parquet")
    assert faults(found) == {
        ("no-name", ""): (2, ["dump.parquet:2", "dump.parquet:4"]),
        ("wrong-type", "contributors"): (4, ["dump.parquet:None"]),
        ("wrong-type", "dependents"): (1, ["dump.parquet:3"]),
    }
    assert "contributors are told of no package: W5 is unknown" in found.notes


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1", b"{}"])
def test_what_is_no_parquet_is_named(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "dump.parquet").write_bytes(body)
    assert [kind for kind, _ in faults(study(tmp_path / "dump.parquet"))] == ["broken-file"]


@pytest.mark.parametrize(
    "type_", [pl.Date, pl.Datetime("ns"), pl.Datetime("us", "UTC"), pl.Datetime("ms", "Asia/Tokyo")]
)
def test_parquet_dates_of_any_kind_are_read(tmp_path: Path, type_: pl.DataType) -> None:
    at = pl.Series("last_release_at", [datetime(2026, 10, 30), datetime(2020, 1, 1)])  # noqa: DTZ001
    zone = getattr(type_, "time_zone", None)
    at = at.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else at
    pl.DataFrame({"name": ["a", "b"], "last_release_at": at.cast(type_)}).write_parquet(tmp_path / "dump.parquet")
    found = study(tmp_path / "dump.parquet")
    assert (value(found, "unmaintained"), found.faults) == (1, [])
    assert value(found, "days-since-release", "p50") == 2


def packument(name: str, **told: Any) -> dict[str, Any]:
    return {
        "name": name,
        "dist-tags": {"latest": "1.1.0"},
        "maintainers": [{"name": "alice", "email": "alice@gone.example"}],
        "contributors": ["bob", "carol"],
        "versions": {"1.0.0": {"scripts": {"install": "x"}}, "1.1.0": {"scripts": {"prepare": "x"}}},
        "time": {"created": "2020-01-01T00:00:00Z", "1.0.0": "2020-01-01T00:00:00Z", "1.1.0": "2020-02-01T00:00:00Z"},
        **told,
    }


def test_packuments_and_flat_records_may_stand_side_by_side(tmp_path: Path) -> None:
    documents = [
        packument("a"),
        {"name": "b", "maintainers": [{"name": "bob", "email": "bob@here.example"}], "install_script": True},
        packument("c", **{"dist-tags": {"latest": "1.0.0"}, "maintainers": None}),
        packument("gone", versions={}, time={"unpublished": {"time": "2020-01-01", "versions": []}}),
        packument(
            "old", time={"1.1.0": "1999-01-01T00:00:00Z", "1.0.0": "1998-01-01T00:00:00Z", "created": "2010-01-01"}
        ),
    ]
    (tmp_path / "dump.ndjson").write_text("\n".join(map(json.dumps, documents)))
    found = study(tmp_path / "dump.ndjson", expired=frozenset({"gone.example"}))
    assert faults(found) == {("no-versions", ""): (1, ["dump.ndjson:4"])}
    assert value(found, "install-scripts") == 2
    assert value(found, "packages-on-expired-domains") == 2
    assert value(found, "maintainers-on-expired-domains") == 1
    assert found.counts.contributors_per_package.bins == [(2, 3)]


def test_a_folder_of_packuments_is_walked_through(tmp_path: Path) -> None:
    (tmp_path / "@s").mkdir()
    (tmp_path / "a.json").write_text(json.dumps(packument("a"), indent=2))
    (tmp_path / "@s" / "b.json.gz").write_bytes(gzip.compress(json.dumps(packument("@s/b")).encode()))
    (tmp_path / "index.json").write_text('["a", "b"]')
    (tmp_path / "README.md").write_text("no dump")
    found = study(tmp_path)
    assert found.counts.packages == 2
    assert faults(found) == {("broken-line", ""): (1, ["index.json:1"])}


@pytest.mark.parametrize("document", ["packument", "flat", "parquet"])
def test_what_is_larger_than_any_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    monkeypatch.setattr(decoding, "MOST_VERSIONS", 10)
    monkeypatch.setattr(columns, "MOST_ROWS", 10)
    many = [{"name": f"n{n}", "email": None, "domain_expired": None} for n in range(100_001)]
    if document == "packument":
        (tmp_path / "a.json").write_text(json.dumps(packument("a", versions={f"1.0.{n}": {} for n in range(11)})))
        expected = {("broken-line", ""): (1, ["a.json:1"])}
    elif document == "flat":
        (tmp_path / "a.json").write_text(json.dumps({"name": "a", "maintainers": many}))
        expected = {("wrong-type", "maintainers"): (1, ["a.json:1"])}
    else:
        pl.DataFrame({"name": ["a"], "maintainers": [many]}).write_parquet(tmp_path / "a.parquet")
        pl.DataFrame({"name": ["b"] * 11}).write_parquet(tmp_path / "b.parquet")
        expected = {
            ("broken-file", ""): (1, ["b.parquet:None"]),
            ("wrong-type", "maintainers"): (1, ["a.parquet:1"]),
        }
    assert faults(study(tmp_path)) == expected


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(BOM + b'{"name": "a"}\n{"name": "b"}\n')
    (tmp_path / "c.json").write_bytes(BOM + b'{"name": "c"}')
    found = study(tmp_path)
    assert (found.counts.packages, found.faults) == (3, [])


def test_nothing_at_all_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "dump.jsonl").write_text("")
    found = study(tmp_path / "dump.jsonl")
    assert (found.notes, found.lost) == (["no package was counted"], True)
    assert all(one.statistics.get("percent") is None for one in found.measures)


@pytest.mark.parametrize(("make", "words"), [("dump.csv", "does not say what it is"), ("folder/", "holds no")])
def test_an_input_that_cannot_be_one_is_refused(tmp_path: Path, make: str, words: str) -> None:
    path = tmp_path / make
    if make.endswith("/"):
        path.mkdir()
    else:
        path.write_text("name\n")
    with pytest.raises(BadInput, match=words):
        inputs([path])


def test_expired_domains_are_read_in_any_spelling_and_the_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "expired.txt"
    file.write_text("Gone.Example.\n\n# a comment\nbücher.example  # sold\n")
    assert read_domains(file) == {"gone.example", "xn--bcher-kva.example"}
    file.write_text("gone.example\nno domain\n")
    with pytest.raises(BadInput, match=r"expired\.txt, line 2"):
        read_domains(file)


def test_an_address_below_an_expired_domain_hangs_on_it(tmp_path: Path) -> None:
    emails = ["a@gone.example", "b@mail.gone.example", "c@notgone.example", "d@bücher.example", "gone.example", ""]
    records = [
        {"name": email or "none", "maintainers": [{"name": f"n{n}", "email": email}]} for n, email in enumerate(emails)
    ]
    (tmp_path / "dump.jsonl").write_text("\n".join(map(json.dumps, records)))
    expired = frozenset({"gone.example", "xn--bcher-kva.example"})
    assert value(study(tmp_path / "dump.jsonl", expired=expired), "maintainers-on-expired-domains") == 3
