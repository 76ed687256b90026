"""Writes what limits.json says as a source file of each client's language."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

Table = dict[str, Any]
_MADE = "Generated from proto/agenttrace/v1/limits.json by `make generate`."


def tables(table: Table) -> dict[str, str]:
    """Return the text of each language's table by its path in the repository."""
    written: dict[str, Callable[[Table], Iterator[str]]] = {
        "clients/go/internal/limits/limits.go": _go,
        "clients/typescript/src/limits.ts": _typescript,
        "clients/java/src/main/java/dev/agenttrace/Limits.java": _java,
        "clients/rust/src/limits.rs": _rust,
    }
    return {path: "\n".join(write(table)) + "\n" for path, write in written.items()}


def _go(table: Table) -> Iterator[str]:
    yield f"// Code generated: DO NOT EDIT. {_MADE}"
    yield from ("", "// Package limits holds the limits of the contract.", "package limits", "")
    yield from ('import (\n\t"regexp"\n\t"strings"\n)', "", "// The limits of the contract.", "const (")
    for name, entry in table["limits"].items():
        yield from (f"\t// {_comment(entry)}", f"\t{_camel(name)} = {entry['value']}")
    yield from (")", "", "// All has every limit by its name in limits.json.", "var All = map[string]int64{")
    yield from _aligned((f'"{name}":', f"{_camel(name)},") for name in table["limits"])
    yield from (
        "}",
        "",
        "// Forms has the forms of strings by their names in limits.json; each matches a whole string.",
    )
    yield "var Forms = map[string]*regexp.Regexp{"
    forms = ((f'"{name}":', f"regexp.MustCompile(`{_whole(entry)}`),") for name, entry in table["patterns"].items())
    yield from _aligned(forms)
    yield from ("}", "", "var contentKeyWords = map[string]bool{")
    yield from _aligned((f'"{word}":', "true,") for word in sorted(table["content_keys"]["words"]))
    yield from ("}", "", "var contentKeyAllowedLastParts = map[string]bool{")
    yield from _aligned((f'"{word}":', "true,") for word in table["content_keys"]["allowed_last_parts"])
    yield """}

// IsContentKey tells whether a string under this attribute key is refused, because the key names content.
func IsContentKey(key string) bool {
\tparts := strings.Split(strings.ReplaceAll(key, "_", "."), ".")
\tif contentKeyAllowedLastParts[parts[len(parts)-1]] {
\t\treturn false
\t}
\tfor _, part := range parts {
\t\tif contentKeyWords[part] {
\t\t\treturn true
\t\t}
\t}
\treturn false
}"""


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _aligned(pairs: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Yield the entries of a map as gofmt aligns them."""
    told = list(pairs)
    width = max(len(key) for key, _ in told)
    return (f"\t{key:<{width}} {value}" for key, value in told)


def _typescript(table: Table) -> Iterator[str]:
    yield f"// {_MADE}"
    yield from ("", "/** The limits of the contract. */", "export const LIMITS = {")
    for name, entry in table["limits"].items():
        yield from (f"  /** {_comment(entry)} */", f"  {name}: {entry['value']},")
    yield from ("} as const;", "", "/** The forms of strings; each matches a whole string. */")
    yield "export const FORMS = {"
    for name, entry in table["patterns"].items():
        yield from (f"  /** {_comment(entry)} */", f"  {name}: /^(?:{entry['regex']})$/,")
    yield from ("} as const;", "")
    for name, words in _word_lists(table):
        yield f"const {name}: ReadonlySet<string> = new Set(["
        yield from (f'  "{word}",' for word in words)
        yield from ("]);", "")
    yield """/** Whether a string under this attribute key is refused, because the key names content. */
export function isContentKey(key: string): boolean {
  const parts = key.replaceAll("_", ".").split(".");
  const last = parts[parts.length - 1]!;
  return !CONTENT_KEY_ALLOWED_LAST_PARTS.has(last) && parts.some((part) => CONTENT_KEY_WORDS.has(part));
}"""


def _java(table: Table) -> Iterator[str]:
    yield f"// {_MADE}"
    yield from ("package dev.agenttrace;", "", "import java.util.Map;", "import java.util.Set;")
    yield from ("import java.util.regex.Pattern;", "", "/** The limits of the contract. */")
    yield "public final class Limits {"
    for name, entry in table["limits"].items():
        yield f"  /** {_comment(entry)} */"
        yield from (f"  public static final long {name.upper()} = {entry['value']}L;", "")
    for name, entry in table["patterns"].items():
        pattern = f"Pattern.compile({json.dumps(entry['regex'])})"
        yield f"  /** {_comment(entry)} */"
        yield from (f"  public static final Pattern {name.upper()} =", f"      {pattern};", "")
    yield from ("  /** Every limit by its name in limits.json. */", "  public static final Map<String, Long> ALL =")
    yield "      Map.ofEntries("
    yield ",\n".join(f'          Map.entry("{name}", {name.upper()})' for name in table["limits"]) + ");"
    yield from ("", "  /** Every form by its name in limits.json; use {@code matcher(text).matches()}. */")
    yield "  public static final Map<String, Pattern> FORMS ="
    yield "      Map.ofEntries("
    yield ",\n".join(f'          Map.entry("{name}", {name.upper()})' for name in table["patterns"]) + ");"
    for name, words in _word_lists(table):
        yield from ("", f"  private static final Set<String> {name} =", "      Set.of(")
        yield ",\n".join(f'          "{word}"' for word in words) + ");"
    yield """
  private Limits() {}

  /** Whether a string under this attribute key is refused, because the key names content. */
  public static boolean isContentKey(String key) {
    String[] parts = key.replace('_', '.').split("\\\\.", -1);
    if (CONTENT_KEY_ALLOWED_LAST_PARTS.contains(parts[parts.length - 1])) {
      return false;
    }
    for (String part : parts) {
      if (CONTENT_KEY_WORDS.contains(part)) {
        return true;
      }
    }
    return false;
  }
}"""


def _rust(table: Table) -> Iterator[str]:
    yield f"//! The limits of the contract. {_MADE}"
    yield ""
    for name, entry in table["limits"].items():
        yield from (f"/// {_comment(entry)}", f"pub const {name.upper()}: i64 = {entry['value']};")
    yield from ("", "/// Every limit by its name in limits.json.", "pub const ALL: &[(&str, i64)] = &[")
    yield from (f'    ("{name}", {name.upper()}),' for name in table["limits"])
    yield from ("];", "", "/// The forms of strings by their names in limits.json; each matches a whole string.")
    yield "#[rustfmt::skip]"
    yield "pub const FORMS: &[(&str, &str)] = &["
    yield from (f'    ("{name}", r"{_whole(entry)}"),' for name, entry in table["patterns"].items())
    yield "];"
    for name, words in _word_lists(table):
        yield from ("", "#[rustfmt::skip]", f"const {name}: &[&str] = &[")
        yield from (f'    "{word}",' for word in words)
        yield "];"
    yield """
/// Whether a string under this attribute key is refused, because the key names content.
pub fn is_content_key(key: &str) -> bool {
    let last = key.rsplit(['.', '_']).next().unwrap_or_default();
    !CONTENT_KEY_ALLOWED_LAST_PARTS.contains(&last)
        && key
            .split(['.', '_'])
            .any(|part| CONTENT_KEY_WORDS.contains(&part))
}"""


def _word_lists(table: Table) -> tuple[tuple[str, list[str]], ...]:
    words = table["content_keys"]
    return (
        ("CONTENT_KEY_WORDS", sorted(words["words"])),
        ("CONTENT_KEY_ALLOWED_LAST_PARTS", sorted(words["allowed_last_parts"])),
    )


def _whole(entry: dict[str, Any]) -> str:
    return rf"\A(?:{entry['regex']})\z"


def _comment(entry: dict[str, Any]) -> str:
    unit = entry.get("unit", "")
    return f"{entry['comment']} In {unit}." if unit else str(entry["comment"])
