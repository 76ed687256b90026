// The page of a run, better: parts are exchanged without a new page, a drag zooms, keys go through the steps.
"use strict";

let newest = 0;

async function show(address, remember) {
  const mine = ++newest;
  let answer;
  try {
    answer = await fetch(address, { headers: { accept: "text/html" } });
  } catch {
    location.href = address;
    return;
  }
  const told = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== newest) return;
  const parts = ["timeline", "failures"].map((id) => [document.getElementById(id), told.getElementById(id)]);
  if (!answer.ok || parts.some(([here, there]) => Boolean(here) !== Boolean(there))) {
    location.href = address;
    return;
  }
  for (const [here, there] of parts) if (here) here.replaceWith(document.adoptNode(there));
  if (remember) history.pushState({}, "", address);
  prepare();
  const chosen = document.getElementById("chosen");
  if (chosen) {
    chosen.scrollIntoView({ block: "nearest" });
    chosen.querySelector("a[aria-current]")?.focus({ preventScroll: true });
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?']");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  show(link.getAttribute("href"), true);
});

addEventListener("popstate", () => show(location.href, false));

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  if (!["j", "k", "Escape"].includes(event.key)) return;
  const link = document.querySelector(`#timeline a[data-key="${event.key}"]`);
  if (link) link.click();
  else if (event.key === "j") document.querySelector(".lanes tbody th a")?.click();
});

// A drag over the lanes chooses a stretch of time.
function prepare() {
  for (const text of document.querySelectorAll(".js-only")) text.hidden = false;
  const timeline = document.getElementById("timeline");
  const lanes = timeline?.querySelector(".lanes");
  if (!lanes) return;
  const [start, end] = [Number(timeline.dataset.start), Number(timeline.dataset.end)];
  let from = null;
  let dragged = false;
  const share = (event) => {
    const box = lanes.querySelector(".axis").getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  lanes.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.pointerType === "mouse" && event.target.closest(".time")) from = share(event);
  });
  lanes.addEventListener("pointermove", (event) => {
    if (from === null) return;
    dragged = Math.abs(share(event) - from) > 0.01;
    if (dragged) mark(lanes.querySelector(".axis"), from, share(event));
  });
  lanes.addEventListener("dragstart", (event) => event.preventDefault());
  lanes.addEventListener("click", (event) => {
    if (dragged) event.preventDefault();
  });
  lanes.addEventListener("pointerup", (event) => {
    if (from !== null && dragged) {
      const [low, high] = [from, share(event)].sort((a, b) => a - b);
      const address = new URL(location.href);
      address.searchParams.set("since", (start + low * (end - start)).toFixed(3));
      address.searchParams.set("until", (start + high * (end - start)).toFixed(3));
      address.searchParams.delete("row");
      show(address.href, true);
    }
    from = null;
  });
}

function mark(axis, from, to) {
  const old = axis.querySelector(".selection");
  const box = old || axis.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
  box.setAttribute("class", "selection");
  box.setAttribute("height", "100%");
  box.setAttribute("x", `${100 * Math.min(from, to)}%`);
  box.setAttribute("width", `${100 * Math.abs(to - from)}%`);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

prepare();
