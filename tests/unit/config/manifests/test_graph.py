from __future__ import annotations

from config.manifests.graph import LONGEST_CHAIN, Node, entries_of
from config.manifests.model import Entry


def graph(**needs: str) -> dict[str, Node]:
    """``a="b c"`` for a package that asks for two others; each has the version ``1.0.0``."""
    return {name: Node(name, f"pkg:npm/{name}", "1.0.0", needs=asked.split()) for name, asked in needs.items()}


def by_name(entries: list[Entry]) -> dict[str, Entry]:
    return {entry.purl.removeprefix("pkg:npm/"): entry for entry in entries}


def test_the_chain_is_a_shortest_one_and_begins_with_what_is_direct() -> None:
    found = by_name(entries_of(graph(a="b", b="c", c="d", d="", e="c"), ["a", "e"], [], "lock"))
    assert found["d"].via == ("e", "c")
    assert found["b"].via == ("a",)
    assert found["a"].direct
    assert found["a"].via == ()
    assert not found["d"].direct


def test_what_production_needs_too_is_production_and_shows_its_chain_from_there() -> None:
    found = by_name(entries_of(graph(a="b", b="c", c="", t="c x", x=""), ["a"], ["t"], "lock"))
    assert [name for name, entry in found.items() if entry.dev] == ["t", "x"]
    assert found["c"].via == ("a", "b")
    assert found["t"].direct


def test_a_cycle_ends_and_what_no_root_leads_to_is_what_the_file_says() -> None:
    nodes = graph(a="b", b="a", x="y", y="x")
    nodes["x"].dev = True
    found = by_name(entries_of(nodes, ["a"], [], "lock"))
    assert found["b"].via == ("a",)
    assert (found["x"].dev, found["y"].dev) == (True, False)
    assert found["x"].via == found["y"].via == ()


def test_versions_of_one_package_make_one_entry_in_the_order_of_the_file() -> None:
    nodes = {
        "q2": Node("qs", "pkg:npm/qs", "2.0.0", needs=["t"]),
        "q1": Node("qs", "pkg:npm/qs", "1.0.0"),
        "again": Node("qs", "pkg:npm/qs", "2.0.0"),
        "t": Node("t", "pkg:npm/t", "1.0.0", needs=["q1"]),
    }
    assert entries_of(nodes, ["q2"], [], "lock")[0] == Entry(
        purl="pkg:npm/qs", versions=("2.0.0", "1.0.0"), direct=True, source="lock"
    )


def test_an_entry_is_development_only_if_all_its_versions_are() -> None:
    nodes = graph(a="b", b="q2", t="q1") | {
        "q1": Node("qs", "pkg:npm/qs", "1.0.0"),
        "q2": Node("qs", "pkg:npm/qs", "2.0.0"),
    }
    qs = by_name(entries_of(nodes, ["a"], ["t"], "lock"))["qs"]
    assert not qs.dev
    assert qs.via == ("a", "b")


def test_a_package_from_a_folder_stays_apart_from_the_registrys_of_the_same_name() -> None:
    nodes = {
        "here": Node("etag", "pkg:npm/etag", "1.8.0", registry=False),
        "there": Node("etag", "pkg:npm/etag", "1.8.1"),
    }
    here, there = entries_of(nodes, ["here", "there"], [], "lock")
    assert (here.registry, here.versions) == (False, ("1.8.0",))
    assert (there.registry, there.versions) == (True, ("1.8.1",))


def test_a_folder_leads_on_and_is_no_entry() -> None:
    nodes = graph(a="") | {"folder": Node("shop-lib", needs=["a", "gone"])}
    (only,) = entries_of(nodes, ["folder"], [], "lock")
    assert (only.purl, only.via, only.direct) == ("pkg:npm/a", ("shop-lib",), False)


def test_a_chain_of_ten_thousand_packages_is_cut_in_its_middle() -> None:
    nodes = {str(n): Node(f"p{n}", f"pkg:npm/p{n}", needs=[str(n + 1)]) for n in range(10_000)}
    last = entries_of(nodes, ["0"], [], "lock")[-1]
    assert len(last.via) == LONGEST_CHAIN
    assert last.via[:2] == ("p0", "…")
    assert last.via[2:] == tuple(f"p{n}" for n in range(9_999 - LONGEST_CHAIN + 2, 9_999))
