"""Only addresses on the allowlist are read, whatever form a refused one takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.errors import InvalidInput, Unavailable
from release_mgmt.sources.addresses import Address, AddressPolicy, is_public, parse, pin, resolve

CLOSED = AddressPolicy()


def answering(*ips: str) -> object:
    return lambda host, port, type: [(0, 0, 0, "", (ip, port)) for ip in ips]  # noqa: A006 - getaddrinfo's name


@pytest.mark.acceptance("ING-H1")
@pytest.mark.acceptance("ING-17")
@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "ext::sh -c touch% /tmp/x", "fd::3", "-uploadpack=x", "--upload-pack=touch x", "file:///etc",
        "git://host/x", "ftp://host/x", "http://host/x", "ssh://host/x", "git@host:x.git", "host:x.git",
        "https://user:pw@host/x", "https://token@host/x", "https:///x", "https://-o/x", "https://ho st/x",
        "https://host/x\n", "https://host/\x00", "https://host:99999/x", "https://[::1", "https://host/x?y",
        "https://host\\@other/x", "https://0x7f.1/x", "https://2130706433/x", "https://0177.0.0.1/x", "https://127.1/x",
        "/etc", "../x", "~/x", "$HOME/x", "x" * 3000, "https::ext::x", "javascript://x", "HTTPS+ext://host/x",
    ],
)  # fmt: skip
def test_a_refused_form_is_told_with_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as told:
        parse(text, CLOSED)
    assert told.value.errors[0].path == "address"


@pytest.mark.acceptance("ING-H1")
def test_https_is_read_and_ssh_and_http_only_by_setting() -> None:
    assert parse("https://git.example.org/a/b.git", CLOSED).port == 443
    wide = AddressPolicy(allow_http=True, allow_ssh=True)
    assert parse("ssh://git@git.example.org:2222/a/b", wide) == Address(
        "ssh", "ssh://git@git.example.org:2222/a/b", "git.example.org", 2222
    )
    assert parse("http://git.example.org/a", wide).kind == "http"


@pytest.mark.acceptance("ING-H1")
def test_a_path_counts_only_below_a_root_and_after_its_links_are_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "repo").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    policy = AddressPolicy(roots=(root,))
    assert parse(str(root / "repo"), policy) == Address("path", str(root / "repo"))
    for text in (str(outside), str(root / "link"), str(root / ".." / "outside"), str(root) + "-evil"):
        with pytest.raises(InvalidInput):
            parse(text, policy)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_refusal(text: str) -> None:
    try:
        found = parse(text, CLOSED)
    except InvalidInput:
        return
    assert found.kind == "https"


@pytest.mark.acceptance("ING-H2")
@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_a_host_behind_which_a_private_machine_stands_is_refused(ip: str) -> None:
    assert not is_public(ip)
    address = parse("https://git.example.org/x", CLOSED)
    with pytest.raises(InvalidInput, match="private network"):
        resolve(address, CLOSED, answering("93.184.216.34", ip))  # type: ignore[arg-type]


@pytest.mark.acceptance("ING-H2")
def test_the_operator_may_allow_a_private_host_and_what_was_judged_is_pinned() -> None:
    policy = AddressPolicy(allowed_hosts=frozenset({"git.internal"}))
    address = parse("https://git.internal/x", policy)
    assert resolve(address, policy, answering("10.0.0.8", "fd00::8")) == ("10.0.0.8", "fd00::8")  # type: ignore[arg-type]
    assert pin(address, ("10.0.0.8", "fd00::8")) == "git.internal:443:10.0.0.8,[fd00::8]"
    public = parse("https://git.example.org/x", CLOSED)
    assert resolve(public, CLOSED, answering("93.184.216.34", "2606:2800:220:1::1"))  # type: ignore[arg-type]


def test_a_name_that_does_not_resolve_is_told_as_such() -> None:
    def broken(*_args: object, **_more: object) -> list[tuple[object, ...]]:
        raise OSError("no such host")

    with pytest.raises(Unavailable, match="not found"):
        resolve(parse("https://nowhere.example/x", CLOSED), CLOSED, broken)
