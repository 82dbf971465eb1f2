const drawn = new WeakMap();

function row(file, editable) {
  return element(
    "tr",
    { class: file.state },
    element(
      "th",
      { scope: "row" },
      element("button", { type: "button", class: "name", "data-what": "open", "data-source": file.source, title: "Open" }, file.name),
      file.reason ? element("span", { class: "reason" }, file.reason) : null,
    ),
    element("td", { class: "minor" }, file.kind),
    element("td", { class: "size" }, file.size),
    element("td", { class: "minor" }, file.date),
    element("td", { class: "state" }, file.words),
    editable
      ? element(
          "td",
          {},
          element("button", { type: "button", class: "remove", "data-what": "remove", "data-source": file.source, "aria-label": "Remove " + file.name }, "Remove"),
        )
      : null,
  );
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".files");
  const text = JSON.stringify(data);
  if (drawn.get(root) !== text) {
    const heads = [["File", ""], ["Kind", "minor"], ["Size", "size"], ["Date", "minor"], ["State", "state"], ...(data.editable ? [["", ""]] : [])];
    root.replaceChildren(
      data.files.length
        ? element(
            "table",
            {},
            element("caption", {}, "Files of the folder"),
            element("thead", {}, element("tr", {}, ...heads.map(([name, kind]) => element(name ? "th" : "td", { class: kind, scope: name ? "col" : null }, name)))),
            element("tbody", {}, ...data.files.map((file) => row(file, data.editable))),
          )
        : element("p", {}, "No file has such a name."),
      data.more ? element("p", {}, "and " + data.more.toLocaleString("en") + " more. Give a part of the name to see them.") : "",
    );
    drawn.set(root, text);
  }
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("act", { what: button.dataset.what, source: button.dataset.source });
  };
}
