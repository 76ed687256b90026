package dev.agenttrace;

import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Items as they come over a stream: to be read once, by one thread. Where the stream breaks it goes on behind the last
 * item; {@link #hasNext} throws {@link StatusRuntimeException} where it can not. Close it if it is not read to its end.
 */
public final class Listing<T> implements Iterable<T>, Iterator<T>, AutoCloseable {
  private final Source<T> source;
  private final Context.CancellableContext context = Context.current().withCancellation();
  private final Resumption resumption;
  private Iterator<List<T>> chunks; // null: no stream is open
  private Iterator<T> items = Collections.emptyIterator();
  private boolean over;

  Listing(Source<T> source) {
    this.source = source;
    resumption = new Resumption(source.mostTries());
  }

  /** Opens streams, each where the one before ended. */
  interface Source<T> {
    Iterator<List<T>> open();

    /** Whether nothing comes after a stream that ended by itself, or broke. */
    boolean ends(boolean broke);

    /** How often it is tried in a row without progress. */
    int mostTries();
  }

  @Override
  public Iterator<T> iterator() {
    return this;
  }

  /** The items as a stream, which closes the listing when it is closed. */
  public Stream<T> stream() {
    Spliterator<T> all = Spliterators.spliteratorUnknownSize(this, Spliterator.ORDERED | Spliterator.NONNULL);
    return StreamSupport.stream(all, false).onClose(this::close);
  }

  @Override
  public boolean hasNext() {
    while (!items.hasNext() && !over) {
      advance();
    }
    return items.hasNext();
  }

  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return items.next();
  }

  private void advance() {
    try {
      if (chunks == null) {
        Context before = context.attach();
        try {
          chunks = source.open();
        } finally {
          context.detach(before);
        }
      }
      if (chunks.hasNext()) {
        items = chunks.next().iterator();
        resumption.progressed();
      } else {
        chunks = null;
        ended(source.ends(false));
      }
    } catch (StatusRuntimeException broke) {
      chunks = null;
      if (source.ends(true) || context.isCancelled()) {
        ended(true);
      } else if (!resumption.paused(ErrorDetails.of(broke))) {
        ended(true);
        throw broke;
      }
    }
  }

  private void ended(boolean forGood) {
    over |= forGood;
    if (over) {
      context.cancel(null);
    }
  }

  /** Ends it: nothing more comes. */
  @Override
  public void close() {
    items = Collections.emptyIterator();
    ended(true);
  }

  /** Opens a stream of chunks behind a page token, of so many items at most; 0: all. */
  @FunctionalInterface
  interface OpenPages<M> {
    Iterator<M> behind(String token, long limit);
  }

  /** A listing in pages. */
  static final class Pages<M, T> implements Source<T> {
    private static final int MOST_TRIES = 8;

    private final OpenPages<M> open;
    private final Function<M, List<T>> items;
    private final Function<M, String> next;
    private final boolean limited;
    private String token;
    private long left;
    private boolean begun;

    Pages(String token, long limit, OpenPages<M> open, Function<M, List<T>> items, Function<M, String> next) {
      this.token = token;
      this.open = open;
      this.items = items;
      this.next = next;
      limited = limit > 0;
      left = limit;
    }

    @Override
    public Iterator<List<T>> open() {
      return each(open.behind(token, left), this::take);
    }

    private List<T> take(M chunk) {
      List<T> read = items.apply(chunk);
      begun = true;
      token = next.apply(chunk);
      left -= limited ? read.size() : 0;
      return read;
    }

    @Override
    public boolean ends(boolean broke) {
      return !broke || (begun && (token.isEmpty() || (limited && left <= 0)));
    }

    @Override
    public int mostTries() {
      return MOST_TRIES;
    }
  }

  /** Events without an end. */
  static final class Events<T> implements Source<T> {
    private final Function<String, Iterator<T>> open;
    private final Function<T, String> next;
    private String token;

    Events(String token, Function<String, Iterator<T>> open, Function<T, String> next) {
      this.token = token;
      this.open = open;
      this.next = next;
    }

    @Override
    public Iterator<List<T>> open() {
      return each(open.apply(token), this::take);
    }

    private List<T> take(T event) {
      token = next.apply(event);
      return List.of(event);
    }

    @Override
    public boolean ends(boolean broke) {
      return false;
    }

    @Override
    public int mostTries() {
      return Integer.MAX_VALUE;
    }
  }

  private static <M, T> Iterator<List<T>> each(Iterator<M> messages, Function<M, List<T>> take) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return messages.hasNext();
      }

      @Override
      public List<T> next() {
        return take.apply(messages.next());
      }
    };
  }
}
