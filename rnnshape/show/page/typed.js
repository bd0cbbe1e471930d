// A network whose sizes are typed: a pattern of two layers and two steps in letters, laid out anew.
const MOST = { L: 8, I: 9999, H: 9999, N: 9999, T: 64 }; // what a page draws

// From what a pattern says to what the network of the sizes `n` says, at one layer and time: NNNN
// is N, 4·HHHH is 4 times H; a bare number of a whole tensor is T, or the rows of its states.
function wordsOf(n, layer = 0, t = 0) {
  const each = n.both ? 2 : 1;
  const rows = (row) => Number(row) + (row >= each && layer ? each * (layer - 1) : 0);
  return (words) => words
    .replace(/\b(input|output|([hc])[0n])((?:<\/tspan>)?) (NNNN×)?\d×/g, (_, name, state, close, batch) =>
      `${name}${close} ${batch ?? ""}${state ? each * n.L : n.T}×`)
    .replace(/(?:(\d+)·)?([NIH])\2{3}/g, (_, factor, letter) => (factor || 1) * n[letter])
    .replace("num_layers=2", `num_layers=${n.L}`).replace("over 2 steps", `over ${n.T} step${n.T > 1 ? "s" : ""}`)
    .replace(/_l1(?!\d)/g, `_l${layer}`)
    .replace(/layer ([01])/g, (_, own) => `layer ${layer ? layer - 1 + Number(own) : own}`)
    .replace(/([hc][0n])\[(\d)\]/g, (_, name, row) => `${name}[${rows(row)}]`)
    .replace(/(cell|data-at=")([01])([_ ])(\w+?)\3([01])/g, (_, what, own, gap, way, time) =>
      what + [own === "0" ? 0 : layer, way, time === "0" ? 0 : t].join(gap))
    .replace(/(input|output)(\[(?::, )?)1\]/g, `$1$2${t}]`);
}

function typedReading(pattern, n) {
  const each = n.both ? 2 : 1, drawings = new Map();
  const first = wordsOf(n), layers = Array.from({ length: n.L }, (_, layer) => layer);
  const copy = (value, layer, t) => JSON.parse(wordsOf(n, layer, t)(JSON.stringify(value)));
  const passes = [], runs = [], records = [];
  const record = (number, layer) => {
    const made = copy(pattern.records[number], layer);
    for (const operation of made.operations) {
      const own = pattern.records[number].operations[made.operations.indexOf(operation)];
      operation.letters = own.shapes.map(([words]) => words).join("").replace(/(?:(\d+)·)?([NIH])\2{3}/g, "$1$2");
    }
    const drawn = first(data.insides[made.inside]);
    if (!drawings.has(drawn)) drawings.set(drawn, data.insides.push(drawn) - 1);
    made.inside = drawings.get(drawn);
    return records.push(made) - 1;
  };
  for (const layer of layers) {
    for (let way = 0; way < each; way++) {
      const own = (layer ? each : 0) + way, top = pattern.passes[each + way].up;
      const up = layer === n.L - 1 ? top : layer + 1, below = layer ? layer - 1 : null;
      const number = passes.push({ ...copy(pattern.passes[own], layer), layer, up, below }) - 1;
      const [[, , stride, , begun], [, , , , going]] = pattern.runs.filter((run) => run[0] === own);
      const start = stride > 0 ? 0 : n.T - 1;
      runs.push([number, start, stride, 1, record(begun, layer)]);
      if (n.T > 1) runs.push([number, start + stride, stride, n.T - 1, record(going, layer)]);
    }
  }
  const tensors = pattern.tensors.map(([name, ...shapes]) => [name, ...shapes.map((shape) =>
    first(`${name} ${shape}`).slice(name.length + 1))]);
  const parameters = layers.flatMap((layer) => pattern.parameters
    .filter(([name]) => /_l1(?!\d)/.test(name) === layer > 0).map((row) => {
      const [name, shape, rule] = copy(row, layer);
      return [name, shape, rule, String(shape.split("×").reduce((a, b) => a * b, 1))];
    }));
  return withRuns({ ...pattern, passes, runs, records, tensors, parameters, typed: n,
    code: first(pattern.code), sizes: n,
    notes: pattern.notes.map(first), picture: typedPicture(pattern, n) });
}

// The drawing: what stands in the second column goes once for each further step, what stands in
// the second layer once for each further layer.
function typedPicture({ svg, grid }, n) {
  const picture = pictureOf(svg);
  const wide = (n.T - 2) * grid.dx, high = (n.L - 2) * grid.dy;
  const size = [Number(picture.getAttribute("width")) + wide,
    Number(picture.getAttribute("height")) + high];
  const parts = [...picture.children].map((part) => {
    if (part.matches("title,desc")) return wordsOf(n)(part.outerHTML);
    if (part.matches(".paper")) return `<rect class="paper" width="${size[0]}" height="${size[1]}"/>`;
    return laid(part, grid, n, wide, high);
  });
  picture.innerHTML = parts.join("");
  picture.setAttribute("width", size[0]);
  picture.setAttribute("height", size[1]);
  picture.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
  return picture;
}

function laid(part, grid, n, wide, high) {
  const [x, y] = cornerOf(part);
  const column = grid.x.filter((edge) => edge <= x).length;
  const row = grid.y.filter((edge) => edge <= y).length;
  const lone = part.matches(".corner"); // stands once, at the last step and the last layer
  const times = column === 2 && !lone ? Array.from({ length: n.T - 1 }, (_, t) => t + 1) : [0];
  const layers = row === 1 && !lone ? Array.from({ length: n.L - 1 }, (_, k) => k + 1) : [0];
  return times.flatMap((t) => layers.map((layer) => {
    const across = t ? (t - 1) * grid.dx : column > 1 ? wide : 0;
    const down = layer ? (n.L - 1 - layer) * grid.dy : row > 1 ? high : 0;
    const words = wordsOf(n, layer, t)(part.outerHTML);
    // what goes up from a layer is the next one's input, or the output
    const up = (row === 1 || row === 2) && part.matches(".concat, path:not([data-to], .state)");
    const kind = layer === n.L - 1 ? "output" : "input";
    return (up ? words.replace(/class="(input|output)/, `class="${kind}`) : words)
      .replace(/^<(\w+)/, `<$1 transform="translate(${across} ${down})"`);
  })).join("");
}

// The left and upper end of a part.
function cornerOf(part) {
  const path = part.getAttribute("d");
  if (!path) {
    const own = part.matches("rect,text") ? part : part.querySelector("rect");
    const back = part.matches(".corner") ? 16 : 0; // it ends there
    return [Number(own.getAttribute("x")) - back, Number(own.getAttribute("y"))];
  }
  const ends = (pattern) => Math.min(...[...path.matchAll(pattern)].map((found) => found[1]));
  return [ends(/[MH]([\d.]+)/g), ends(/(?:M[\d.]+ |V)([\d.]+)/g)];
}

// What is typed: a network that the page can draw, and an h0 that fits it or not.
const form = element("typed");

// What the address keeps of it.
function recallTyped(place) {
  showForm();
  for (const name of ["cell", ...Object.keys(MOST), "h0"]) {
    if (place.has(name)) form.elements[name].value = place.get(name);
  }
  typed(place.has("both"), place.has("first"));
}

function showForm() {
  form.hidden = !form.hidden;
  element("sizes-open").setAttribute("aria-expanded", !form.hidden);
  const shown = { ...data.own, ...reading.sizes, ...reading.typed };
  for (const [name, value] of Object.entries(shown)) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  if (!form.hidden) form.elements.L.focus();
}

function typed(both = reading.bidirectional, first = reading.batchFirst) {
  const n = { cell: form.elements.cell.value, both, first };
  for (const [name, most] of Object.entries(MOST)) {
    const size = Number(form.elements[name].value);
    if (!Number.isInteger(size) || size < 1 || size > most) {
      return wrong(told("{name}: a whole number from 1 to {most}, as large as this page draws",
        { name, most }));
    }
    n[name] = size;
  }
  unroll(n);
}

function unroll(n) {
  leaveTour();
  const { layer, direction } = step.pass, { t } = step;
  const key = `${n.cell}${Number(n.both)}${Number(n.first)}`;
  const made = typedReading(data.patterns[key], n);
  const kept = data.readings.findIndex((reading) => reading.typed);
  const number = kept < 0 ? data.readings.push(made) - 1 : kept; // one at a time
  data.readings[number] = made;
  for (const key of panels.keys()) if (key.startsWith(`${number} `)) panels.delete(key);
  open(number, Math.max(0, findStep(made, layer, direction, t)));
  state();
}

// An h0 of another shape than the network wants: torch's sentence, and the rows that fail in red.
function state() {
  const words = form.elements.h0.value.trim(), n = reading.typed;
  const shape = words.match(/\d+/g)?.map(Number) ?? [];
  const wanted = [(n.both ? 2 : 1) * n.L, n.N, n.H];
  const fits = !shape.length || (shape.length === 3 && wanted.every((size, axis) => size === shape[axis]));
  const lacking = shape.length === 3 && shape[1] === n.N && shape[2] === n.H && shape[0] < wanted[0];
  for (const group of reading.picture.querySelectorAll(".begin")) {
    const [layer, direction] = group.dataset.at.split(" ");
    const row = Number(layer) * (n.both ? 2 : 1) + Number(direction === "reverse");
    group.classList.toggle("bad", !fits && !(lacking && row < shape[0]));
  }
  const said = data.h0[n.cell][shape.length === 3 ? "size" : "rank"];
  wrong(fits ? "" : said.replace("{expected}", `(${wanted.join(", ")})`)
    .replace("{got}", `[${shape.join(", ")}]`).replace("{rank}", shape.length));
}

function wrong(words) {
  element("typed-wrong").textContent = words;
  element("typed-wrong").hidden = !words;
}

form.addEventListener("change", () => typed());
form.addEventListener("submit", (event) => { event.preventDefault(); typed(); });
