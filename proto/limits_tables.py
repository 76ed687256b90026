"""Writes what limits.json says as the Python module of server and SDK, and as docs/limits.md."""

from __future__ import annotations

import re
from typing import Any

MODULE_HEAD = '''"""The limits of the contract. Generated from proto/agenttrace/v1/limits.json by `make generate`."""

import re
from typing import Final

'''

MODULE_TAIL = '''

def is_content_key(key: str) -> bool:
    """Whether a string under this attribute key is refused, because the key names content."""
    parts = key.replace("_", ".").split(".")
    return parts[-1] not in CONTENT_KEY_ALLOWED_LAST_PARTS and not CONTENT_KEY_WORDS.isdisjoint(parts)
'''


def limits_module(table: dict[str, Any]) -> str:
    """Return the Python module of the limits, the same for server and SDK."""
    lines = []
    for name, entry in table["patterns"].items():
        lines += [f"# {entry['comment']}", f'{name.upper()}: Final = re.compile(r"{entry["regex"]}", re.ASCII)']
    for name, entry in table["limits"].items():
        unit = f" In {entry['unit']}." if entry["unit"] else ""
        lines += [f"# {entry['comment']}{unit}", f"{name.upper()}: Final = {entry['value']}"]
    words = table["content_keys"]
    lines.append(f"# {words['comment']}".replace(" Numbers", "\n# Numbers").replace(", unless", ",\n# unless"))
    lines.append(frozen_set("CONTENT_KEY_WORDS", words["words"]))
    lines.append(frozen_set("CONTENT_KEY_ALLOWED_LAST_PARTS", words["allowed_last_parts"]))
    lines += scanner_lines(table["scanners"], table["random_strings"])
    return MODULE_HEAD + "\n".join(lines) + "\n" + MODULE_TAIL


def scanner_lines(scanners: dict[str, Any], random_strings: dict[str, Any]) -> list[str]:
    """Return the declarations of the scanners. Texts, not patterns: they are compiled where first needed."""
    rules = scanners["rules"]
    bodies = [
        f'    (\n        "{r["name"]}",\n{parts(r["regex"])}\n        "{r.get("check", "")}",\n    ),' for r in rules
    ]
    starts = [f'    r"{rule["start"]}",' for rule in rules if rule["start"]]
    lengths = [f'    "{entry[:2]}": {entry[2:]},' for entry in scanners["iban_lengths"].split()]
    return [
        "# What is secret or personal by its shape: name, regular expression, and what else must be so of a find.",
        *("SCANNERS: Final = (", *bodies, ")"),
        "# What a find begins with; those of the other scanners hold an @ behind their first character.",
        *("SCANNER_STARTS: Final = (", *dict.fromkeys(starts), ")"),
        "# The lengths of account numbers by country.",
        *("IBAN_LENGTHS: Final = {", *lengths, "}"),
        "# What looks random: a run of characters, and how many bits each of them tells at least.",
        f'RANDOM_RUN: Final = r"{random_strings["run"]}"',
        f"RANDOM_BITS_PER_CHARACTER: Final = {random_strings['bits_per_character']}",
        frozen_set("RANDOM_ALLOWED_LAST_PARTS", random_strings["allowed_last_parts"]),
    ]


def parts(regex: str) -> str:
    """Return a regular expression as a raw string, in several lines where it is long."""
    if len(regex) <= 100:
        return f'        r"{regex}",'
    pieces = re.findall(r"(?:\\.|[^\\]){1,90}", regex)
    return "\n".join(["        (", *[f'            r"{piece}"' for piece in pieces], "        ),"])


def frozen_set(name: str, words: list[str]) -> str:
    """Return the declaration of a frozenset of words, one a line as ruff formats it."""
    body = "".join(f'        "{word}",\n' for word in sorted(words))
    return f"{name}: Final = frozenset(\n    {{\n{body}    }}\n)"


def limits_page(table: dict[str, Any]) -> str:
    """Return the page of documentation."""
    lines = ["# Limits", "", "Generated from `proto/agenttrace/v1/limits.json` by `make generate`.", ""]
    lines += ["| limit | value | unit | what it bounds |", "|---|---:|---|---|"]
    for name, entry in table["limits"].items():
        lines.append(f"| `{name}` | {entry['value']:,} | {entry['unit']} | {entry['comment']} |")
    lines += ["", "## Forms of strings", "", "| form | regular expression | |", "|---|---|---|"]
    for name, entry in table["patterns"].items():
        lines.append(f"| `{name}` | {code(entry['regex'])} | {entry['comment']} |")
    words = table["content_keys"]
    lines += ["", "## Keys that name content", "", words["comment"], ""]
    lines.append("Content words: " + ", ".join(f"`{word}`" for word in sorted(words["words"])) + ".")
    lines += ["", "Allowed last parts: " + ", ".join(f"`{word}`" for word in words["allowed_last_parts"]) + "."]
    lines += scanners_page(table["scanners"], table["random_strings"])
    return "\n".join(lines) + "\n"


def scanners_page(scanners: dict[str, Any], random_strings: dict[str, Any]) -> list[str]:
    """Return what the page says of the scanners."""
    lines = ["", "## Values that are secret or personal by their shape", "", scanners["comment"], ""]
    lines += ["| scanner | refuses | for example | passes |", "|---|---|---|---|"]
    for rule in scanners["rules"]:
        lines.append(
            f"| `{rule['name']}` | {rule['comment']} | {code(rule['refuses'][0])} | {code(rule['accepts'][0])} |"
        )
    lines += ["", "## Strings of attributes that look random", "", random_strings["comment"], ""]
    lines.append(f"The run: `{random_strings['run']}`, {random_strings['bits_per_character']} bits a character.")
    allowed = ", ".join(f"`{word}`" for word in random_strings["allowed_last_parts"])
    return [*lines, "", f"Allowed last parts: {allowed}."]


def code(text: str) -> str:
    """Return a text as code within a table."""
    return f"`{text.replace('|', chr(92) + '|')}`"
