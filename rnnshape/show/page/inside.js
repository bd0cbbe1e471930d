// The inside of the current cell: gates, operations, weights; with numbers how open each gate is.
const insides = new Map(); // a drawing for each that was shown: its nodes, and words with {t} and {p}

function insideOf(number) {
  const known = insides.get(number);
  if (known) return known;
  const frame = pictureOf(data.insides[number]);
  const texts = [], gates = [...frame.querySelectorAll("[data-gate]")];
  const walker = document.createTreeWalker(frame, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (walker.currentNode.data.includes("{")) texts.push([walker.currentNode, walker.currentNode.data]);
  }
  const drawing = { node: frame, texts, gates };
  insides.set(number, drawing);
  return drawing;
}

let waiting = 0; // of several steps within a frame the last one is drawn

function showInside() {
  waiting ||= requestAnimationFrame(() => { waiting = 0; drawInside(); });
}

function drawInside() {
  const { record } = step, frame = element("inside");
  frame.hidden = record.inside === undefined;
  if (frame.hidden) return;
  const { node, texts, gates } = insideOf(record.inside);
  if (frame.firstChild !== node) {
    frame.replaceChildren(node);
    node.style.minWidth = `${0.65 * node.width.baseVal.value}px`; // of what is wider one scrolls
    frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2;
  }
  for (const [place, words] of texts) {
    const named = words.replace(/\{(\w+)\}/g, (whole, state) => record.found[state] ?? whole);
    place.data = filled(named, step);
  }
  const shown = pool && numbered(reading);
  for (const words of gates) {
    const { gate } = words.dataset;
    const place = record.tensors.findIndex(([name]) => name === gate || name === `${gate}_{t}`);
    words.textContent = shown ? told("mean {mean}", { mean: mean(place).toFixed(2) }) : "";
  }
}

function mean(place) {
  const tensor = tensorOf(reading, step, place);
  const count = rowsOf(tensor) * columnsOf(tensor);
  return pool.subarray(tensor.from, tensor.from + count).reduce((a, b) => a + b, 0) / count;
}
