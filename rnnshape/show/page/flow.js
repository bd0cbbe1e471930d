// The gradient on the picture: in each cell its norm, the box as strong as it is large.
const flow = data.numbers?.flow;
let flowing = false;

const short = (norm) => (norm >= 0.01 && norm < 1000 ? String(+norm.toPrecision(3))
  : norm.toExponential(norm >= 1e-99 && norm < 1e99 ? 1 : 0).replace("+", ""));

function showFlow() {
  if (!flow) return;
  const on = flowing && numbered(reading);
  element("flow").hidden = false;
  element("flow").disabled = !numbered(reading);
  press("flow", on);
  const [least, most] = ends().map(Math.log);
  for (const [, group] of order) {
    const norm = normOf(...group.dataset.at.split(" ")), words = group.querySelectorAll("text");
    const shown = on && norm !== null;
    words.forEach((node, line) => {
      node.own ??= node.innerHTML;
      node.innerHTML = !shown ? node.own
        : line === words.length - 1 ? short(norm) : line ? "" : "‖dh‖";
    });
    const share = most - least > 0.05 ? (Math.log(norm) - least) / (most - least) : 1;
    group.querySelector("rect").style.fillOpacity = shown ? 0.04 + 0.42 * Math.max(0, share) : "";
  }
  sayFlow();
}

// The norm at a cell, whichever way the walk goes.
const normOf = (layer, direction, t) =>
  flow.norms[findStep(data.readings[0], Number(layer), direction, Number(t))];

function ends() {
  const above = flow.norms.filter((norm) => norm > 0);
  return above.length ? [Math.min(...above), Math.max(...above)] : [1, 1];
}

function sayFlow() {
  if (!flow) return;
  element("flow-note").hidden = !(flowing && numbered(reading));
  const here = normOf(step.pass.layer, step.pass.direction, step.t);
  const [least, most] = ends().map(short);
  element("flow-note").textContent = told("‖dh‖ in each cell: how large the gradient of L is at its h, over the whole batch; from {least} to {most}, shaded by its logarithm.",
    { least, most }) + (here === null ? "" : told(" At this step: {norm}.", { norm: short(here) }))
    + ` L = ${flow.loss}.`;
}
