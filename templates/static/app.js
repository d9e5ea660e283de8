// Improves what the server already gives; every page reads and approves without it.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);

  // What the script says, in the reader's language.
  const say = JSON.parse(document.body.dataset.say || "{}");

  // Partial updates: fetch the same address, put the named part of the answer in place.
  const fetchPage = async (address, options) => {
    const answer = await fetch(address, { credentials: "same-origin", ...options });
    if (!answer.headers.get("content-type")?.includes("text/html")) throw new Error("not a page");
    return { address: answer.url, page: new DOMParser().parseFromString(await answer.text(), "text/html") };
  };
  const swap = async (address, id, { push = true, focus = null } = {}) => {
    const old = document.getElementById(id);
    old.classList.add("busy");
    try {
      const got = await fetchPage(address);
      const fresh = got.page.getElementById(id);
      if (!fresh) throw new Error("no such part");
      old.replaceWith(fresh);
      document.title = got.page.title;
      if (push) history.pushState({ part: id }, "", got.address);
      enhance(fresh);
      const again = focus && all("a[data-partial]", fresh).find((link) => link.textContent === focus.text || (focus.label && link.getAttribute("aria-label") === focus.label));
      (again || fresh).focus({ preventScroll: true });
      tell(one("h2, h1", fresh)?.textContent || document.title);
    } catch {
      location.assign(address);
    }
  };
  const tell = (text) => {
    let live = document.getElementById("live");
    if (!live) {
      live = Object.assign(document.createElement("p"), { id: "live", className: "ears" });
      live.setAttribute("role", "status");
      document.body.append(live);
    }
    live.textContent = text;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-partial]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    swap(link.href, link.dataset.partial, { focus: { text: link.textContent, label: link.getAttribute("aria-label") } });
  });
  addEventListener("popstate", () => location.reload());

  // Live preview: a form's answer lands beside it while one types.
  const preview = (form) => {
    const target = form.dataset.preview;
    let timer, last;
    const ask = async () => {
      const body = new FormData(form);
      body.set("preview", "1");
      const mine = (last = {});
      try {
        const got = await fetchPage(form.dataset.previewAction || form.action, { method: "POST", body });
        const fresh = got.page.getElementById(target);
        if (fresh && mine === last) document.getElementById(target).replaceWith(fresh);
      } catch { /* the button still does it */ }
    };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 450); });
  };

  // Moves: the server tells what else would move; nothing is kept before somebody says so.
  const showMove = async (address) => {
    try {
      const got = await fetchPage(address);
      const panel = one(".confirm, .problem", got.page.getElementById("main"));
      if (!panel) throw new Error("no preview");
      const box = Object.assign(document.createElement("dialog"), { id: "ask" });
      box.setAttribute("aria-label", one("h2", panel)?.textContent || say.preview);
      box.append(panel);
      const back = all("a.button.plain", panel);
      back.forEach((link) => link.addEventListener("click", (event) => { event.preventDefault(); box.close(); }));
      if (!back.length) {
        const shut = Object.assign(document.createElement("button"), { className: "button", textContent: say.close });
        shut.addEventListener("click", () => box.close());
        panel.append(shut);
      }
      box.addEventListener("close", () => box.remove());
      document.body.append(box);
      box.showModal();
      one("input[name=reason]", box)?.focus();
    } catch {
      location.assign(address);
    }
  };
  const address = (card, column) => `${card.dataset.move}?to=${encodeURIComponent(column.dataset.window)}`;
  const board = (root) => {
    let held = null;
    const columns = all("[data-window]", root);
    all("[data-move]", root).forEach((card) => {
      card.draggable = true;
      card.addEventListener("dragstart", (event) => {
        held = card;
        card.classList.add("dragging");
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", card.id);
      });
      card.addEventListener("dragend", () => {
        card.classList.remove("dragging");
        columns.forEach((column) => column.classList.remove("target"));
        held = null;
      });
      card.addEventListener("keydown", (event) => {
        if (event.target !== card || event.altKey || event.ctrlKey || event.metaKey) return;
        const here = columns.indexOf(card.closest("[data-window]"));
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (step) {
          const open = columns.filter((column) => !column.hasAttribute("data-closed"));
          const marked = columns.find((column) => column.classList.contains("target")) || columns[here];
          let next = columns.indexOf(marked) + step;
          while (columns[next] && !open.includes(columns[next])) next += step;
          if (!columns[next]) return;
          event.preventDefault();
          columns.forEach((column) => column.classList.remove("target"));
          if (next !== here) columns[next].classList.add("target");
          columns[next].scrollIntoView({ block: "nearest", inline: "nearest" });
          tell(next === here ? say.back : say.move.replace("{window}", columns[next].dataset.label));
        } else if (event.key === "Enter") {
          const marked = columns.find((column) => column.classList.contains("target"));
          if (marked) { event.preventDefault(); showMove(address(card, marked)); }
        } else if (event.key === "Escape") {
          columns.forEach((column) => column.classList.remove("target"));
        } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
          const cards = all("[data-move]", card.closest("[data-window]"));
          const other = cards[cards.indexOf(card) + (event.key === "ArrowDown" ? 1 : -1)];
          if (other) { event.preventDefault(); other.focus(); }
        }
      });
    });
    columns.filter((column) => !column.hasAttribute("data-closed")).forEach((column) => {
      column.addEventListener("dragover", (event) => {
        if (!held || column.contains(held)) return;
        event.preventDefault();
        column.classList.add("target");
      });
      column.addEventListener("dragleave", (event) => { if (!column.contains(event.relatedTarget)) column.classList.remove("target"); });
      column.addEventListener("drop", (event) => {
        if (!held || column.contains(held)) return;
        event.preventDefault();
        showMove(address(held, column));
      });
    });
  };

  const enhance = (root) => {
    all("[data-copy]", root).forEach((button) => {
      if (!navigator.clipboard) return;
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
        button.textContent = say.copied;
        tell(say.copied);
      });
    });
    all("form[data-preview]", root).forEach(preview);
    all(".timeline th[aria-current]", root).forEach((week) => {
      const frame = week.closest(".scroll"), lane = one("th.lane", frame).offsetWidth;
      frame.scrollLeft = week.offsetLeft - lane;
    });
    all(".board", root).forEach(board);
    all("form[data-auto] select", root).forEach((select) => select.addEventListener("change", () => select.form.requestSubmit()));
    all("[data-refresh]", root).forEach((part) => setTimeout(() => {
      if (part.isConnected && !document.hidden) swap(location.href, part.id, { push: false });
      else if (part.isConnected) enhance(part.parentElement);
    }, 1000 * Number(part.dataset.refresh)));
  };

  // The calendar turns with the arrow keys where nothing else wants them.
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("input, select, textarea, button, summary, dialog, [data-move], [role=region]")) return;
    if (event.key === "/") { event.preventDefault(); one(".find input")?.focus(); return; }
    const link = all("a[data-key]").find((turn) => turn.dataset.key === event.key);
    if (link) { event.preventDefault(); link.click(); }
  });

  // A group of the navigation shuts by Escape, by a click elsewhere, and when the focus has left it.
  one(".nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  const shut = (keep) => all(".nav details[open]").forEach((group) => { if (!group.contains(keep)) group.open = false; });
  document.addEventListener("click", (event) => shut(event.target));
  one(".nav")?.addEventListener("focusout", (event) => { if (event.relatedTarget) shut(event.relatedTarget); });
  one(".nav")?.addEventListener("keydown", (event) => {
    const group = event.key === "Escape" && event.target.closest("details[open]");
    if (group) { group.open = false; one("summary", group).focus(); }
  });

  // The reader's zone, told once; the server only guesses until then.
  if (document.body.hasAttribute("data-guess-zone")) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && zone !== document.body.dataset.zone && !document.cookie.includes("zone=")) {
      document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
      if (document.cookie.includes("zone=")) location.reload();
    }
  }
  enhance(document);
})();
