// Every text of a document, a model or a person enters the page here, as a text node: never as markup.
function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

// A drawing of lines in a square of 20 by 20, which the name of its button describes.
function icon(path) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "path");
  for (const [name, value] of [["viewBox", "0 0 20 20"], ["aria-hidden", "true"], ["class", "icon"]]) drawing.setAttribute(name, value);
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

// A part's script runs again with each new data; what the run before listened to beyond the part ends here.
const ends = new WeakMap();

function instead(root, end) {
  ends.get(root)?.();
  ends.set(root, end);
  return () => {
    end();
    if (ends.get(root) === end) ends.delete(root);
  };
}
