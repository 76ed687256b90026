package dev.agenttrace.examples;

import static dev.agenttrace.v1.StepType.STEP_TYPE_MODEL;
import static dev.agenttrace.v1.StepType.STEP_TYPE_PLAN;
import static dev.agenttrace.v1.StepType.STEP_TYPE_RESPOND;
import static dev.agenttrace.v1.StepType.STEP_TYPE_RETRIEVE;
import static dev.agenttrace.v1.StepType.STEP_TYPE_TOOL;

import dev.agenttrace.Listing;
import dev.agenttrace.QueryClient;
import dev.agenttrace.Receipt;
import dev.agenttrace.RetryOptions;
import dev.agenttrace.Run;
import dev.agenttrace.RunOptions;
import dev.agenttrace.Step;
import dev.agenttrace.Tracer;
import dev.agenttrace.v1.ListRunsRequest;
import dev.agenttrace.v1.ModelCall;
import dev.agenttrace.v1.RunFilter;
import dev.agenttrace.v1.RunSummary;
import dev.agenttrace.v1.Usage;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeoutException;

/**
 * A customer-support agent, recorded from end to end; no network and no language model needed.
 *
 * <p>It plans, looks its help articles up, calls tools - a carrier that is sometimes too slow, a refund that needs a
 * supervisor - tries again, and answers. Some runs end partial or in failure, as in life.
 */
public final class CustomerSupportAgent {
  private static final long CARRIER_LIMIT_MILLIS = 80;
  private static final List<String> ARTICLES =
      List.of(
          "refunds are made within thirty days of delivery to the original payment method",
          "parcels ship within two days and arrive within five days of the order",
          "a parcel is lost when its tracking has not moved for ten days",
          "devices carry a warranty of two years against defects");
  private static final String[][] QUESTIONS = {
    {"refund", "how long do refunds take to the payment method"},
    {"delivery", "when will my parcel arrive after the order"},
    {"lost", "tracking of the parcel has not moved for days"},
    {"cancel", "xylophone subscription"},
  };

  /** A refund is above what the agent may grant by itself. */
  static final class SupervisorNeededException extends Exception {
    private static final long serialVersionUID = 1;
  }

  /** No order has this number. */
  static final class OrderNotFoundException extends Exception {
    private static final long serialVersionUID = 1;
  }

  /** What a customer wants. Its text stays in this process: only tokens and numbers are recorded. */
  record Ticket(int number, String intent, String question) {
    static Ticket of(int number) {
      return new Ticket(number, QUESTIONS[number % 4][0], QUESTIONS[number % 4][1]);
    }

    int price() {
      return 19 + 17 * (number % 12);
    }
  }

  private CustomerSupportAgent() {}

  /** Takes {@code --runs N}. */
  public static void main(String[] arguments) {
    int runs = arguments.length == 2 ? Integer.parseInt(arguments[1]) : 12;
    Tracer tracer =
        Tracer.builder("customer-support")
            .agentVersion("1.4.0")
            .environment("demo")
            .classify(CustomerSupportAgent::codeOf)
            .build();
    for (int number = 0; number < runs; number++) {
      record(tracer, Ticket.of(number));
    }
    Receipt receipt = tracer.close(Duration.ofSeconds(10));
    System.out.printf(
        "%n%d runs recorded: %d items stored, %d known already, %d rejected, %d dropped%n",
        runs, receipt.accepted(), receipt.duplicate(), receipt.rejected(), receipt.dropped());
    if (!receipt.complete()) {
      System.exit(1);
    }
    list(runs);
  }

  private static void record(Tracer tracer, Ticket ticket) {
    RunOptions options = RunOptions.session("ticket-" + ticket.number).withTags("example", ticket.intent, "java");
    try (Run run = tracer.run(options)) {
      try {
        handle(run, ticket);
        run.done();
      } catch (Exception failed) {
        run.failed(failed); // it says why; the agent goes on with the next ticket
      }
      String status = run.status().name().replace("RUN_STATUS_", "");
      System.out.printf("%s  %-9s  ticket-%-3d %s%n", run.id(), status, ticket.number, ticket.intent);
    }
  }

  private static void handle(Run run, Ticket ticket) throws Exception {
    run.step(STEP_TYPE_PLAN, "classify_ticket", step -> plan(step, ticket));
    run.step(STEP_TYPE_RETRIEVE, "search_articles", step -> lookUp(step, ticket));
    boolean[] known = {ticket.number % 6 != 5}; // one ticket in six names a wrong order first
    run.retry(STEP_TYPE_TOOL, "find_order", RetryOptions.attempts(2), step -> findOrder(step, known));
    if (ticket.intent.equals("refund")) {
      run.step(STEP_TYPE_TOOL, "refund", step -> refund(ticket));
    } else if (ticket.number % 3 == 1) {
      askCarrier(run);
    }
    run.step(STEP_TYPE_RESPOND, "answer", step -> respond(step, ticket));
  }

  private static void plan(Step within, Ticket ticket) throws InterruptedException {
    within.step(
        STEP_TYPE_MODEL,
        "choose_tools",
        step -> {
          Thread.sleep(5 + random(15));
          step.model(modelCall(80 + ticket.question.length(), 8 + random(16), 90));
        });
  }

  private static void lookUp(Step step, Ticket ticket) {
    long[] scores =
        ARTICLES.stream()
            .mapToLong(
                text ->
                    Arrays.stream(ticket.question.split(" "))
                        .filter(word -> word.length() > 3 && text.contains(word))
                        .count())
            .filter(score -> score > 0)
            .toArray();
    step.retrieval("help_articles", scores.length).set("best_score", Arrays.stream(scores).max().orElse(0));
    if (scores.length == 0) {
      step.fail("empty_retrieval"); // it can still answer, but not well: the run ends partial
    }
  }

  private static int findOrder(Step step, boolean[] known) throws OrderNotFoundException {
    step.set("rows", known[0] ? 1 : 0);
    if (!known[0]) {
      known[0] = true;
      throw new OrderNotFoundException();
    }
    return 1;
  }

  private static void refund(Ticket ticket) throws SupervisorNeededException, InterruptedException {
    Thread.sleep(10);
    if (ticket.price() > 100) {
      throw new SupervisorNeededException();
    }
  }

  /** Asks the carrier, which is sometimes slower than we wait; without its status the run ends partial. */
  private static void askCarrier(Run run) throws InterruptedException {
    RetryOptions options = RetryOptions.attempts(3).on(TimeoutException.class);
    try {
      run.retry(
          STEP_TYPE_TOOL,
          "shipping_status",
          options,
          step -> {
            long takes = 20 + random(120);
            Thread.sleep(Math.min(takes, CARRIER_LIMIT_MILLIS));
            if (takes > CARRIER_LIMIT_MILLIS) {
              throw new TimeoutException();
            }
            return step.set("http_status", 200);
          });
    } catch (InterruptedException ended) {
      throw ended;
    } catch (Exception noStatus) {
      // It answers without.
    }
  }

  private static void respond(Step step, Ticket ticket) throws InterruptedException {
    Thread.sleep(10 + random(30));
    step.model(
        modelCall(200 + ticket.question.length(), 40 + random(80), 310).toBuilder().setFinishReason("stop").build());
  }

  private static ModelCall modelCall(long input, long output, long cost) {
    return ModelCall.newBuilder()
        .setProvider("example")
        .setRequestModel("rules-1")
        .setUsage(Usage.newBuilder().setInputTokens(input).setOutputTokens(output))
        .setCostMicroUsd(cost)
        .build();
  }

  private static int random(int below) {
    return ThreadLocalRandom.current().nextInt(below);
  }

  private static String codeOf(Throwable failed) {
    if (failed instanceof SupervisorNeededException) {
      return "supervisor_needed";
    }
    return failed instanceof OrderNotFoundException ? "not_found" : ""; // what exception it is says enough
  }

  /** Reads the newest runs back. */
  private static void list(int count) {
    RunFilter filter = RunFilter.newBuilder().addAgentIds("customer-support").addTags("java").build();
    ListRunsRequest request = ListRunsRequest.newBuilder().setFilter(filter).setLimit(count).build();
    long steps = 0;
    long retries = 0;
    long failures = 0;
    try (QueryClient client = QueryClient.fromEnvironment();
        Listing<RunSummary> listed = client.runs(request)) {
      for (RunSummary summary : listed) {
        steps += summary.getStepCount();
        retries += summary.getRetryCount();
        failures += summary.getFailureCount();
      }
    }
    System.out.printf("they have %d steps, %d of them retries, and %d failures%n", steps, retries, failures);
  }
}
