"""A watch in which every text that a stranger can choose is hostile: scripts, bidi, ten thousand characters."""

from __future__ import annotations

from datetime import timedelta
from itertools import cycle
from typing import Any

from msgspec.structs import replace
from sqlmodel import col, select

from alerts import acting, lifecycle, silences
from alerts.matching import parse_match
from alerts.model import Alert
from config.manifests.reading import Broken
from monitor.health import manifest_findings
from monitor.observations import Account, DomainState, Release
from monitor.results import Failed
from monitor.store.engine import Store
from monitor.store.health import ALIVE
from monitor.store.tables import Meta, SourceHealth
from monitor.store.targets import Wanted, by_subject
from tests.browser.scene import DAY, NOW, Scene, domain, package

TEXTS = (
    "<script>window.hacked=1</script>",
    "\"><img src=x onerror='window.hacked=1'>",
    "'-window.hacked=1-'",
    "</title></style></textarea></svg><script>window.hacked=1</script>",
    "javascript:window.hacked=1",
    "{{ 7*7 }}{% raw %}",
    "user\u202egnp.exe\u2066\u200b\u001b[31m",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
    "W" * 10_000,
    "=cmd|' /C calc'!A0",
)
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\u061c"
PURL = "pkg:npm/attacked"


def build(store: Store) -> Scene:
    """Everything that can be a stranger's text is one of ``TEXTS``."""
    scene = Scene(store)
    texts = cycle(TEXTS)
    accounts = tuple(
        Account(name=text[:100], email=f"{text[:40]}@mail-{number}.org") for number, text in enumerate(TEXTS)
    )
    wanted = [Wanted(watch="shop", subject="domain:mail-0.org", sort="domain")]
    for text in TEXTS:
        way: dict[str, Any] = {"source": text[:300], "via": (text[:200],), "versions": (text[:200],), "direct": False}
        wanted.append(Wanted(watch=text[:90], owner=next(texts)[:90], subject=PURL, sort="package", **way))
    scene.watch(wanted)
    releases: dict[str, Release] = {}
    for number in range(30):
        text = next(texts)
        version = f"{number}.0.0-{text[:60]}"
        releases[version] = Release(
            version=version,
            published_at=NOW - (900 - 20 * number) * DAY,
            publisher=accounts[number % len(accounts)],
            trusted_publisher=next(texts)[:200] if number % 4 == 0 else "",
            maintainers=tuple(sorted(accounts[: number % len(accounts) + 1])),
            scripts={"postinstall": text * 3, next(texts)[:50]: next(texts)} if number % 2 else {},
            provenance=next(texts)[:200],
            integrity={"tarball": next(texts)[:300]},
            dependencies={next(texts)[:200]: next(texts)[:200]},
            deprecated="",
            licence=next(texts)[:300],
            repository=next(texts)[:300],
        )
    attacked = package(
        "attacked",
        releases=releases,
        repository=TEXTS[0],
        licence=TEXTS[3],
        contributors=tuple(TEXTS[:7]),
        deprecated="",
    )
    _seen(scene, attacked)
    _told(scene)
    return scene


def _seen(scene: Scene, attacked: Any) -> None:
    scene.now = NOW - 20 * DAY
    scene.sees(attacked)
    scene.review()
    for number, text in enumerate(TEXTS):
        scene.now = NOW - (10 - number) * DAY
        rows = dict(attacked.releases)
        last = list(rows.values())[-1]
        version = f"{100 + number}.0.0-{text[:60]}"
        stranger = Account(f"{text[:60]}{number}", f"{text[:30]}@mail-0.org")
        told: dict[str, Any] = {
            "version": version,
            "published_at": scene.now - timedelta(hours=1),
            "publisher": stranger,
            "scripts": {"install": text, "postinstall": TEXTS[8]},
            "maintainers": (stranger,),
            "dependencies": {f"dep-{number}": text[:300]},
        }
        rows[version] = replace(last, **told)
        attacked = replace(
            attacked, releases=rows, maintainers=(*(attacked.maintainers or ()), stranger), latest=version
        )
        attacked = replace(attacked, deprecated=text if number % 2 else "")
        scene.sees(attacked)
    scene.now = NOW
    hostile: dict[str, Any] = {
        "registrar": TEXTS[3],
        "registry_handle": TEXTS[6],
        "nameservers": tuple(text[:200] for text in TEXTS[:5]),
        "mail_exchangers": (TEXTS[8],),
    }
    scene.sees(domain("mail-0.org", DomainState.REGISTERED, NOW + 5 * DAY, NOW - 900 * DAY, **hostile))
    scene.sees(domain("mail-0.org", DomainState.EXPIRING, NOW + 5 * DAY, NOW - 900 * DAY, **hostile))
    scene.review()
    scene.tell()


def _told(scene: Scene) -> None:
    store, now = scene.store, scene.now
    with store.transaction() as session:
        texts = TEXTS
        broken = [Broken(name=text[:200], line=1, error=text, mend=text[:100], watches=(text[:90],)) for text in texts]
        found, _ = manifest_findings(broken, {}, {}, now)
        lifecycle.take(session, found, recent=(), policy=scene.policy, now=now)
        numbers = list(session.exec(select(Alert.id).order_by(col(Alert.id))))
        for number, text in zip(numbers[:6], texts, strict=False):
            acting.acknowledge(session, [number or 0], who=text[:100], note=text[:1000], until=None, now=now)
        acting.accept(session, [numbers[0] or 0], who=texts[0], note=texts[6], now=now)
        for text in texts:
            silences.add(
                session,
                parse_match(["kind=deprecated"]),
                reason=text[:1000],
                who=text[:100],
                starts_at=now,
                ends_at=now + 30 * DAY,
                now=now,
            )
        (due,) = by_subject(session, [PURL])
        scene.recorder.record(session, [Failed(due=due, at=now, host="host", reason=texts[8])], now)
        for number, text in enumerate(texts):
            session.add(SourceHealth(host=f"{number}{text}"[:250], state="down", since=now, error=text[:500]))
        session.merge(Meta(name=ALIVE, value=now.isoformat()))
    scene.tell()
