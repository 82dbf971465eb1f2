function chip(item) {
  return element(
    "button",
    {
      type: "button",
      class: "chip",
      "data-closest": "false",
      "data-at": String(item.at),
      "data-key": "chip-" + item.at,
      "aria-label": item.name,
      "aria-pressed": String(item.open),
      "data-preview": JSON.stringify(item.preview),
    },
    String(item.number),
  );
}

function sign(item) {
  return element("span", { class: "sign " + item.support, role: "img", "aria-label": item.words, title: item.words }, item.glyph);
}

function doubt(block) {
  if (!block.note) return element("span", { class: "spoken" }, block.sign.words);
  return element(
    "details",
    { class: "spoken" },
    element("summary", { title: "Why" }, block.sign.words),
    element("span", { dir: "auto" }, " " + block.note),
  );
}

function sentence(block) {
  const classes = ["sentence", block.sign.support, block.quote ? "verbatim" : "", block.begins ? "begins" : ""];
  // The last word and the footnotes stay on one line: a number alone at the start of a line belongs to nothing.
  const last = block.text.search(/\S{1,40}\s*$/);
  const cut = last < 0 ? block.text.length : last;
  return element(
    block.quote ? "p" : "span",
    { class: classes.join(" ").trim() },
    element(
      "span",
      { class: "words", dir: "auto" },
      element("span", { class: "run" }, block.text.slice(0, cut)),
      element(
        "span",
        { class: "end" },
        element("span", { class: "run" }, block.text.slice(cut)),
        ...block.chips.map(chip),
        sign(block.sign),
      ),
    ),
    block.spoken ? doubt(block) : null,
    " ",
  );
}

function listed(item) {
  const where = element("span", { class: "where" }, item.source + ", " + item.where);
  const name = (item.closest ? "Passage " : "Source ") + item.number + ": " + item.source + ", " + item.where;
  const button = element(
    "button",
    {
      type: "button",
      class: "source",
      "data-closest": String(item.closest),
      "data-at": String(item.at),
      "data-key": (item.closest ? "closest-" : "source-") + item.at,
      "aria-label": name + (item.aged ? ", " + item.aged : ""),
      "aria-pressed": String(item.open),
    },
    element("span", { class: "number" }, String(item.number)),
    where,
  );
  return element(
    "li",
    {},
    button,
    item.aged ? element("span", { class: "aged" }, item.aged) : null,
    item.quote ? element("p", { class: "excerpt", dir: "auto" }, item.quote) : null,
  );
}

const builders = {
  question: (block) =>
    element(
      "div",
      { class: "asked" },
      element("h2", { class: "question", dir: "auto" }, block.text),
      block.asked ? element("p", { class: "scope" }, block.asked) : null,
    ),
  waiting: (block) => element("p", { class: "waiting", role: "status" }, block.text),
  plain: (block) => element("p", { class: "plain" }, block.text),
  // Words not yet checked against the documents look unlike those that are.
  pending: (block) => element("span", { class: "pending", dir: "auto" }, block.text),
  heading: (block) => element("h3", {}, block.text),
  sentence,
  sources: (block) => element("ol", { class: "sources", "aria-label": "Sources" }, ...block.items.map(listed)),
  closest: (block) => element("ol", { class: "sources closest", "aria-label": "Closest passages" }, ...block.items.map(listed)),
  legend: (block) =>
    element(
      "p",
      { class: "legend" },
      ...block.items.map((item) => element("span", {}, element("span", { class: "sign " + item.support }, item.glyph), " " + item.words)),
    ),
};

const THUMB = "M2.5 9h3v8h-3z M5.5 9l3.5-6.5c1.2 0 2 .9 1.9 2l-.5 3.5h5c1 0 1.7.9 1.5 1.9l-1.1 5.7c-.2.8-.8 1.4-1.7 1.4H5.5";

function action(what, name, content, pressed) {
  const attributes = { type: "button", class: "action", "data-act": what, "data-key": "act-" + what, "aria-pressed": pressed ?? null };
  return element("button", typeof content === "string" ? attributes : { ...attributes, "aria-label": name, title: name }, content);
}

function thumb(what, name, block) {
  const button = action(what, name, icon(THUMB), String(block.rated === what));
  button.classList.add(what);
  return button;
}

builders.actions = (block) =>
  element(
    "div",
    { class: "actions" },
    element(
      "div",
      { class: "bar" },
      block.copied ? action("copy", "", "Copy with footnotes") : null,
      action("again", "", "Ask again"),
      action("edit", "", "Edit question"),
      block.rateable ? thumb("good", "Good answer", block) : null,
      block.rateable ? thumb("bad", "Bad answer", block) : null,
      element("span", { class: "said", role: "status" }),
    ),
    block.rated
      ? element(
          "form",
          { class: "note" },
          element("input", { type: "text", name: "note", value: block.note, maxlength: "2000", "aria-label": "Why? (optional)", placeholder: "Why? (optional)", "data-key": "note" }),
          element("button", { class: "action", "data-key": "keep-note" }, "Keep note"),
          block.note ? element("span", { class: "said", role: "status" }, "Kept.") : null,
        )
      : null,
  );

function copy(text, bar) {
  const said = bar.querySelector(".said");
  // Where the page may not write to the clipboard, the person can: the text is given, marked to be copied.
  const offer = () => {
    const box = element("textarea", { class: "offered", readonly: true, rows: "6", "aria-label": "The answer as Markdown" }, text);
    bar.parentElement.querySelector(".offered")?.remove();
    bar.after(box);
    box.select();
    said.textContent = "Copy the text below.";
  };
  if (!navigator.clipboard) return offer();
  navigator.clipboard.writeText(text).then(() => (said.textContent = "Copied."), offer);
}

function edit(root, question, ask) {
  const heading = root.querySelector(".question");
  if (root.querySelector("form.edit")) return;
  const box = element("textarea", { rows: "2", "aria-label": "The question" }, question);
  const form = element(
    "form",
    { class: "edit" },
    box,
    element("button", { class: "action" }, "Ask"),
    element("button", { class: "action", type: "button" }, "Cancel"),
  );
  const end = () => {
    form.remove();
    heading.hidden = false;
    root.querySelector('[data-act="edit"]')?.focus();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const text = box.value.trim();
    end();
    if (text) ask(text);
  };
  box.onkeydown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "Escape") {
      event.preventDefault();
      end();
    }
  };
  form.lastElementChild.onclick = end;
  heading.hidden = true;
  heading.before(form);
  box.focus();
  box.select();
}

// What a footnote says before it is opened; it stays while it is pointed at, and Escape closes it.
function previewing(root, preview) {
  let closing = 0;
  let of = null;
  const close = () => {
    clearTimeout(closing);
    of?.removeAttribute("aria-describedby");
    of = null;
    if (preview.matches(":popover-open")) preview.hidePopover();
  };
  const closeSoon = () => {
    clearTimeout(closing);
    closing = setTimeout(close, 200);
  };
  const open = (chip) => {
    clearTimeout(closing);
    // What is open beside the answer needs no preview.
    if (of === chip || chip.getAttribute("aria-pressed") === "true") return;
    close();
    of = chip;
    chip.setAttribute("aria-describedby", "preview");
    const { source, where, quote } = JSON.parse(chip.dataset.preview);
    preview.replaceChildren(
      element("strong", {}, source),
      element("span", { class: "where" }, where),
      element("q", { dir: "auto" }, quote),
    );
    preview.showPopover();
    place();
  };
  const place = () => {
    if (of === null) return;
    const at = of.getBoundingClientRect();
    const { width, height } = preview.getBoundingClientRect();
    const below = at.bottom + 6 + height <= innerHeight || at.top < height + 6;
    preview.style.left = Math.max(8, Math.min(at.left, innerWidth - width - 8)) + "px";
    preview.style.top = (below ? at.bottom + 6 : at.top - height - 6) + "px";
  };
  const entered = (event) => {
    const chip = event.target.closest(".chip");
    if (chip) open(chip);
  };
  root.onmouseover = entered;
  root.onmouseout = closeSoon;
  preview.onmouseenter = () => clearTimeout(closing);
  preview.onmouseleave = closeSoon;
  const focused = (event) => event.target.matches?.(".chip:focus-visible") && open(event.target);
  const escaped = (event) => {
    if (event.key === "Escape" && of) {
      event.preventDefault();
      close();
    }
  };
  root.addEventListener("focusin", focused);
  root.addEventListener("focusout", closeSoon);
  document.addEventListener("keydown", escaped, true);
  document.addEventListener("scroll", place, true);
  return {
    close,
    end: () => {
      close();
      root.removeEventListener("focusin", focused);
      root.removeEventListener("focusout", closeSoon);
      document.removeEventListener("keydown", escaped, true);
      document.removeEventListener("scroll", place, true);
    },
  };
}

const drawn = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".turn");
  const preview = previewing(root, parentElement.querySelector(".preview"));
  const end = instead(root, preview.end);
  const blocks = [{ kind: "question", text: data.question, asked: data.asked }, ...data.blocks];
  if (data.writing && data.blocks.length === 0) blocks.push({ kind: "waiting", text: "Reading the documents…" });
  if (data.actions) blocks.push({ kind: "actions", ...data.actions });
  const before = drawn.get(root) ?? { texts: [], open: "" };
  const focused = parentElement.activeElement?.dataset.key ?? "";

  // Only what changed is built anew, so that a growing answer keeps the reader's focus and selection.
  const texts = blocks.map((block) => JSON.stringify(block));
  texts.forEach((text, index) => {
    if (before.texts[index] === text) return;
    const node = builders[blocks[index].kind](blocks[index]);
    if (root.children[index]) root.children[index].replaceWith(node);
    else root.append(node);
  });
  while (root.children.length > texts.length) root.lastElementChild.remove();
  root.setAttribute("aria-busy", String(data.writing));
  root.setAttribute("aria-live", data.writing ? "polite" : "off");

  const open = root.querySelector('button[data-at][aria-pressed="true"]')?.dataset.key ?? "";
  // When the source is closed, the keyboard goes back to the footnote it was opened from.
  const active = document.activeElement;
  const adrift = active === null || active === document.body || active.closest(".st-key-source-pane") !== null;
  const closed = before.open !== "" && open === "" && adrift ? before.open : "";
  const key = focused || closed;
  if (key && parentElement.activeElement?.dataset.key !== key) root.querySelector(`[data-key="${key}"]`)?.focus();
  drawn.set(root, { texts, open });

  const act = (done) => setTriggerValue("act", done);
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.at) {
      preview.close();
      setTriggerValue("open", { closest: button.dataset.closest === "true", at: Number(button.dataset.at) });
      return;
    }
    const what = button?.dataset.act;
    if (what === "copy") copy(data.actions.copied, button.parentElement);
    if (what === "again") act({ what });
    if (what === "edit") edit(root, data.question, (text) => act({ what, text }));
    // A second press takes a rating back.
    if (what === "good" || what === "bad") act({ what: "rate", rated: data.actions.rated === what ? "" : what, note: data.actions.note });
  };
  root.onsubmit = (event) => {
    if (!event.target.matches("form.note")) return;
    event.preventDefault();
    act({ what: "rate", rated: data.actions.rated, note: event.target.elements.note.value });
  };
  return end;
}
