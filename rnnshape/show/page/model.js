// The data of the page, and where a step stands in it. Equal steps share a record; a run is
// [pass, first time, stride, count, record].
const data = JSON.parse(await unpacked(document.getElementById("data").textContent));

// A text that stands as gzip in base 64.
async function unpacked(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

// A sentence in the reader's language, its {fields} filled in.
const told = (words, fields = {}) => (data.words[words] ?? words).replace(/\{(\w+)\}/g,
  (whole, name) => fields[name] ?? whole);
const element = (id) => document.getElementById(id);

for (const reading of data.readings) {
  if (reading.like !== undefined) {
    reading.records = data.readings[reading.like].records;
    reading.runs = data.readings[reading.like].runs;
  }
  withRuns(reading);
}

// A reading with where its runs start.
function withRuns(reading) {
  reading.starts = [];
  reading.length = 0;
  for (const run of reading.runs) {
    reading.starts.push(reading.length);
    reading.length += run[3];
  }
  return reading;
}

const pool = data.numbers ? new Float32Array(bytesOf(data.numbers.pool).buffer) : null;

function numbered(reading) {
  return data.numbers !== undefined
    && (reading.back || data.numbered.includes(data.readings.indexOf(reading)));
}

// The run that holds a step.
function runAt(reading, index) {
  let low = 0, high = reading.starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (reading.starts[middle] <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

const timeIn = (run, offset) => (typeof run[1] === "number" ? run[1] + run[2] * offset : run[1]);

// What is known of a step: its pass, its time, the times before and after it, its record.
function stepAt(reading, index) {
  const number = runAt(reading, index);
  const run = reading.runs[number];
  const offset = index - reading.starts[number];
  const before = reading.runs[number - 1], after = reading.runs[number + 1];
  const pass = reading.passes[run[0]];
  let previous = null, next = null;
  if (offset > 0) previous = timeIn(run, offset - 1);
  else if (before && before[0] === run[0]) previous = timeIn(before, before[3] - 1);
  if (offset < run[3] - 1) next = timeIn(run, offset + 1);
  else if (after && after[0] === run[0]) next = after[1];
  const t = timeIn(run, offset);
  if (t === "t") [previous, next] = run[2] < 0 ? ["(t+1)", "(t-1)"] : ["(t-1)", "(t+1)"];
  const p = reading.back ? next : previous; // the time that the state comes from
  return { index, pass, t, p, previous, next, number: run[4], record: reading.records[run[4]] };
}

// The index of the step of a cell, or -1 where there is none.
function findStep(reading, layer, direction, t) {
  for (let number = 0; number < reading.runs.length; number++) {
    const run = reading.runs[number], pass = reading.passes[run[0]];
    if (pass.layer !== layer || pass.direction !== direction) continue;
    if (typeof run[1] !== "number") return reading.starts[number];
    const offset = (t - run[1]) / run[2];
    if (Number.isInteger(offset) && offset >= 0 && offset < run[3]) {
      return reading.starts[number] + offset;
    }
  }
  return -1;
}

const filled = (text, step) =>
  text.replaceAll("{t}", step.t).replaceAll("{p}", step.p ?? "");

// A tensor of an operation: its name, shape and kind, and where its numbers begin.
function tensorOf(reading, step, place) {
  if (typeof place === "string") {
    const shape = shapeOfParameter(reading, place);
    return { name: place, shape, kind: "weight", from: pool ? data.numbers.weights[place] : null };
  }
  const [name, shape, kind] = step.record.tensors[place];
  const steps = data.numbers?.[reading.back ? "back" : "steps"];
  const from = pool && numbered(reading) ? steps[step.index][place] : null;
  return { name: filled(name, step), template: name, shape, kind, from };
}

function shapeOfParameter(reading, name) {
  const row = reading.parameters.find((parameter) => parameter[0] === name);
  return row[1].split("×").map((size) => (/^\d+$/.test(size) ? Number(size) : size));
}

const rowsOf = (tensor) => (tensor.shape.length > 1 ? tensor.shape[0] : 1);
const columnsOf = (tensor) => tensor.shape.at(-1) ?? 1;
const valueOf = (tensor, row, column) => pool[tensor.from + row * columnsOf(tensor) + column];
const written = (value) =>
  Math.abs(value) < 1000 ? value.toFixed(4).replace("-", "−") : value.toPrecision(4);

function made(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
