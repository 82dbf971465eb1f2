const shown = new WeakMap();

function part(className, text) {
  return element("span", { class: className }, text);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".pane");
  const text = JSON.stringify(data);
  const before = shown.get(root) ?? { text: "", identity: "" };
  if (before.text !== text) {
    const mark = element("mark", { tabindex: "-1", "aria-label": "The cited words: " + data.quote }, data.quote);
    const count = (number) => number.toLocaleString("en") + " more characters";
    root.replaceChildren(
      element(
        "header",
        {},
        element("h2", { tabindex: "-1" }, data.name),
        data.where ? element("p", { class: "where" }, data.where) : null,
      ),
      data.note ? element("p", { class: "note", role: "status" }, data.note) : "",
      data.also.length ? element("p", { class: "also" }, "The same words are also in " + data.also.join(", ") + ".") : "",
      element(
        "div",
        { class: "document", dir: "auto" },
        data.earlier ? element("button", { type: "button", class: "more" }, "Show earlier: " + count(data.earlier)) : null,
        part("around", data.before),
        data.quote ? mark : null,
        part("around", data.after),
        data.later ? element("button", { type: "button", class: "more" }, "Show later: " + count(data.later)) : null,
      ),
    );
    const identity = JSON.stringify(data.identity);
    if (identity !== before.identity) {
      requestAnimationFrame(() => {
        if (data.quote) mark.scrollIntoView({ block: "center" });
        (data.quote ? mark : root.querySelector("h2")).focus({ preventScroll: true });
      });
    }
    shown.set(root, { text, identity });
  }

  root.onclick = (event) => {
    if (event.target.closest(".more")) setTriggerValue("more", true);
  };
  const leave = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) setTriggerValue("leave", true);
  };
  document.addEventListener("keydown", leave);
  return () => document.removeEventListener("keydown", leave);
}
