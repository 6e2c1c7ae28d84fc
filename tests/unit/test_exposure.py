"""How near a release is to a project, and how a message says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.compose import reach_line
from monitor.exposure import takes, use_of


@pytest.mark.parametrize(
    ("ecosystem", "version", "versions", "ranges", "use"),
    [
        ("npm", "1.4.0", ("1.3.0", "1.4.0"), (), "used"),
        ("npm", "1.4.0", ("1.3.0",), ("^1.3.0",), "taken"),
        ("npm", "2.0.0", ("1.3.0",), ("^1.3.0",), "unused"),
        ("npm", "1.4.0-beta.1", ("1.3.0",), ("^1.3.0",), "unused"),
        ("npm", "2.0.0", ("1.3.0",), ("^1.3.0", ">=2 <3 || 4.x"), "taken"),
        ("npm", "1.4.0", ("1.3.0",), (), "unused"),
        ("npm", "1.4.0", ("1.3.0",), ("latest",), "unused"),
        ("npm", "1.4.0", (), ("latest",), ""),
        ("npm", "1.4.0", (), ("",), "taken"),
        ("npm", "1.4.0", (), (), ""),
        ("npm", "no version", ("1.3.0",), ("*",), "unused"),
        ("pypi", "2.0", ("2.0.0",), (), "used"),
        ("pypi", "2.1", ("2.0.0",), (">=2,<3",), "taken"),
        ("pypi", "2.1rc1", ("2.0.0",), (">=2,<3",), "unused"),
        ("pypi", "3.0", ("2.0.0",), (">=2,<3",), "unused"),
        ("pypi", "3.0", (), ("^2",), ""),
        ("pypi", "3.0", (), ("",), "taken"),
    ],
)
def test_use(ecosystem: str, version: str, versions: tuple[str, ...], ranges: tuple[str, ...], use: str) -> None:
    assert use_of(ecosystem, version, versions, ranges) == use


@given(st.sampled_from(["npm", "pypi"]), st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_it(ecosystem: str, asked: str, version: str) -> None:
    assert takes(ecosystem, asked, version) in {True, False, None}


@given(*[st.integers(0, 30)] * 3)
def test_a_caret_takes_what_is_newer_within_the_major(major: int, minor: int, patch: int) -> None:
    version = f"{major + 1}.{minor}.{patch}"
    assert takes("npm", f"^{version}", version)
    assert takes("npm", f"^{version}", f"{major + 1}.{minor}.{patch + 1}")
    assert not takes("npm", f"^{version}", f"{major + 2}.0.0")


REACH = {
    "watch": "shop",
    "owner": "web",
    "direct": False,
    "via": ["express"],
    "versions": ["1.3.0"],
    "release": "1.4.0",
}


@pytest.mark.parametrize(
    ("use", "line"),
    [
        ("used", "shop (web): 1.4.0 is in use; through express, 1.3.0 in use"),
        ("taken", "shop (web): the next update takes 1.4.0; through express, 1.3.0 in use"),
        ("unused", "shop (web): through express, 1.3.0 in use; 1.4.0 is not used yet"),
        ("", "shop (web): through express, 1.3.0 in use"),
    ],
)
def test_a_message_says_it(use: str, line: str) -> None:
    assert reach_line(REACH | {"use": use}) == line


def test_what_was_recorded_before_releases_were_told_is_shown_as_it_was() -> None:
    assert reach_line({"watch": "shop"}) == "shop: direct"
    assert reach_line({"watch": "shop", "versions": [str(n) for n in range(7)]}) == (
        "shop: direct, 0, 1, 2, 3, 4 and 2 more in use"
    )
