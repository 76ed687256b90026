package dev.agenttrace;

import com.google.protobuf.MessageLite;
import dev.agenttrace.v1.IngestServiceGrpc;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * Records the runs of one agent. It is safe for use by several threads; keep one for the life of the process.
 *
 * <p>Recording never waits for the network and never throws. With AGENTTRACE_DISABLED=1 it records nothing.
 */
public final class Tracer implements AutoCloseable {
  private static final long HEARTBEAT_SECONDS = 60;
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration EXIT_TIMEOUT = Duration.ofSeconds(5);

  private final dev.agenttrace.v1.Run facts;
  private final Function<? super Throwable, String> classify;
  private final Set<Run> open = ConcurrentHashMap.newKeySet();
  private final ItemQueue queue;
  private final ManagedChannel channel; // null: it records nothing
  private final Uploader uploader;
  private final ScheduledExecutorService heartbeats;
  private final Thread atExit = new Thread(() -> close(EXIT_TIMEOUT), "agenttrace-exit");

  private Tracer(Builder builder) {
    facts =
        dev.agenttrace.v1.Run.newBuilder()
            .setAgentId(Settings.token("agentId", builder.agentId, true))
            .setAgentVersion(Settings.token("agentVersion", builder.agentVersion, false))
            .setEnvironment(Settings.token("environment", builder.environment, false))
            .build();
    classify = builder.classify;
    queue = new ItemQueue(Math.max(1, builder.queueItems), builder.waitWhenFull);
    if (Settings.read("AGENTTRACE_DISABLED", "").equals("1")) {
      channel = null;
      uploader = null;
      heartbeats = null;
      return;
    }
    channel =
        Connection.open(
            Settings.firstOf(builder.endpoint, Settings.read("AGENTTRACE_ENDPOINT", "127.0.0.1:50051")),
            Settings.firstOf(builder.apiKey, Settings.read("AGENTTRACE_API_KEY", "")));
    uploader = new Uploader(queue, IngestServiceGrpc.newStub(channel));
    uploader.start();
    heartbeats = Executors.newSingleThreadScheduledExecutor(work -> daemon(work, "agenttrace-heartbeats"));
    heartbeats.scheduleAtFixedRate(this::beat, HEARTBEAT_SECONDS, HEARTBEAT_SECONDS, TimeUnit.SECONDS);
    atEndOfProcess(() -> Runtime.getRuntime().addShutdownHook(atExit));
  }

  static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }

  /** Changes what is done at the end of the process, if that has not come already. */
  private static void atEndOfProcess(Runnable change) {
    try {
      change.run();
    } catch (IllegalStateException ending) {
      // Then nothing is to be arranged for it.
    }
  }

  /** Begins a tracer of an agent, named by a token: letters, digits and . _ : / @ + | -, no space. */
  public static Builder builder(String agentId) {
    return new Builder(agentId);
  }

  /** Opens a run without further facts. */
  public Run run() {
    return run(RunOptions.NONE);
  }

  /**
   * Opens a run. End it with {@link Run#done} or {@link Run#failed}, and close it: one that is closed without either
   * was left by an exception, and is recorded as a failure.
   */
  public Run run(RunOptions options) {
    RunOptions told = options == null ? RunOptions.NONE : options;
    dev.agenttrace.v1.Run.Builder start =
        facts.toBuilder()
            .setSessionId(optionalToken(told.sessionId()))
            .setUserKey(form(Limits.USER_KEY, told.userKey()))
            .setParentRunId(form(Limits.UUID, told.parentRunId()));
    if (told.tags() != null) {
      told.tags().stream()
          .map(this::optionalToken)
          .filter(tag -> !tag.isEmpty())
          .limit(Limits.TAGS)
          .forEach(start::addTags);
    }
    Run run = new Run(this, start);
    if (channel != null) {
      open.add(run);
    }
    return run;
  }

  /** Does work as a run: it ends as the work does. */
  public <E extends Exception> void run(RunOptions options, Run.Action<E> action) throws E {
    call(
        options,
        run -> {
          action.in(run);
          return null;
        });
  }

  /** Does work as a run, which ends as the work does, and returns its result. */
  public <T, E extends Exception> T call(RunOptions options, Run.Work<T, E> work) throws E {
    return run(options).call(work);
  }

  /**
   * Waits until everything recorded so far is acknowledged, or the time is over: then some of the receipt is pending.
   */
  public Receipt flush(Duration timeout) {
    return queue.flushed(timeout);
  }

  /** What became of everything recorded so far. */
  public Receipt receipt() {
    return queue.receipt();
  }

  /** Closes the tracer within ten seconds; {@link #receipt} then says what came of all. */
  @Override
  public void close() {
    close(CLOSE_TIMEOUT);
  }

  /**
   * Flushes and ends the tracer. What is not acknowledged in time is dropped and counted, and so is what is recorded
   * afterwards. It may be called again.
   */
  public Receipt close(Duration timeout) {
    if (channel == null) {
      return receipt();
    }
    boolean interrupted = Thread.interrupted(); // a thread that is to end may still close
    Receipt flushed = queue.flushed(timeout);
    queue.close();
    uploader.end(flushed.pending() > 0);
    heartbeats.shutdownNow();
    channel.shutdownNow();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (Thread.currentThread() != atExit) {
      atEndOfProcess(() -> Runtime.getRuntime().removeShutdownHook(atExit));
    }
    return receipt();
  }

  private void beat() {
    open.forEach(run -> record(run.heartbeat()));
  }

  void ended(Run run) {
    open.remove(run);
  }

  void record(MessageLite item) {
    if (channel != null) {
      queue.add(item);
    }
  }

  void corrected() {
    if (channel != null) {
      queue.corrected();
    }
  }

  String code(Throwable failed) {
    return Failures.code(failed, classify);
  }

  /** A token that has to be there; invalid_name for what is none. */
  String name(String text) {
    if (Facts.isToken(text)) {
      return text;
    }
    corrected();
    return "invalid_name";
  }

  /** A token, or nothing for what is none. */
  String optionalToken(String text) {
    return form(Limits.TOKEN, text);
  }

  private String form(Pattern form, String text) {
    if (text == null || text.isEmpty() || form.matcher(text).matches()) {
      return text == null ? "" : text;
    }
    corrected();
    return "";
  }

  /** Says who records, and where to. What is not told comes from the environment. */
  public static final class Builder {
    private final String agentId;
    private String agentVersion = "";
    private String environment = "";
    private String endpoint = "";
    private String apiKey = "";
    private Function<? super Throwable, String> classify;
    private int queueItems = 50_000;
    private boolean waitWhenFull;

    private Builder(String agentId) {
      this.agentId = agentId;
    }

    /** The agent's version: a token. */
    public Builder agentVersion(String version) {
      agentVersion = version;
      return this;
    }

    /** Where it runs: a token; read as "production" when never told. */
    public Builder environment(String name) {
      environment = name;
      return this;
    }

    /**
     * The ingest service; else AGENTTRACE_ENDPOINT, else 127.0.0.1:50051. Beyond this machine it takes TLS, or
     * {@code http://host:port} for plaintext.
     */
    public Builder endpoint(String address) {
      endpoint = address;
      return this;
    }

    /** The key; else AGENTTRACE_API_KEY. */
    public Builder apiKey(String key) {
      apiKey = key;
      return this;
    }

    /** Returns the code of an exception's failure, such as "timeout"; null or empty for the usual one. */
    public Builder classify(Function<? super Throwable, String> codes) {
      classify = codes;
      return this;
    }

    /** How many items may wait to be acknowledged before new ones are dropped; 50,000. */
    public Builder queueItems(int items) {
      queueItems = items;
      return this;
    }

    /** Lets a call that records wait for room rather than drop: for replays and benchmarks. */
    public Builder waitWhenFull() {
      waitWhenFull = true;
      return this;
    }

    /**
     * Makes the tracer; it connects when there is something to send.
     *
     * @throws IllegalArgumentException for a name that is no token, or a certificate that can not be read
     */
    public Tracer build() {
      return new Tracer(this);
    }
  }
}
