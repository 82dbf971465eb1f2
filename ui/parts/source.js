const shown = new WeakMap();
const SHORT = 14; // characters of a cell that is not worth a second line
const KEYS = [["n or →", "next footnote"], ["p or ←", "previous footnote"], ["Esc", "close"]];

// A stretch of the document's text, with the names of the places that begin in it. They are no part of the text: the
// style shows them, so that what is selected and copied is the document's own words.
function stretch(tag, attributes, text, from, labels) {
  const node = element(tag, attributes);
  let done = 0;
  for (const { at, kind, label } of labels) {
    if (at < from || at >= from + text.length) continue;
    node.append(text.slice(done, at - from), element("span", { class: "place " + kind, "data-label": label }));
    done = at - from;
  }
  node.append(text.slice(done));
  return node;
}

function more(words, count) {
  return count ? element("button", { type: "button", class: "more" }, words + ": " + count.toLocaleString("en") + " more characters") : null;
}

function text(data) {
  const quoted = data.before.length;
  return element(
    "div",
    { class: "document", dir: "auto" },
    more("Show earlier", data.earlier),
    stretch("span", { class: "around" }, data.before, 0, data.labels),
    data.quote ? stretch("mark", { tabindex: "-1", "aria-label": "The cited words: " + data.quote }, data.quote, quoted, data.labels) : null,
    stretch("span", { class: "around" }, data.after, quoted + data.quote.length, data.labels),
    more("Show later", data.later),
  );
}

function page(data, { png, name, width, height, boxes }) {
  const picture = element("img", { src: "data:image/png;base64," + png, alt: name, width: String(width), height: String(height) });
  const marks = boxes.map(([left, top, right, bottom], at) => {
    const mark = at
      ? element("mark", { class: "box", "aria-hidden": "true" })
      : element("mark", { class: "box", tabindex: "-1", role: "img", "aria-label": "The cited words: " + data.quote });
    mark.style.cssText = `left:${left}%;top:${top}%;width:${right - left}%;height:${bottom - top}%`;
    return mark;
  });
  return element("figure", {}, element("div", { class: "sheet" }, picture, ...marks));
}

function table({ columns, rows, earlier, later }) {
  const first = rows.findIndex((row) => row.cited);
  const left = (count, words) => (count ? element("p", { class: "also" }, count.toLocaleString("en") + words) : null);
  return element(
    "div",
    { class: "rows", tabindex: "0", role: "region", "aria-label": "Table" },
    left(earlier, " earlier rows are under Text."),
    element(
      "table",
      {},
      columns.length ? element("thead", {}, element("tr", {}, element("td", {}), ...columns.map((name) => element("th", { scope: "col", dir: "auto" }, name)))) : null,
      element(
        "tbody",
        {},
        ...rows.map((row, at) =>
          element(
            "tr",
            row.cited ? { class: "cited", tabindex: at === first ? "-1" : null } : {},
            element("th", { scope: "row" }, row.name),
            ...row.cells.map((cell) => element("td", { dir: "auto", class: cell.text.length <= SHORT ? "short" : null }, cell.cited ? element("mark", {}, cell.text) : cell.text)),
          ),
        ),
      ),
    ),
    left(later, " later rows are under Text."),
  );
}

function keys() {
  return element(
    "details",
    { class: "keys" },
    element("summary", {}, "Keys"),
    element("dl", {}, ...KEYS.flatMap(([key, does]) => [element("dt", {}, key), element("dd", {}, does)])),
  );
}

function isTyping(event) {
  return event.composedPath()[0].matches?.("input, textarea, select, [contenteditable]") ?? false;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".pane");
  const drawing = JSON.stringify(data);
  const before = shown.get(root) ?? { drawing: "", identity: "" };
  if (before.drawing !== drawing) {
    root.replaceChildren(
      element(
        "header",
        {},
        element("h2", { tabindex: "-1", title: data.title || null }, data.name),
        data.where ? element("p", { class: "where" }, data.where) : null,
        element(
          "div",
          { class: "tools" },
          data.pages ? element("button", { type: "button", class: "size", "aria-pressed": "false" }, "Larger") : null,
          keys(),
        ),
      ),
      data.note ? element("p", { class: "note", role: "status" }, data.note) : "",
      data.also.length ? element("p", { class: "also" }, "The same words are also in " + data.also.join(", ") + ".") : "",
      ...(data.pages ? data.pages.map((one) => page(data, one)) : [data.table ? table(data.table) : text(data)]),
    );
    root.classList.remove("large");
    const form = data.pages ? "pages" : data.table ? "table" : "text";
    const identity = JSON.stringify([data.identity, form]);
    if (identity !== before.identity) {
      const words = root.querySelector('mark[tabindex], tr[tabindex]');
      requestAnimationFrame(() => {
        words?.scrollIntoView({ block: "center" });
        (words ?? root.querySelector("h2")).focus({ preventScroll: true });
      });
    }
    shown.set(root, { drawing, identity });
  }

  root.onclick = (event) => {
    if (event.target.closest(".more")) setTriggerValue("more", true);
    const size = event.target.closest(".size");
    if (size) {
      size.setAttribute("aria-pressed", String(root.classList.toggle("large")));
      root.querySelector("mark[tabindex]")?.scrollIntoView({ block: "center", inline: "center" });
    }
  };
  const pressed = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const inside = event.composedPath().includes(root);
    if (event.key === "Escape") setTriggerValue("leave", true);
    else if (event.key === "n" || (inside && event.key === "ArrowRight")) setTriggerValue("step", "next");
    else if (event.key === "p" || (inside && event.key === "ArrowLeft")) setTriggerValue("step", "previous");
  };
  document.addEventListener("keydown", pressed);
  return instead(root, () => document.removeEventListener("keydown", pressed));
}
