// The page: one reading and one step of it are shown; everything else follows from these two.
let reading = null, step = null, stop = -1, timer = 0;
let remembering = 0;
let cells = new Map(), wires = new Map(), order = [];
const panels = new Map(); // a panel for each record that was shown
const opened = new Set(); // the operations whose rows are open

function open(number, index) {
  if (data.readings[number] !== reading) {
    reading = data.readings[number];
    reading.picture ??= reading.back ? data.readings[0].picture
      : reading.svg ? pictureOf(reading.svg) : element("picture").firstElementChild;
    element("picture").replaceChildren(reading.picture);
    element("code").textContent = reading.code;
    element("slider").max = reading.length - 1;
    press("batch-first", reading.batchFirst);
    press("directions", reading.bidirectional);
    press("backward", Boolean(reading.back));
    readPicture();
    fillTables();
    step = null;
    go(index);
    showFlow();
    return;
  }
  go(index);
}

function pictureOf(svg) {
  const frame = made("div");
  frame.innerHTML = svg;
  return frame.firstElementChild;
}

const press = (id, on) => element(id).setAttribute("aria-pressed", on);

function readPicture() {
  cells = new Map();
  wires = new Map();
  order = [];
  for (const lit of element("picture").querySelectorAll(".now")) lit.classList.remove("now");
  element("picture").classList.toggle("fit", reading.picture.width.baseVal.value < 1700);
  for (const group of element("picture").querySelectorAll(".cell")) {
    const [layer, direction, t] = group.dataset.at.split(" ");
    const index = findStep(reading, Number(layer), direction, Number(t));
    cells.set(index, [...(cells.get(index) ?? []), group]);
    order.push([index, group]);
    group.onclick = () => moved(index);
  }
  for (const wire of element("picture").querySelectorAll("[data-to]")) {
    wires.set(wire.dataset.to, [...(wires.get(wire.dataset.to) ?? []), wire]);
  }
}

function go(index) {
  const next = stepAt(reading, Math.max(0, Math.min(reading.length - 1, index)));
  const before = step;
  step = next;
  light(before);
  element("slider").value = step.index;
  const title = titleOf();
  element("slider").setAttribute("aria-valuetext", title);
  const hidden = cells.has(step.index) ? "" : told(" (folded in the picture)");
  element("place").textContent = told("step {number} of {count}: {title}",
    { number: step.index + 1, count: reading.length, title }) + hidden;
  element("step-title").textContent = title;
  element("story").textContent = story();
  say("");
  sayFlow();
  showInside();
  showPanel();
  remember();
  element("first").disabled = element("back").disabled = step.index === 0;
  element("last").disabled = element("forward").disabled = step.index === reading.length - 1;
}

// The current cell and what goes into it; the cells before it are done.
function light(before) {
  const set = (index, on) => {
    for (const group of cells.get(index) ?? []) {
      group.classList.toggle("now", on);
      for (const wire of wires.get(group.id) ?? []) wire.classList.toggle("now", on);
    }
  };
  if (before) set(before.index, false);
  if (before && Math.abs(before.index - step.index) === 1) {
    const [index, on] = [Math.min(before.index, step.index), before.index < step.index];
    for (const group of cells.get(index) ?? []) group.classList.toggle("done", on);
  } else {
    for (const [index, group] of order) group.classList.toggle("done", index < step.index);
  }
  set(step.index, true);
  const [group] = cells.get(step.index) ?? [];
  if (group) reveal(group);
}

// Scroll the picture, and only the picture, until a box is in sight.
function reveal(group) {
  const frame = element("picture");
  const box = group.getBoundingClientRect(), outer = frame.getBoundingClientRect();
  const room = 60;
  if (box.left < outer.left + room) frame.scrollLeft += box.left - outer.left - room;
  else if (box.right > outer.right - room) frame.scrollLeft += box.right - outer.right + room;
  if (box.top < outer.top + room) frame.scrollTop += box.top - outer.top - room;
  else if (box.bottom > outer.bottom - room) frame.scrollTop += box.bottom - outer.bottom + room;
}

// The panel of a record is built once; a step of the same record only fills in its times.
function showPanel() {
  const key = `${data.readings.indexOf(reading)} ${step.number}`;
  let panel = panels.get(key);
  if (!panel) panels.set(key, (panel = new Panel()));
  if (element("operations").firstChild !== panel.items[0]) {
    element("operations").replaceChildren(...panel.items);
  }
  panel.fill();
  for (const [number, item] of panel.items.entries()) {
    const row = item.firstChild;
    row.open = opened.has(row.dataset.op);
    if (row.open) row.draw();
    row.firstChild.tabIndex = number ? -1 : 0; // one stop for all: ↑ ↓ go on from row to row
  }
}

class Panel {
  constructor() {
    this.texts = []; // [node, words with {t} and {p}]
    this.maps = []; // [map, place]
    this.drawn = new Map(); // by place: a matrix is drawn once
    this.items = step.record.operations.map((operation) => this.item(operation));
  }

  item(operation) {
    const [name, , kind] = step.record.tensors[operation.output];
    const sign = operation.inputs.includes(operation.output) ? " += " : " = ";
    const names = made("div", { class: "names" }, this.piece(name, kind), sign,
      ...operation.equation.map(([words, of]) => this.piece(words, of)));
    const shapes = made("div", { class: "shapes" },
      ...sized(operation.shapes, operation.letters, (words, of) => this.piece(words, of)));
    const row = made("details", { "data-op": name.replace("_{t}", "") },
      made("summary", {}, names, shapes));
    if (operation.letters) row.append(made("div", { class: "letters" }, operation.letters));
    row.append(made("div", { class: "why" }, told(WHY[operation.op] ?? "")));
    row.draw = () => { // its heat maps, from the first time that it is open
      row.draw = () => {};
      if (!pool || !numbered(reading)) return;
      row.append(this.mapsOf(operation));
      this.fill();
    };
    row.addEventListener("toggle", () => {
      if (row.open) opened.add(row.dataset.op);
      else opened.delete(row.dataset.op);
      if (row.open) row.draw();
      remember();
    });
    return made("li", {}, row);
  }

  piece(words, kind) {
    const node = document.createTextNode(words);
    if (words.includes("{")) this.texts.push([node, words]);
    return kind ? made("span", { class: kind }, node) : node;
  }

  mapsOf(operation) {
    const { inputs, output } = operation; // a gradient is added to what it was before
    const places = [...inputs.filter((place) => place !== output), output];
    const here = [];
    const maps = places.map((place, number) => {
      const known = this.drawn.get(place);
      if (known) return known;
      const tensor = tensorOf(reading, step, place);
      const turned = operation.op === "linear" && number === 1; // W as it is used
      const map = new HeatMap(tensor, (at) => {
        for (const [other] of this.maps) other.mark([]);
        explain(operation, maps, number, at);
      }, turned);
      this.maps.push([map, place]);
      this.drawn.set(place, map);
      here.push(map.figure);
      return map;
    });
    return made("div", { class: "maps" }, ...here);
  }

  fill() {
    for (const [node, words] of this.texts) node.data = filled(words, step);
    for (const [map, place] of this.maps) {
      if (typeof place === "string" && map.tensor) continue; // a weight stays
      map.show(tensorOf(reading, step, place));
      map.mark([]);
      map.picked = null;
    }
  }
}

const WHY = {
  matmul: "each row of the left meets each column of the right: products, added up",
  outer: "for each pair of places the products, added up over the batch",
  sum_rows: "added up over the batch", square: "element by element", sub: "element by element",
  linear: "each row of the left meets each row of the weight: products, added up, and the bias",
  add: "element by element", mul: "element by element", one_minus: "element by element",
  tanh: "bends every number into −1 … 1", relu: "zero for what is negative",
  sigmoid: "bends every number into 0 … 1: how far a gate is open",
  softmax: "each row becomes parts of 1", split: "equal parts along the last axis, one a gate",
  narrow: "the rows of the sequences that are at work", concat: "one beside the other",
};

// What is said of the number at a place of the `number`th map of an operation.
function explain(operation, maps, number, at) {
  for (const map of maps) map.mark([]);
  if (!at) return say("");
  const tensors = maps.map((map) => map.tensor);
  const tensor = tensors[number];
  maps[number].mark([cell(...at)]);
  if (number < maps.length - 1) {
    const own = `${tensor.name}${index(tensor, ...at)} = ${written(valueOf(tensor, ...at))}`;
    return say(`${own}\n${source(reading, step, tensor)}`);
  }
  const [words, parts] = origin(operation, tensors.slice(0, -1), tensor, ...at);
  parts.forEach((part, input) => maps[input].mark(part));
  say(words);
}

function say(words) {
  element("readout").textContent = words;
  element("readout").hidden = !words;
}

function fillTables() {
  const kind = (name) => (/^[hc][0n]$/.test(name) ? "state" : name === "input" ? name : "output");
  const row = (tag, words) => made("tr", {}, ...words.map((word, number) =>
    made(number ? tag : "th", number ? {} : { scope: "row" }, word)));
  element("tensors").replaceChildren(
    row("th", ["", told("shape"), told("in letters"), "batch_first=False", "batch_first=True"]),
    ...reading.tensors.map((words) => {
      const line = row("td", words);
      line.firstChild.className = kind(words[0]);
      return line;
    }));
  element("parameters").replaceChildren(
    row("th", ["", told("shape"), told("in letters"), told("numbers")]),
    ...reading.parameters.map((words) => row("td", words)));
  for (const line of [...element("parameters").rows].slice(1)) line.firstChild.className = "weight";
  element("sizes").textContent = (reading.back ? `L = ${reading.loss}. ` : "") + sizesOf(reading);
  element("notes").replaceChildren(...reading.notes.map((note) => made("li", {}, note)));
}

function toggle(first, both) {
  leaveTour();
  if (reading.typed) return unroll({ ...reading.typed, first, both });
  const number = data.toggles[`${Number(first)}${Number(both)}`];
  if (number === undefined) return; // a cell module has one reading
  const here = step;
  const { layer, direction } = here.pass;
  const index = findStep(data.readings[number], layer, direction, here.t);
  open(number, index < 0 ? findStep(data.readings[number], layer, "forward", here.t) : index);
}

// To the first step of the walk in reverse, or to the same cell of the walk forward.
function turn() {
  leaveTour();
  const { layer, direction } = step.pass;
  open(reading.back ? 0 : data.back,
    reading.back ? Math.max(0, findStep(data.readings[0], layer, direction, step.t)) : 0);
}

function play(on) {
  clearInterval(timer);
  timer = 0;
  press("play", on);
  element("play").textContent = on ? told("pause") : told("play");
  if (!on) return;
  if (step.index === reading.length - 1) go(0);
  timer = setInterval(() => {
    go(step.index + 1);
    if (step.index === reading.length - 1) play(false);
  }, 800);
}

// The address keeps the moment: #layer=1&direction=reverse&t=3&op=hh.
function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(address, 200); // a browser refuses many in a row
}

function address() {
  const { layer, direction } = step.pass;
  const place = { layer, ...(direction === "forward" ? {} : { direction }), t: step.t };
  if (reading.back) place.back = "";
  for (const [name, value] of Object.entries(reading.typed ?? {})) {
    if (value) place[name] = value === true ? "" : value;
  }
  if (opened.size) place.op = [...opened].join(",");
  history.replaceState(null, "", `#${new URLSearchParams(place)}`);
}

function recalled() {
  const place = new URLSearchParams(location.hash.slice(1));
  for (const name of (place.get("op") ?? "").split(",")) if (name) opened.add(name);
  if (place.has("back") && data.back) open(data.back, 0);
  else if (place.has("cell")) recallTyped(place);
  const index = findStep(reading, Number(place.get("layer") ?? -1),
    place.get("direction") ?? "forward", Number(place.get("t") ?? 0));
  go(Math.max(index, 0));
}

// A layer up or down at the same time.
function climb(by) {
  const { layer, direction } = step.pass;
  const index = findStep(reading, layer + by, direction, step.t);
  if (index >= 0) go(index);
}

const moved = (index) => { play(false); go(index); };
const actions = {
  ArrowLeft: () => moved(step.index - 1), ArrowRight: () => moved(step.index + 1),
  ArrowUp: () => climb(1), ArrowDown: () => climb(-1),
  Home: () => moved(0), End: () => moved(reading.length - 1), " ": () => play(!timer),
  r: () => data.back && turn(),
  s: () => showForm(),
  b: () => toggle(!reading.batchFirst, reading.bidirectional),
  d: () => toggle(reading.batchFirst, !reading.bidirectional),
  f: () => { flowing = !flowing; showFlow(); },
  g: () => (stop < 0 ? visit(0) : closeTour()),
  n: () => visit(stop + 1), p: () => stop > 0 && visit(stop - 1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
  if (event.target.closest("#typed") && event.target.tagName !== "BUTTON") return;
  if (event.key === " " && event.target.closest("button")) return;
  event.preventDefault();
  actions[event.key]();
});
element("operations").addEventListener("keydown", (event) => {
  const beside = { ArrowUp: "previousSibling", ArrowDown: "nextSibling" }[event.key];
  if (!beside || event.target.tagName !== "SUMMARY") return;
  event.target.closest("li")[beside]?.firstChild.firstChild.focus();
  event.preventDefault();
  event.stopPropagation();
});
const on = (id, action) => element(id).addEventListener("click", action);
on("first", actions.Home);
on("back", actions.ArrowLeft);
on("forward", actions.ArrowRight);
on("last", actions.End);
on("play", actions[" "]);
on("batch-first", actions.b);
on("directions", actions.d);
on("backward", actions.r);
on("flow", actions.f);
on("sizes-open", actions.s);
on("print-all", printAll);
on("tour-open", actions.g);
on("tour-back", actions.p);
on("tour-next", actions.n);
on("tour-close", closeTour);
element("slider").addEventListener("input", (event) => moved(Number(event.target.value)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  known = null;
  panels.clear();
  showPanel();
});
element("backward").hidden = data.back === undefined;
if (data.back) element("keys").append(told(" r walks back."));
if (flow) element("keys").append(told(" f shows the gradient."));
open(0, 0);
element("picture").scrollTop = 0; // the output first
for (const id of ["batch-first", "directions"]) {
  element(id).hidden = Object.keys(data.toggles).length < 2;
}
if (location.hash) recalled();
addEventListener("hashchange", recalled);
