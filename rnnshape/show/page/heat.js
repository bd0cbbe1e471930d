// Heat maps: a pixel a number, blue above zero and red below, as strong as it is large.
const SMALL = 60; // numbers that are written out, where they are few

class HeatMap {
  constructor(tensor, onPick, turned = false) {
    this.turned = turned && tensor.shape.length > 1;
    this.legend = made("div", { class: "legend" });
    this.caption = made("figcaption");
    this.canvas = made("canvas", { tabindex: "0", role: "img" });
    this.field = made("div", { class: "field" }, this.canvas);
    this.figure = made("figure", { class: "map" }, this.caption, this.legend, this.field);
    [this.rows, this.columns] = this.turned ? [columnsOf(tensor), rowsOf(tensor)]
      : [rowsOf(tensor), columnsOf(tensor)];
    this.field.style.setProperty("--columns", this.columns);
    this.words = this.rows * this.columns <= SMALL && this.columns <= 6;
    this.marks = [];
    this.picked = null;
    this.onPick = onPick;
    this.size();
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.pick(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => this.pick(null));
  }

  size() {
    const scale = this.words ? [52, 20] : Array(2).fill(
      Math.max(1, Math.min(14, Math.floor(280 / this.columns), Math.floor(280 / this.rows))));
    const dense = this.words ? Math.ceil(window.devicePixelRatio || 1) : 1;
    this.dense = dense;
    this.canvas.width = this.columns * (this.words ? scale[0] * dense : 1);
    this.canvas.height = this.rows * (this.words ? scale[1] * dense : 1);
    this.canvas.style.width = `${this.columns * scale[0]}px`;
    this.canvas.style.aspectRatio = `${this.columns * scale[0]} / ${this.rows * scale[1]}`;
  }

  // Show the numbers of a tensor of the same shape.
  show(tensor) {
    this.tensor = tensor;
    const shape = this.turned ? [...tensor.shape].reverse() : tensor.shape;
    this.caption.textContent = `${tensor.name}${this.turned ? "ᵀ" : ""} ${shape.join("×")}`;
    this.caption.className = tensor.kind;
    const count = this.rows * this.columns;
    const stored = pool.subarray(tensor.from, tensor.from + count);
    const values = this.turned ? stored.map((_, i) =>
      stored[(i % this.columns) * this.rows + Math.floor(i / this.columns)]) : stored;
    let least = Infinity, most = -Infinity, largest = 0;
    for (const value of values) {
      if (value < least) least = value;
      if (value > most) most = value;
      if (Math.abs(value) > largest) largest = Math.abs(value);
    }
    const axes = this.turned ? told("reads ↓ gives →") : tensor.shape.length < 2 ? ""
      : tensor.kind === "weight" ? told("gives ↓ reads →")
        : tensor.kind === "input" ? told("batch ↓ features →") : told("batch ↓ hidden →");
    this.legend.textContent = `${axes}  ${largest ? `${written(least)} … ${written(most)}`
      : told("all zeros")}`;
    this.canvas.setAttribute("aria-label", told("heat map of {name}, from {least} to {most}",
      { name: `${tensor.name} ${tensor.shape.join("×")}`, least: written(least), most: written(most) }));
    const context = this.canvas.getContext("2d");
    if (this.words) this.write(context, values, largest);
    else this.paint(context, values, largest);
  }

  paint(context, values, largest) {
    const image = context.createImageData(this.columns, this.rows);
    const { positive, negative } = shades();
    for (let i = 0; i < values.length; i++) {
      const shade = values[i] < 0 ? negative : positive;
      image.data.set(shade, 4 * i);
      image.data[4 * i + 3] = largest ? 255 * Math.abs(values[i] / largest) : 0;
    }
    context.putImageData(image, 0, 0);
  }

  write(context, values, largest) {
    const { positive, negative, ink } = shades();
    const width = this.canvas.width / this.columns, height = this.canvas.height / this.rows;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.font = `${12 * this.dense}px monospace`;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let i = 0; i < values.length; i++) {
      const x = (i % this.columns) * width, y = Math.floor(i / this.columns) * height;
      const strength = largest ? 0.6 * Math.abs(values[i] / largest) : 0;
      context.fillStyle = `rgba(${values[i] < 0 ? negative : positive},${strength})`;
      context.fillRect(x, y, width, height);
      context.fillStyle = `rgb(${ink})`;
      const words = Math.abs(values[i]) < 100 ? values[i].toFixed(2) : values[i].toPrecision(3);
      context.fillText(words, x + width - 3 * this.dense, y + height / 2);
    }
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.rows);
    if (row >= 0 && column >= 0 && row < this.rows && column < this.columns) {
      this.pick([row, column]);
    }
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const move = moves[event.key];
    if (event.key === "Escape") this.pick(null);
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const [row, column] = this.picked ?? [0, 0];
    const last = [this.rows - 1, this.columns - 1];
    const to = this.picked ? [row + move[0], column + move[1]] : [0, 0];
    this.pick(to.map((place, axis) => Math.max(0, Math.min(last[axis], place))));
  }

  pick(place) {
    if (String(place) === String(this.picked)) return;
    this.picked = place;
    this.onPick(place && this.turned ? [place[1], place[0]] : place);
  }

  // Frames around parts of the map: [row, column, rows, columns] each.
  mark(parts) {
    while (this.marks.length < parts.length) {
      this.marks.push(made("div", { class: "mark" }));
      this.field.append(this.marks.at(-1));
    }
    this.marks.forEach((mark, number) => {
      let part = parts[number];
      mark.hidden = !part;
      if (!part) return;
      if (this.turned) part = [part[1], part[0], part[3], part[2]];
      mark.style.top = `${(100 * part[0]) / this.rows}%`;
      mark.style.left = `${(100 * part[1]) / this.columns}%`;
      mark.style.height = `${(100 * part[2]) / this.rows}%`;
      mark.style.width = `${(100 * part[3]) / this.columns}%`;
    });
  }
}

// The colours of the numbers as [r, g, b], from the page's style.
let known = null;
function shades() {
  if (known) return known;
  const style = getComputedStyle(document.documentElement);
  const read = (name) => {
    const hex = style.getPropertyValue(`--${name}`).trim().slice(1);
    return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  };
  known = { positive: read("positive"), negative: read("negative"), ink: read("ink") };
  return known;
}
