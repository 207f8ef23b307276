"""No key stands in an address, and none gets into a message."""

import pytest
from fsspec.config import conf

from foolscape.errors import SettingError
from foolscape.spec import parse
from foolscape.stores.secrets import refuse_secrets, scrubbed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at http://me:pa55@host:9000/b?list=2 refused", "at http://***@host:9000/b?*** refused"),
        ("url='https://h/b/k.png?X-Amz-Signature=abc&x=1', status=403", "url='https://h/b/k.png?***', status=403"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
        ("{'aws_secret_access_key': 'abcdef'}", "{'aws_secret_access_key': ***}"),
        ("{'Authorization': 'Basic abc='}", "{'Authorization': ***}"),
        ("ExpiredToken: The provided token has expired", "ExpiredToken: The provided token has expired"),
        ("two\nlines\tand spaces", "two lines and spaces"),
        ("s3://bucket/photos@2x/a.png: no such file", "s3://bucket/photos@2x/a.png: no such file"),
    ],
)
def test_messages_lose_what_may_be_a_key(text, expected):
    assert scrubbed(text) == expected


def test_known_keys_are_found_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "abc/def+ghi")
    monkeypatch.setitem(conf, "s3", {"key": "AKIDAKID", "client_kwargs": {"password": "hunter22"}, "anon": False})
    assert scrubbed("with abc/def+ghi of AKIDAKID, hunter22") == "with *** of ***, ***"


@pytest.mark.parametrize(
    "text",
    [
        "masks:s3://bucket/images@2x?labels=s3://bucket/masks&classes=me@home.txt",
        "folder:hf://datasets/owner/name@main/photos",
        "folder:zip://images::s3://bucket/a.zip",
        "folder:s3://arn:aws:s3:us-west-2:1:accesspoint/mine/images",
        "folder:https://host:8080/photos",
        "folder:photos@home:2024",
        "net.py:build?key=3",
    ],
)
def test_addresses_without_keys_are_left_alone(text):
    refuse_secrets(text)
    assert parse(text, ["masks", "folder"]).text == text


def test_the_refusal_names_where_keys_belong():
    with pytest.raises(SettingError, match=r"AWS_PROFILE.*GOOGLE_APPLICATION_CREDENTIALS.*HF_TOKEN.*FSSPEC") as caught:
        parse("folder:s3://AKID:pa55@bucket/x", ["folder"])
    assert "pa55" not in str(caught.value)
