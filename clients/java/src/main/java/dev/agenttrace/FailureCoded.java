package dev.agenttrace;

/** An exception that knows the code of its failure. */
public interface FailureCoded {
  /** A token, such as "quota_exceeded". */
  String failureCode();
}
