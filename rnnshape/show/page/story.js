// What is said of a step: its place, what it reads, and where what it leaves goes.
function titleOf() {
  const single = reading.passes[0].up === null; // a cell module
  const time = step.t === "t" ? told("every t") : `t=${step.t}`;
  const cell = single ? told("its one step") : step.pass.direction === "head" ? told("head, {time}", { time })
    : told("layer {layer} {direction}, {time}", { ...step.pass, time });
  return reading.back ? told("backward of {cell}", { cell }) : cell;
}

// What a step reads: a piece of the input, or what the layer below has left.
function readsOf(pass) {
  const reads = filled(pass.reads, step);
  if (pass.below === null) return reads;
  return told("{reads} of layer {layer}", { reads, layer: pass.below })
    + (reading.bidirectional ? told(", both directions side by side") : "");
}

function sizesOf({ sizes }) {
  const head = sizes.K ? told(", K = {K} out of the head", sizes) : "";
  return told("T = {T} steps, N = {N} in the batch, I = {I} features (input_size), H = {H} hidden (hidden_size)", sizes) + head;
}

const listed = (words) => words.join(told(" and "));
const named = (place) => told("{name} of {shape}", {
  name: filled(step.record.tensors[place][0], step), shape: step.record.tensors[place][1].join("×"),
});

// The backward: where the gradients come from that arrive at a step, and where it sends its own.
function backStory() {
  const { pass, record, previous, next } = step;
  if (!record.state.length) return told("Nothing arrives: a cut lies between here and the loss.");
  const from = { output: told("from the loss"), input: told("from the layer above") };
  const arrives = record.arrives.map((place) => `${named(place)} ${
    from[record.tensors[place][2]] ?? told("from t={t}", { t: previous })}`);
  const passes = record.state.map((place, number) => {
    const name = record.passes[number], to = name.endsWith("0") ? pass.first
      : name !== "dx" ? `t=${next}` : pass.layer ? told("the layer below") : told("the input");
    return `${named(place)} ${pass.direction === "head" ? told("to the last layer")
      : told("to {to}", { to })}`;
  });
  const sum = arrives.length ? told("What arrives here: {arrives}.", { arrives: listed(arrives) }) : "";
  return `${sum} ${told("The step hands on {passes}, against the arrows, and adds its part to the gradient of each weight.",
    { passes: listed(passes) })}`.trim();
}

function story() {
  if (reading.back) return backStory();
  const { pass, previous, next } = step;
  const left = listed(step.record.state.map(named));
  const reads = readsOf(pass);
  if (pass.up === null) {
    return told("The cell reads {reads} and the state {first}, and returns {left}.",
      { reads, first: pass.first, left });
  }
  const up = typeof pass.up === "number" ? told("layer {layer}", { layer: pass.up })
    : filled(pass.up, step);
  if (pass.direction === "head") {
    return told("The head reads {reads} and leaves {left}: {up}.", { reads, left, up });
  }
  const found = previous === null ? told("the state {first}", pass)
    : told("the state that t={t} left", { t: previous });
  const on = step.t === "t" ? told("to the next step")
    : next === null ? told("where it is the final state, {last}", pass) : told("to t={t}", { t: next });
  const fields = { reads, found, left, on, up };
  return turns(pass.direction === "reverse"
    ? told("This cell reads {reads}, and {found}. It leaves {left}: to the left, {on}; and up, to {up}.", fields)
    : told("This cell reads {reads}, and {found}. It leaves {left}: to the right, {on}; and up, to {up}.", fields));
}

// Which sequences of a packed batch end here, or begin here in the reverse direction.
function turns(words) {
  const { pass } = step, reverse = pass.direction === "reverse";
  const beside = reverse ? step.previous : step.next;
  if (beside === null || step.t === "t") return words;
  const other = stepAt(reading, step.index + (reverse ? -1 : 1));
  const rows = ({ record }) => record.tensors[record.state[0]][1][0];
  const count = rows(step) - rows(other);
  if (count <= 0) return words;
  const fields = { count, state: reverse ? pass.first : pass.last };
  if (reverse) {
    return words + (count === 1 ? told(" One sequence begins here, from {state}.", fields)
      : told(" {count} sequences begin here, from {state}.", fields));
  }
  return words + (count === 1 ? told(" One sequence ends here: the state goes to {state}.", fields)
    : told(" {count} sequences end here: the state goes to {state}.", fields));
}

// All steps at once, on paper: each with its sentence, its operations and their numbers.
const MOST_PRINTED = 200;

function printAll() {
  play(false);
  const here = step, count = Math.min(reading.length, MOST_PRINTED);
  const all = Array.from({ length: count }, (_, number) => {
    step = stepAt(reading, number);
    const rows = step.record.operations.map((operation) => {
      const words = (pieces) => filled(pieces.map(([piece]) => piece).join(""), step);
      const tensor = tensorOf(reading, step, operation.output);
      const row = made("li", {}, made("span", { class: "names" },
        `${tensor.name} ${operation.inputs.includes(operation.output) ? "+=" : "="} ${
          words(operation.equation)}`), " ",
      made("span", { class: "shapes" }, words(operation.shapes)));
      if (tensor.from !== null) {
        const map = new HeatMap(tensor, () => {});
        map.show(tensor);
        row.append(map.figure);
      }
      return row;
    });
    return made("article", {}, made("h2", {}, titleOf()), made("p", {}, story()),
      made("ol", {}, ...rows));
  });
  step = here;
  if (count < reading.length) {
    all.push(made("p", {}, told("The first {count} of {all} steps.", { count, all: reading.length })));
  }
  element("all").replaceChildren(...all);
  document.body.classList.add("whole");
  window.print();
}

addEventListener("afterprint", () => {
  element("all").replaceChildren();
  document.body.classList.remove("whole");
});
