// Where a number comes from: for each operation, the words and the parts of its operands.
const cell = (row, column) => [row, column, 1, 1];

// [words, parts of each input] for the number at (i, j) of an operation's output.
function origin(operation, inputs, output, i, j) {
  const [a, b] = inputs;
  const at = (tensor, row, column) => written(valueOf(tensor, row, column));
  const own = `${output.name}${index(output, i, j)}`;
  const value = written(valueOf(output, i, j));
  const same = inputs.map(() => [cell(i, j)]);
  const one = `${a.name}${index(a, i, j)}`;
  const attributes = operation.attributes;
  switch (operation.op) {
    case "linear": {
      const bias = inputs[2];
      const sum = `Σₖ ${a.name}[${i}, k]·${b.name}[${j}, k]${bias ? ` + ${bias.name}[${j}]` : ""}`;
      const words = `${own} = ${sum} = ${value}\nrow ${i} of ${a.name} meets row ${j} of ${
        b.name} (column ${j} of its transpose): ${products(a, b, i, j)}${
        bias ? ` + ${at(bias, 0, j)}` : ""}`;
      const parts = [[[i, 0, 1, columnsOf(a)]], [[j, 0, 1, columnsOf(b)]]];
      return [words, bias ? [...parts, [cell(0, j)]] : parts];
    }
    case "add":
    case "mul": {
      const sign = operation.op === "add" ? " + " : " · ";
      const names = inputs.map((input) => `${input.name}${index(input, i, j)}`).join(sign);
      const values = inputs.map((input) => at(input, i, j)).join(sign);
      return [`${own} = ${names} = ${values} = ${value}`, same];
    }
    case "one_minus":
      return [`${own} = 1 − ${one} = 1 − ${at(a, i, j)} = ${value}`, same];
    case "softmax":
      return [`${own} = exp(${one}) by the sum of exp over row ${i} = ${value}`,
        [[[i, 0, 1, columnsOf(a)]]]];
    case "split": {
      const column = attributes[0] * columnsOf(output) + j;
      return [`${own} is ${a.name}[${i}, ${column}]: part ${attributes[0]} of ${
        attributes[1]} = ${value}`, [[cell(i, column)]]];
    }
    case "narrow": {
      const row = attributes[0] + i;
      return [`${own} is ${a.name}[${row}, ${j}]: the rows that are at work = ${value}`,
        [[cell(row, j)]]];
    }
    case "concat": {
      let row = i, column = j;
      for (const [number, input] of inputs.entries()) {
        if (attributes[0] === 0 ? row < rowsOf(input) : column < columnsOf(input)) {
          const parts = inputs.map((_, other) => (other === number ? [cell(row, column)] : []));
          return [`${own} is ${input.name}${index(input, row, column)} = ${value}`, parts];
        }
        if (attributes[0] === 0) row -= rowsOf(input);
        else column -= columnsOf(input);
      }
      return [`${own} = ${value}`, inputs.map(() => [])];
    }
    case "scale":
      return [`${own} = ${one}·${b.name}[${j}] = ${value}`, [[cell(i, j)], [cell(0, j)]]];
    default: {
      const name = operation.op === "sigmoid" ? "σ" : operation.op;
      return [`${own} = ${name}(${one}) = ${name}(${at(a, i, j)}) = ${value}`, same];
    }
  }
}

const index = (tensor, i, j) => (tensor.shape.length > 1 ? `[${i}, ${j}]` : `[${j}]`);

// The first products of a row with a row, and how many there are.
function products(a, b, i, j) {
  const count = columnsOf(a), shown = count > 4 ? 3 : count;
  const terms = [];
  for (let k = 0; k < shown; k++) {
    terms.push(`${written(valueOf(a, i, k))}·${written(valueOf(b, j, k))}`);
  }
  return terms.join(" + ") + (shown < count ? ` + … (${count} products)` : "");
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
  if (name === "x_{t}") return told("{own} is {reads}", { own, reads: filled(pass.reads, step) });
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
