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
        element("h2", {}, data.name),
        element("p", { class: "where" }, data.where + " · " + data.called + " " + data.number),
      ),
      data.note ? element("p", { class: "note", role: "status" }, data.note) : "",
      data.also.length ? element("p", { class: "also" }, "The same words are also in " + data.also.join(", ") + ".") : "",
      element(
        "div",
        { class: "document", dir: "auto" },
        data.earlier ? element("button", { type: "button", class: "more" }, "Show earlier: " + count(data.earlier)) : null,
        part("around", data.before),
        mark,
        part("around", data.after),
        data.later ? element("button", { type: "button", class: "more" }, "Show later: " + count(data.later)) : null,
      ),
    );
    const identity = JSON.stringify(data.identity);
    if (identity !== before.identity) {
      requestAnimationFrame(() => {
        mark.scrollIntoView({ block: "center" });
        mark.focus({ preventScroll: true });
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
