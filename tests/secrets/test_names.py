"""What is secret by its name, and what is shown of texts that hold such."""

import pytest

from scraper.secrets import is_secret, masked, masked_proxy, names_secret

SECRET = """
token X-Token api_token PRIVATE-TOKEN X-Vault-Token X-Amz-Security-Token refresh_token id_token session_id jwt
private_key passcode access_key Ocp-Apim-Subscription-Key X-XSRF-TOKEN authenticity_token csrfmiddlewaretoken
__RequestVerificationToken access_token authToken tokens bookstoken password passwd pwd user[password] new_password2
passphrase user_pass secret client_secret secret_number credentials X-Goog-Credential apikey API_KEY apiKey X-Api-Key
AWSAccessKeyId Authorization Proxy-Authorization Cookie Set-Cookie cookies PHPSESSID JSESSIONID ASPSESSIONIDQQ sessionid
auth X-Auth X-Amz-Signature sig otp
"""
OPEN = """
page_token nextPageToken resumptionToken continuation_token syncToken max_tokens tokenizer secretary category page
author authors key keyword api_keyword public_key monkey passenger compass session process_id assess_id business_id
auth_type signature_type api sid id user name WWW-Authenticate Content-Type Access-Control-Allow-Credentials
"""


@pytest.mark.parametrize("name", SECRET.split())
def test_names_that_are_secret(name: str) -> None:
    """However its words are joined, a name that speaks of passwords, tokens, keys or cookies is secret."""
    assert is_secret(name)
    assert is_secret(name.lower())


@pytest.mark.parametrize("name", OPEN.split())
def test_names_that_are_not_secret(name: str) -> None:
    """Words that only look like such, and tokens that tell the next page, are not."""
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@h/", "http://***@h/"),
        ("expected a list, got 'http://u:p@h/x'", "expected a list, got 'http://***@h/x'"),
        ("http://u:p'q@h/", "http://***@h/"),
        ("http://u:p@q@h/", "http://***@h/"),
        ("http://u:p/q@h/", "http://***@h/"),
        (r"http:\\u:p@h\x", r"http:\\***@h\x"),
        ("http:/u:p@h/", "http:/***@h/"),
        ("socks5://u:p@h", "socks5://***@h"),
        ("//u:p@h", "//***@h"),
        ("https://h:80/a@b", "https://h:80/a@b"),
        ("https://[::1]:80/a@b", "https://[::1]:80/a@b"),
        ("https://h/a//b@c", "https://h/a//b@c"),
        ("mailto:a@b", "mailto:a@b"),
        ("http://h/?page=2&api_key=a#access_token=b", "http://h/?page=2&api_key=***#access_token=***"),
        ("http://h/?user%5Bpassword%5D=x&q=1", "http://h/?user%5Bpassword%5D=***&q=1"),
        ("got 'http://h/?token=abc', not 'x'", "got 'http://h/?token=***', not 'x'"),
        ("-a number=http://h/?token=abc: expected", "-a number=http://h/?token=***: expected"),
        ("written http://[user:password@]host:port", "written http://[user:password@]host:port"),
        ("http://[me:pw@]host:port", "http://***@]host:port"),
        ("token=abc", "token=abc"),
    ],
)
def test_urls_in_texts_are_shown_without_their_secrets(text: str, shown: str) -> None:
    """User and password are replaced, however a browser lets them be written, and values of secret parameters."""
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("me:hush@p.example:80", "***@p.example:80"),
        ("socks5://me:hu/sh@p.example", "socks5://***@p.example"),
        ("['http://a:b@c', 'd:e@f']", "['http://***@c', '***@f']"),
        ("p.example:80", "p.example:80"),
    ],
)
def test_addresses_of_proxies_are_shown_without_their_passwords(text: str, shown: str) -> None:
    """The address of a proxy needs no scheme, and its password may hold anything."""
    assert masked_proxy(text) == shown


@pytest.mark.parametrize("text", ["{password = 'x'}", '{"n": 1, "apiKey": 2}', "[{user='a', token='x'}]", "a.jwt=1"])
def test_tables_that_hold_secrets(text: str) -> None:
    """A table of TOML or an object of JSON that gives a value to a secret name is told by its text."""
    assert names_secret(text)


@pytest.mark.parametrize("text", ["{n = 1}", "https://h/?token=a", "Travel: a token", "https://token"])
def test_texts_that_are_no_such_table(text: str) -> None:
    """Other texts are not taken for such, whatever they speak of."""
    assert not names_secret(text)
