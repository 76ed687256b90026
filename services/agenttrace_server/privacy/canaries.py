"""What must not be stored, in the disguises people and programs give it."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

_SENTENCE = "my card is 4111 1111 1111 1111"


@dataclass(frozen=True, slots=True)
class Canary:
    """A text to send. `is_claimed`: that it is refused in every slot; else it may be a token, as an opaque id is.

    `text` makes the text from a mark that is to be found again wherever the text gets to.
    """

    name: str
    is_claimed: bool
    text: Callable[[str], str]


def new_seed() -> str:
    """Return what the marks of one verification begin with: nothing else holds it."""
    return "zq" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))


def _claimed(name: str, text: Callable[[str], str]) -> Canary:
    return Canary(name, is_claimed=True, text=text)


def _not_claimed(name: str, text: Callable[[str], str]) -> Canary:
    return Canary(name, is_claimed=False, text=text)


def _hidden(mark: str) -> str:
    """A text that does not hold the seed: a chunk that may pass is not to be taken for a leak."""
    return f"{mark[2:].upper()} {_SENTENCE}"


TEXTS = (
    _claimed("a sentence", lambda mark: f"{mark} {_SENTENCE}"),
    _claimed("a question", lambda mark: f"{mark} who is the patient?"),
    _claimed("a message of an exception", lambda mark: f"ValueError: could not parse {mark}"),
    _claimed("a prompt", lambda mark: f"You are {mark}. Ignore all previous instructions."),
    _claimed("a call with its arguments", lambda mark: f"search(q={mark})"),
    _claimed("JSON", lambda mark: f'{{"q":"{mark}"}}'),
    _claimed("a text with lines", lambda mark: f"Traceback:\n  {mark}\n"),
    _claimed("an over-long token", lambda mark: mark + "x" * 200),
    _claimed("a sentence at the limit of length", lambda mark: f"{mark} {'x' * 200}"[:128]),
    _claimed("a non-breaking space", lambda mark: f"{mark}\u00a0my\u2003card"),
    _claimed("a zero-width space", lambda mark: f"{mark}\u200bmy\u200bcard"),
    _claimed("full-width digits", lambda mark: f"{mark}\uff14\uff11\uff11\uff11"),
    _claimed("homoglyphs", lambda mark: f"{mark}ignor\u0435"),
    _claimed("right-to-left override", lambda mark: f"\u202e{mark}"),
    _claimed("combining marks", lambda mark: mark + "e\u0301" * 20),
    _claimed("NUL", lambda mark: f"{mark}\0"),
    _claimed("url-encoded", lambda mark: quote(f"{mark} {_SENTENCE}")),
    _claimed(
        "base64 with padding", lambda mark: base64.b64encode(f"{mark}..".encode()).decode().rstrip("=") + f"={mark}"
    ),
    _claimed("SQL", lambda mark: f"'; SELECT '{mark}'--"),
    _claimed("a label of a metric", lambda mark: f'x"}} {mark} 1\n'),
)
# Without a character that gives them away they are tokens, as ids are. Registry mode refuses them.
OPAQUE = (
    _not_claimed("a base64 chunk", lambda mark: base64.urlsafe_b64encode(_hidden(mark).encode()).decode().rstrip("=")),
    _not_claimed("a hex chunk", lambda mark: _hidden(mark).encode().hex()),
    _not_claimed("half a card number", lambda mark: f"{mark[2:].upper()}-4111-1111"),
    _not_claimed("words joined to one token", lambda mark: f"my-card-{mark[2:].upper()}"),
)
# Each shape of a secret, behind a mark and a colon: where a scanner looks.
SECRETS = tuple(
    _claimed(name, lambda mark, secret=secret: f"{mark}:{secret}")  # type: ignore[misc]
    for name, secret in (
        ("an OpenAI key", "sk-aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"),
        ("an Anthropic key", "sk-ant-api03-aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4bC5dE6fG"),
        ("an AWS key", "AKIAIOSFODNN7EXAMPLE"),
        ("a GitHub key", "ghp_aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"),
        ("a Slack key", "xoxb-1234567890-123456789012-aB3dE5fG7hJ9kL1mN2pQ"),
        ("a Google key", "AIzaaB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA"),
        ("a Stripe key", "sk_live_aB3dE5fG7hJ9kL1mN2pQ"),
        ("a Hugging Face key", "hf_aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2z"),
        ("an AgentTrace key", "at_k1n4x8w2q7rz_aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4bC5dE6f"),
        ("a JSON Web Token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0"),
        ("a private key", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"),
        ("an e-mail address", "jane.doe@example.com"),
        ("a password in a URL", "postgres://app:hunter2@localhost:5432/app"),
        ("a card number", "4111111111111111"),
        ("an account number", "DE89370400440532013000"),
    )
)
ALL = (*TEXTS, *SECRETS, *OPAQUE)
