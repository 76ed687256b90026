package dev.agenttrace;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicInteger;

/** Forwards connections and breaks the first over which so many bytes of answers came. */
final class CuttingProxy implements AutoCloseable {
  private final ServerSocket listener = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
  private final AtomicInteger cuts = new AtomicInteger();
  private final String target;
  private final int afterBytes;

  CuttingProxy(String target, int afterBytes) throws IOException {
    this.target = target;
    this.afterBytes = afterBytes;
    Tracer.daemon(this::serve, "proxy").start();
  }

  String address() {
    return "127.0.0.1:" + listener.getLocalPort();
  }

  int cuts() {
    return cuts.get();
  }

  private void serve() {
    int colon = target.lastIndexOf(':');
    try {
      while (true) {
        Socket near = listener.accept();
        Socket far = new Socket(target.substring(0, colon), Integer.parseInt(target.substring(colon + 1)));
        Tracer.daemon(() -> pump(near, far, Integer.MAX_VALUE), "proxy-requests").start();
        Tracer.daemon(() -> pump(far, near, afterBytes), "proxy-answers").start();
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  private void pump(Socket from, Socket to, int limit) {
    byte[] buffer = new byte[1024];
    int passed = 0;
    try (from;
        to;
        InputStream input = from.getInputStream();
        OutputStream output = to.getOutputStream()) {
      for (int n = input.read(buffer); n >= 0; n = input.read(buffer)) {
        passed += n;
        if (passed > limit && cuts.compareAndSet(0, 1)) {
          return;
        }
        output.write(buffer, 0, n);
      }
    } catch (IOException broken) {
      // Both ends learn of it.
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }
}
