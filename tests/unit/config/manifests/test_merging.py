"""One entry for each package, whatever the number of files that name it."""

from __future__ import annotations

from config.manifests.merging import merged
from config.manifests.model import Entry

QS = "pkg:npm/qs"


def test_versions_count_together_and_the_shortest_way_is_told() -> None:
    far = Entry(purl=QS, versions=("6.5.3", "6.11.0"), via=("express", "body-parser"), source="a.lock")
    near = Entry(purl=QS, versions=("6.11.0", "6.13.0"), via=("express",), source="b.lock")
    assert merged([far, near]) == (
        Entry(purl=QS, versions=("6.5.3", "6.11.0", "6.13.0"), via=("express",), source="b.lock"),
    )


def test_whoever_asks_for_it_directly_or_in_production_decides() -> None:
    dev = Entry(purl=QS, direct=True, dev=True, source="a.lock")
    production = Entry(purl=QS, via=("express",), source="b.lock")
    assert merged([production, dev]) == (Entry(purl=QS, direct=True, dev=False, source="a.lock"),)


def test_depth_and_dev_leave_out_before_anything_is_joined() -> None:
    entries = [
        Entry(purl=QS, versions=("1.0.0",), direct=True),
        Entry(purl=QS, versions=("2.0.0",), via=("express",)),
        Entry(purl="pkg:npm/jest", direct=True, dev=True),
    ]
    assert [one.purl for one in merged(entries, depth="direct")] == [QS, "pkg:npm/jest"]
    assert merged(entries, depth="direct")[0].versions == ("1.0.0",)
    assert [one.purl for one in merged(entries, dev=False)] == [QS]


def test_what_comes_from_a_folder_stays_apart_from_the_registrys_package_of_the_same_name() -> None:
    own = Entry(purl=QS, versions=("0.1.0",), direct=True, registry=False)
    registrys = Entry(purl=QS, versions=("6.13.0",), via=("express",))
    assert merged([own, registrys]) == (own, registrys)
