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
      title: item.name,
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
  question: (block) => element("h2", { class: "question", dir: "auto" }, block.text),
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

const drawn = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".turn");
  const blocks = [{ kind: "question", text: data.question }, ...data.blocks];
  if (data.writing && data.blocks.length === 0) blocks.push({ kind: "waiting", text: "Reading the documents…" });
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

  const open = root.querySelector('button[aria-pressed="true"]')?.dataset.key ?? "";
  // When the source is closed, the keyboard goes back to the footnote it was opened from.
  const active = document.activeElement;
  const adrift = active === null || active === document.body || active.closest(".st-key-source-pane") !== null;
  const closed = before.open !== "" && open === "" && adrift ? before.open : "";
  const key = focused || closed;
  if (key && parentElement.activeElement?.dataset.key !== key) root.querySelector(`[data-key="${key}"]`)?.focus();
  drawn.set(root, { texts, open });

  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("open", { closest: button.dataset.closest === "true", at: Number(button.dataset.at) });
  };
}
