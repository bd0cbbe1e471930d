// Where a number comes from: for each operation, the words and the parts of its operands.
const cell = (row, column) => [row, column, 1, 1];
const rowOf = (tensor, row) => [row, 0, 1, columnsOf(tensor)];
const columnOf = (tensor, column) => [0, column, rowsOf(tensor), 1];

// [words, parts of each input] for the number at (i, j) of an operation's output.
function origin(operation, inputs, output, i, j) {
  const [a, b, c] = inputs;
  const at = (tensor, row, column) => written(valueOf(tensor, row, column));
  const own = `${output.name}${index(output, i, j)}`;
  const value = written(valueOf(output, i, j));
  const one = `${a.name}${index(a, i, j)}`;
  const [part, count] = operation.attributes;
  const fields = { own, one, value, i, j, a: a.name, b: b?.name, part, count };
  // a sum of products over k, and what meets what in it
  const sum = (left, right, terms, bias, meets, parts) => {
    const words = `${own} = Σ${left}·${right}${bias ? ` + ${bias}` : ""} = ${value}\n${meets}: `;
    return [`${words}${products(...terms)}`, parts.slice(0, inputs.length)];
  };
  switch (operation.op) {
    case "linear":
      return sum(`ₖ ${a.name}[${i}, k]`, `${b.name}[${j}, k]`,
        [columnsOf(a), (k) => at(a, i, k), (k) => at(b, j, k), c && at(c, 0, j)],
        c && `${c.name}[${j}]`,
        told("row {i} of {a} meets row {j} of {b} (column {j} of its transpose)", fields),
        [[rowOf(a, i)], [rowOf(b, j)], [cell(0, j)]]);
    case "matmul":
      return sum(`ₖ ${a.name}[${i}, k]`, `${b.name}[k, ${j}]`,
        [columnsOf(a), (k) => at(a, i, k), (k) => at(b, k, j)], "",
        told("row {i} of {a} meets column {j} of {b}", fields),
        [[rowOf(a, i)], [columnOf(b, j)]]);
    case "outer":
      return sum(`ₙ ${a.name}[n, ${i}]`, `${b.name}[n, ${j}]`,
        [rowsOf(a), (n) => at(a, n, i), (n) => at(b, n, j)],
        operation.inputs.length > 2 && told("what was there before"),
        told("column {i} of {a} meets column {j} of {b}, sample by sample", fields),
        [[columnOf(a, i)], [columnOf(b, j)]]);
    case "sum_rows":
      return [told("{own} is column {j} of {a}, added up over the batch, and what was there before = {value}", fields),
        [[columnOf(a, j)]]];
    case "softmax":
      return [told("{own} = exp({one}) by the sum of exp over row {i} = {value}", fields),
        [[rowOf(a, i)]]];
    case "split": {
      const column = part * columnsOf(output) + j;
      return [told("{own} is {a}[{i}, {column}]: part {part} of {count} = {value}",
        { ...fields, column }), [[cell(i, column)]]];
    }
    case "narrow":
      return [told("{own} is {a}[{row}, {j}]: the rows that are at work = {value}",
        { ...fields, row: part + i }), [[cell(part + i, j)]]];
    case "concat": {
      let row = i, column = j;
      for (const [number, input] of inputs.entries()) {
        if (part === 0 ? row < rowsOf(input) : column < columnsOf(input)) {
          const parts = inputs.map((_, other) => (other === number ? [cell(row, column)] : []));
          return [told("{own} is {one} = {value}",
            { ...fields, one: `${input.name}${index(input, row, column)}` }), parts];
        }
        if (part === 0) row -= rowsOf(input);
        else column -= columnsOf(input);
      }
      return [`${own} = ${value}`, inputs.map(() => [])];
    }
    default: { // element by element, as its equation says
      const names = operation.equation.map(([words]) => filled(words, step)).join("");
      const parts = inputs.map((input) => {
        const [row, column] = [rowsOf(input) > 1 ? i : 0, columnsOf(input) > 1 ? j : 0];
        return row < rowsOf(input) && column < columnsOf(input) ? [row, column] : null;
      });
      const values = inputs.map((input, number) => parts[number]
        && `${input.name}${index(input, ...parts[number])} = ${at(input, ...parts[number])}`);
      return [`${own} = (${names})${index(output, i, j)} = ${value}\n${values.filter(Boolean).join(", ")}`,
        parts.map((part) => (part ? [cell(...part)] : []))];
    }
  }
}

const index = (tensor, i, j) => (tensor.shape.length > 1 ? `[${i}, ${j}]`
  : tensor.shape.length ? `[${j}]` : "");

// The first of so many products, and how many there are; what is added to them.
function products(count, left, right, bias) {
  const shown = count > 4 ? 3 : count;
  const terms = Array.from({ length: shown }, (_, k) => `${left(k)}·${right(k)}`);
  if (shown < count) terms.push(told("… ({count} products)", { count }));
  return [...terms, ...(bias ? [bias] : [])].join(" + ");
}

// Where an operand comes from, in words.
function source(reading, step, tensor) {
  const { pass } = step;
  const { name: own } = tensor;
  if (tensor.kind === "weight") {
    return told("{own} is learned, and the same at every step of layer {layer}",
      { own, layer: pass.layer });
  }
  const name = tensor.template;
  if (name === "x_{t}") return told("{own} is {reads}", { own, reads: readsOf(pass) });
  const state = /^([hc])_\{p\}(?:\[|\+|$)/.exec(name);
  if (state) return told("{own} is what step t={t} has left", { own, t: step.previous });
  const begun = /^([hc])0\[(\d+)\]/.exec(name);
  if (begun) {
    return told("{own} is row {row} of {state}, zeros unless given",
      { own, row: begun[2], state: `${begun[1]}0` });
  }
  if (name.startsWith("output") || name.startsWith("hn")) {
    return told("{own} is what the last layer has left", { own });
  }
  return told("{own} is computed in this step", { own });
}
