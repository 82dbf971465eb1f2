export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".documents");
  const text = JSON.stringify(data);
  if (root.dataset.drawn === text) return;
  const folded = new Map([...root.querySelectorAll("details")].map((group) => [group.dataset.key, group.open]));
  root.dataset.drawn = text;
  root.replaceChildren(
    ...data.map((group) =>
      element(
        "details",
        { "data-key": group.state, open: folded.get(group.state) ?? group.open },
        element("summary", {}, group.title),
        element(
          "ul",
          { tabindex: "0", "aria-label": group.title },  // it scrolls, for the keyboard too
          ...group.files.map((file) =>
            element(
              "li",
              { title: file.name },
              element("span", { class: "name" }, file.name),
              file.reason ? element("span", { class: "reason" }, file.reason) : null,
            ),
          ),
          group.more ? element("li", { class: "reason" }, "and " + group.more.toLocaleString("en") + " more") : null,
        ),
      ),
    ),
  );
}
