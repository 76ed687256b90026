package dev.agenttrace;

/**
 * What became of everything recorded so far, in items: runs are two items or more, steps and failures one each.
 *
 * @param accepted stored, or changed what is stored
 * @param duplicate known already: sent twice because an answer was lost
 * @param rejected refused for good
 * @param rejectedAttributes attributes that the server left out
 * @param dropped given up: the queue was full, or no server took them before the tracer was closed
 * @param corrected names and attributes that were no tokens: recorded as invalid_name, or left out
 * @param pending not acknowledged yet
 */
public record Receipt(
    long accepted,
    long duplicate,
    long rejected,
    long rejectedAttributes,
    long dropped,
    long corrected,
    long pending) {

  /** Whether everything recorded is stored. */
  public boolean complete() {
    return rejected == 0 && dropped == 0 && pending == 0;
  }
}
