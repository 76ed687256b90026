package dev.agenttrace;

/** What is told by the host or the environment. */
final class Settings {
  private Settings() {}

  static String read(String name, String otherwise) {
    return firstOf(System.getenv(name), otherwise);
  }

  static String firstOf(String told, String otherwise) {
    return told == null || told.isEmpty() ? otherwise : told;
  }

  static String token(String name, String value, boolean required) {
    String told = firstOf(value, "");
    if (Facts.isToken(told) || (told.isEmpty() && !required)) {
      return told;
    }
    throw new IllegalArgumentException(
        name + " must be a token: letters, digits and . _ : / @ + | -, at most 128 characters");
  }
}
