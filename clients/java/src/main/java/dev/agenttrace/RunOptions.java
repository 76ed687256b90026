package dev.agenttrace;

import java.util.Arrays;
import java.util.List;

/**
 * Facts about a run, told with its start. All are optional; strings are tokens.
 *
 * @param sessionId the conversation, ticket or job the run belongs to
 * @param userKey the user the run served: the hash that {@link UserKey} makes, never an id
 * @param parentRunId the run that started this one
 * @param tags labels, at most 32
 */
public record RunOptions(String sessionId, String userKey, String parentRunId, List<String> tags) {
  /** No facts. */
  public static final RunOptions NONE = new RunOptions("", "", "", List.of());

  /** The facts of a run of a session. */
  public static RunOptions session(String sessionId) {
    return NONE.withSession(sessionId);
  }

  /** The same with a session. */
  public RunOptions withSession(String sessionId) {
    return new RunOptions(sessionId, userKey, parentRunId, tags);
  }

  /** The same with a user. */
  public RunOptions withUser(String userKey) {
    return new RunOptions(sessionId, userKey, parentRunId, tags);
  }

  /** The same with the run that started this one. */
  public RunOptions withParent(String parentRunId) {
    return new RunOptions(sessionId, userKey, parentRunId, tags);
  }

  /** The same with labels. */
  public RunOptions withTags(String... tags) {
    return new RunOptions(sessionId, userKey, parentRunId, Arrays.asList(tags));
  }
}
