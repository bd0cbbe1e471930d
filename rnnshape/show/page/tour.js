// The guided tour: its stops, the arrows that they name, and two small figures beside the text.

const figures = {
  // 35 numbers in a row: where those of one step lie, sequence first and batch first
  memory: () => {
    const strip = (words, atStep) => {
      const cells = Array.from({ length: 35 }, (_, place) =>
        made("i", atStep(place) ? { class: "at" } : {}));
      return made("div", {}, made("code", {}, words), made("div", { class: "strip" }, ...cells));
    };
    return made("div", { class: "figure" },
      strip(told("input[2] of 5×7: one piece of memory"), (place) => Math.floor(place / 7) === 2),
      strip(told("input[:, 2] of 7×5 (batch_first): seven pieces"), (place) => place % 5 === 2));
  },
  // a row of W is a column of its transpose
  turn: () => {
    const sheet = (words, rows, columns, lit) => {
      const cells = Array.from({ length: rows * columns }, (_, place) =>
        made("i", lit(Math.floor(place / columns), place % columns) ? { class: "at" } : {}));
      const grid = made("div", { class: "sheet" }, ...cells);
      grid.style.gridTemplateColumns = `repeat(${columns}, 8px)`;
      return made("div", {}, made("code", {}, words), grid);
    };
    return made("div", { class: "figure turn" },
      sheet("W_ih 20×10", 20, 10, (row) => row === 3),
      sheet("W_ihᵀ 10×20", 10, 20, (_, column) => column === 3));
  },
};

function visit(number) {
  play(false);
  stop = Math.max(0, Math.min(data.tour.length - 1, number));
  const { title, text, reading: at, focus, marks, figure } = data.tour[stop];
  element("tour").hidden = false;
  element("tour-open").setAttribute("aria-expanded", true);
  element("tour-count").textContent = told("Stop {number} of {count}",
    { number: stop + 1, count: data.tour.length });
  element("tour-title").textContent = title;
  element("tour-text").replaceChildren(...text.map((words) =>
    made("p", / = .*[·⊙]/.test(words) && words.length < 70 ? { class: "equation" } : {}, words)),
    ...(figures[figure] ? [figures[figure]()] : []));
  element("tour-back").disabled = stop === 0;
  element("tour-next").disabled = stop === data.tour.length - 1;
  open(at, focus ? Math.max(0, findStep(data.readings[at], ...focus)) : 0);
  markArrows(marks);
}

// Light the arrows that the text names.
function markArrows(kinds) {
  for (const wire of element("picture").querySelectorAll("path")) {
    const named = kinds.some((kind) => wire.classList.contains(kind));
    wire.classList.toggle("named", named && !wire.classList.contains("halo"));
  }
}

function leaveTour() {
  stop = -1;
  markArrows([]);
  element("tour").hidden = true;
  element("tour-open").setAttribute("aria-expanded", false);
}

function closeTour() {
  leaveTour();
  open(0, 0);
  element("tour-open").focus();
}

