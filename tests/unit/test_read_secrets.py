import pytest

from envcompose.read.secrets import mask_secrets


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://user:hunter2@h/simple", "https://****@h/simple"),
        ("https://ghp_token@h/simple", "https://****@h/simple"),
        ("https://token:x-oauth-basic@h:8443/s", "https://****@h:8443/s"),
        ("git+https://u:p@github.com/a/b@main", "git+https://****@github.com/a/b@main"),
        ("https://u:p/a?b#c@h/s", "https://****@h/s"),
        ("https://u:p@ss@h/s", "https://****@h/s"),
        ("https://h/s?token=abc&ref=main&X-Sig=q%20", "https://h/s?token=****&ref=main&X-Sig=****"),
        ("https://conda.example/t/tk-123/channel", "https://conda.example/t/****/channel"),
        ("a @ https://u:p@h/a b @ https://v:q@h/b", "a @ https://****@h/a b @ https://****@h/b"),
    ],
)
def test_credentials_are_masked(text, masked):
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "https://h:8080/path@rev",
        "https://[::1]:80/path@rev",
        "git+ssh://git@github.com/a/b.git@v1",
        "https://${USER}:${TOKEN}@h/s",
        "https://${TOKEN}@h/s?key=${KEY}",
        "name[x]>=1; python_version > '3'",
        "file:///a/b@c",
    ],
)
def test_what_is_no_secret_stays(text):
    assert mask_secrets(text) == text
