// Keeps the explorer's first page up to date. Without it, the page is as it was loaded.
"use strict";
(() => {
  const sign = document.getElementById("live");
  const table = document.getElementById("runs");
  if (!sign || !table || !window.EventSource) return;
  const body = table.tBodies[0];
  const word = sign.querySelector(".word");
  const pause = document.getElementById("live-pause");
  const most = Number(table.dataset.most);
  let source = null;

  function say(state) {
    sign.classList.toggle("on", state === "live");
    if (word.textContent !== state) word.textContent = state;
  }

  function rowOf(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html.trim(); // a row made by the server, every value in it escaped
    return holder.content.firstElementChild;
  }

  function show(run, known) {
    const row = rowOf(run.html);
    const old = known.get(run.id);
    if (old && old.dataset.order === run.order) {
      if (old.outerHTML !== row.outerHTML) old.replaceWith(row);
      return;
    }
    if (old) old.remove();
    const after = Array.from(body.rows).find((other) => other.dataset.order < run.order);
    if (!after && body.rows.length >= most) return; // it belongs to an older page
    row.classList.add("new");
    body.insertBefore(row, after || null);
  }

  function take(told) {
    const known = new Map(Array.from(body.rows, (row) => [row.dataset.run, row]));
    told.gone.forEach((id) => known.get(id)?.remove());
    if (told.whole) {
      const shown = new Set(told.runs.map((run) => run.id));
      known.forEach((row, id) => shown.has(id) || row.remove());
    }
    told.runs.forEach((run) => show(run, known));
    while (body.rows.length > most) body.lastElementChild.remove();
    table.hidden = body.rows.length === 0;
    const empty = document.getElementById("empty");
    if (empty) empty.hidden = !table.hidden;
  }

  function open() {
    source = new EventSource(sign.dataset.source);
    source.addEventListener("runs", (event) => take(JSON.parse(event.data)));
    source.addEventListener("state", (event) => say(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      say(source.readyState === EventSource.CLOSED ? "not live: load the page again" : "the console does not answer");
    });
  }

  function close() {
    source.close();
    source = null;
    say("paused");
  }

  pause.addEventListener("click", () => {
    if (source) close(); else open();
    pause.textContent = source ? "Pause" : "Go on";
  });
  window.addEventListener("pagehide", () => source?.close());
  sign.hidden = false;
  pause.hidden = false;
  open();
})();
