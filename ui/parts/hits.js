const drawn = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".hits");
  const text = JSON.stringify(data);
  if (drawn.get(root) !== text) {
    root.replaceChildren(
      element(
        "ol",
        { "aria-label": "Found in the documents, the nearest first" },
        ...data.map((hit, at) =>
          element(
            "li",
            {},
            element("button", { type: "button", "data-at": String(at) }, hit.source + ", " + hit.where),
            element("p", { dir: "auto" }, hit.quote),
          ),
        ),
      ),
    );
    drawn.set(root, text);
  }
  root.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("open", Number(button.dataset.at));
  };
}
