// Pages work without this. With it: "/" leads to the search field, and what is shown stays up to date.
"use strict";
(() => {
  const base = document.body.dataset.base;

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const find = document.querySelector("[data-find]");
    if (find) {
      event.preventDefault();
      find.focus();
      find.select();
    }
  });

  const live = document.querySelectorAll("[data-live]");
  if (!live.length || !window.EventSource) return;

  // What somebody is using is left alone until the next event.
  const inUse = (part) =>
    part.contains(document.activeElement) || part.querySelector("input:checked, details[open]") ||
    String(window.getSelection()).length > 0;

  let waiting = null;
  const refresh = async () => {
    waiting = null;
    const answer = await fetch(window.location.href, { headers: { "X-Live": "1" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of live) {
      const now = document.getElementById(part.id);
      const next = fresh.getElementById(part.id);
      if (now && next && !inUse(now)) now.replaceChildren(...next.childNodes);
    }
    const badge = document.querySelector("nav .badge");
    const count = fresh.querySelector("nav .badge");
    if (badge && count) badge.replaceWith(count);
  };

  const stream = new EventSource(`${base}/events`);
  stream.addEventListener("news", () => {
    if (waiting === null) waiting = setTimeout(() => refresh().catch(() => {}), 400);
  });
  window.addEventListener("pagehide", () => stream.close());
})();
