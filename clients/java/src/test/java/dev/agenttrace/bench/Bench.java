package dev.agenttrace.bench;

import dev.agenttrace.Receipt;
import dev.agenttrace.RunOptions;
import dev.agenttrace.Tracer;
import dev.agenttrace.v1.StepType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** Records steps as fast as it can and says how long that took. */
public final class Bench {
  private static final int STEPS_PER_RUN = 100;

  private Bench() {}

  /** Takes {@code --steps N --report FILE}. */
  public static void main(String[] arguments) throws IOException {
    Map<String, String> told = new HashMap<>();
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      told.put(arguments[i], arguments[i + 1]);
    }
    int steps = Integer.parseInt(told.getOrDefault("--steps", "50000"));
    Tracer tracer = Tracer.builder("bench").waitWhenFull().build();
    long began = System.nanoTime();
    for (int left = steps; left > 0; left -= STEPS_PER_RUN) {
      record(tracer, Math.min(left, STEPS_PER_RUN));
    }
    double recorded = (System.nanoTime() - began) / 1e9;
    Receipt receipt = tracer.close(Duration.ofMinutes(5));
    double total = (System.nanoTime() - began) / 1e9;
    String report =
        String.format(
            Locale.ROOT,
            "{\"steps\": %d, \"record_seconds\": %.6f, \"total_seconds\": %.6f, "
                + "\"accepted\": %d, \"duplicate\": %d, \"rejected\": %d, \"dropped\": %d}%n",
            steps, recorded, total, receipt.accepted(), receipt.duplicate(), receipt.rejected(), receipt.dropped());
    Files.writeString(Path.of(told.get("--report")), report);
  }

  private static void record(Tracer tracer, int steps) {
    tracer.run(
        RunOptions.NONE,
        run -> {
          for (int number = 0; number < steps; number++) {
            run.step(StepType.STEP_TYPE_TOOL, "tool-" + number % 8, step -> {});
          }
        });
  }
}
