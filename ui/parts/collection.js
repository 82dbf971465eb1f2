const drawn = new WeakMap();

function chart({ title, bars, note }) {
  return element(
    "figure",
    {},
    element("figcaption", {}, title),
    element(
      "ul",
      {},
      ...bars.map(({ name, count, share }) => {
        const bar = element("span", { class: "bar", "aria-hidden": "true" });
        bar.style.width = share + "%";
        return element(
          "li",
          {},
          element("span", { class: "name" }, name),
          element("span", { class: "room" }, bar),
          element("span", { class: "count" }, count.toLocaleString("en")),
        );
      }),
    ),
    note ? element("p", {}, note) : null,
  );
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".collection");
  const text = JSON.stringify(data);
  if (drawn.get(root) === text) return;
  root.replaceChildren(...data.map(chart));
  drawn.set(root, text);
}
